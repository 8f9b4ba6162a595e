"""A tiny model with the served signatures, its SavedModel, and images for it."""

from pathlib import Path

import numpy as np
import tensorflow as tf

SLOTS = 3


class BrightModel(tf.Module):
    """Finds the bright pixels: one box around them, whose score is their share of the image.

    `offset` is added to every box, so that two versions can be told apart.
    """

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = tf.Variable(offset)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.uint8, name="images")])
    def detect(self, images):
        # The server checks no shapes, neither this one nor TensorFlow Serving: the graph does, as in real exports.
        images = tf.ensure_shape(images, [None, None, None, 1])
        bright = images[..., 0] > 127
        found = tf.reduce_any(bright, axis=[1, 2])
        rows, columns = tf.reduce_any(bright, axis=2), tf.reduce_any(bright, axis=1)
        box = tf.stack([_first(rows), _first(columns), _past_last(rows), _past_last(columns)], axis=-1) + self.offset
        filled = tf.cast(found, tf.float32)[:, None] * tf.one_hot(0, SLOTS)[None]
        share = tf.reduce_mean(tf.cast(bright, tf.float32), axis=[1, 2])
        return {
            "boxes_yxyx_px": box[:, None, :] * filled[..., None],
            "classes": tf.cast(filled, tf.int32),
            "scores": share[:, None] * filled,
            "count": tf.cast(found, tf.int32),
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None, 1], tf.uint8, name="images"),
            tf.TensorSpec([None, None, 4], tf.float32, name="boxes_yxyx_px"),
            tf.TensorSpec([None, None], tf.int32, name="classes"),
        ]
    )
    def grade(self, images, boxes_yxyx_px, classes):
        height = boxes_yxyx_px[..., 2] - boxes_yxyx_px[..., 0]
        logits = tf.stack([height * factor for factor in (0.0, 0.1, -0.1, 0.2)], axis=-1)
        return {"grade_probabilities": tf.nn.softmax(logits) * tf.cast(classes > 0, tf.float32)[..., None]}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.uint8, name="images")])
    def read(self, images):
        found = self.detect(images)
        return found | self.grade(images, found["boxes_yxyx_px"], found["classes"])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def read_bytes(self, image_bytes):
        images = tf.map_fn(
            lambda content: tf.io.decode_png(content, channels=1),
            image_bytes,
            fn_output_signature=tf.TensorSpec([None, None, 1], tf.uint8),
        )
        return self.read(images)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="values")])
    def inverse(self, values):
        return {"inverse": 1.0 / values}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="numbers")])
    def next_number(self, numbers):
        return {"following": numbers + 1}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def echo(self, text):
        return {"text": text, "text_bytes": text, "length": tf.strings.length(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="values")])
    def total(self, values):
        return {"values": values, "total": tf.reduce_sum(values)}


def _first(flags):
    return tf.cast(tf.argmax(tf.cast(flags, tf.int32), axis=1), tf.float32)


def _past_last(flags):
    return tf.cast(tf.shape(flags)[1], tf.float32) - _first(flags[:, ::-1])


def save(model: BrightModel, folder: Path) -> None:
    names = ("read", "read_bytes", "detect", "grade", "inverse", "next_number", "echo", "total")
    signatures = {name: getattr(model, name) for name in names}
    tf.saved_model.save(model, str(folder), signatures=signatures | {"serving_default": model.read})


def bright_images(count: int, rows: int, columns: int) -> np.ndarray:
    """Images uint8 [count, rows, columns, 1]: image i has a bright rectangle from (1, 2) to (3 + i, 5)."""
    images = np.full((count, rows, columns, 1), 10, np.uint8)
    for index in range(count):
        images[index, 1 : 3 + index, 2:5] = 200
    return images
