"""The served detector: takes windowed slices and returns boxes in input pixels, in one graph.

The Model Garden's own export returns coordinates of the resized image and preprocesses one image after the other;
here the whole batch is resized at once and the boxes are returned in input pixels.
"""

from typing import NamedTuple

import tensorflow as tf
from official.vision.ops import anchor, preprocess_ops

from tfspine.config import Experiment
from tfspine.labels import Plane
from tfspine.models import garden
from tfspine.models.image_size import share_of_canvas


class Detections(NamedTuple):
    """Detections of N images, with D slots per image; slots from `count` on hold zeros.

    `boxes_yxyx_px` float32 [N, D, 4], `classes` int32 [N, D], `scores` float32 [N, D], `count` int32 [N].
    """

    boxes_yxyx_px: tf.Tensor
    classes: tf.Tensor
    scores: tf.Tensor
    count: tf.Tensor


class Detector(tf.Module):
    """A Faster R-CNN of one plane with its preprocessing."""

    def __init__(self, experiment: Experiment, plane: Plane) -> None:
        super().__init__(name=f"{plane}_detector")
        task = garden.to_experiment(experiment, plane).task
        self._config = task.model
        self._detector = experiment.detector
        self._canvas_px = tuple(task.model.input_size[:2])
        self.network = garden.DetectorTask(task, detector=experiment.detector).build_model()

    def __call__(self, images: tf.Tensor) -> Detections:
        """Find regions in images, uint8 [N, H, W, 1]."""
        network_images, image_info = self._preprocess(images)
        batch = tf.shape(images)[0]
        answer = self.network.call(
            images=network_images,
            image_shape=tf.tile(tf.constant([self._canvas_px], tf.float32), [batch, 1]),
            anchor_boxes=self._anchors(batch),
            training=False,
        )
        return self._in_input_pixels(answer, image_info, tf.shape(images)[1:3])

    def _preprocess(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return float32 [N, *canvas, 3] as the training parser makes it, and the Model Garden's image_info [4, 2].

        The Model Garden's resize takes one image [H, W, C]. The images of a batch are passed as its channels, which a
        bilinear resize treats alike.
        """
        batch, rows, columns = tf.unstack(tf.shape(images)[:3])
        normal = preprocess_ops.normalize_image(tf.repeat(tf.cast(images, tf.float32), 3, axis=-1) / 255.0)
        channels = tf.reshape(tf.transpose(normal, [1, 2, 0, 3]), [rows, columns, batch * 3])
        # The parser rounds this size in the same way, where it scales by a share.
        size_px = tf.round(share_of_canvas([rows, columns], self._detector) * tf.constant(self._canvas_px, tf.float32))
        resized, image_info = preprocess_ops.resize_and_crop_image(channels, size_px, padded_size=self._canvas_px)
        padded = tf.reshape(resized, [*self._canvas_px, batch, 3])
        return tf.transpose(padded, [2, 0, 1, 3]), image_info

    def _anchors(self, batch: tf.Tensor) -> dict[str, tf.Tensor]:
        generator = anchor.build_anchor_generator(
            min_level=self._config.min_level,
            max_level=self._config.max_level,
            num_scales=self._config.anchor.num_scales,
            aspect_ratios=self._config.anchor.aspect_ratios,
            anchor_size=self._config.anchor.anchor_size,
        )
        levels = generator(image_size=self._canvas_px)
        return {level: tf.tile(boxes[tf.newaxis], [batch, 1, 1, 1]) for level, boxes in levels.items()}

    def _in_input_pixels(self, answer: dict[str, tf.Tensor], image_info: tf.Tensor, size_px: tf.Tensor) -> Detections:
        """Return the detections that have an area within the image, in their order: highest score first.

        Non-maximum suppression keeps boxes that have no area left after clipping. A grader cannot crop such a box,
        and a label file cannot store it.
        """
        slots = self._config.detection_generator.max_num_detections
        scale = tf.tile(image_info[2], [2])
        far_edge = tf.cast(tf.tile(size_px, [2]), tf.float32)
        boxes = tf.clip_by_value(tf.cast(answer["detection_boxes"], tf.float32) / scale, 0.0, far_edge)
        has_area = tf.reduce_all(boxes[..., 2:] > boxes[..., :2], axis=-1)
        is_found = tf.sequence_mask(answer["num_detections"], slots) & has_area
        order = tf.argsort(tf.cast(is_found, tf.int32), direction="DESCENDING", stable=True)
        count = tf.reduce_sum(tf.cast(is_found, tf.int32), axis=-1)
        is_filled = tf.sequence_mask(count, slots)

        def filled(values: tf.Tensor) -> tf.Tensor:
            moved = tf.gather(values, order, batch_dims=1)
            return tf.where(is_filled[..., tf.newaxis] if values.shape.rank == 3 else is_filled, moved, 0)

        return Detections(
            boxes_yxyx_px=filled(boxes),
            classes=filled(tf.cast(answer["detection_classes"], tf.int32)),
            scores=filled(tf.cast(answer["detection_scores"], tf.float32)),
            count=count,
        )
