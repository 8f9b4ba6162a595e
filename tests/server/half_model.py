"""TensorFlow Serving's own example, x / 2 + 2, with the signatures that its messages are about."""

from pathlib import Path

import tensorflow as tf

FEATURE = {"x": tf.io.FixedLenFeature([1], tf.float32)}


class HalfModel(tf.Module):
    """`added` tells two versions apart."""

    def __init__(self, added: float = 2.0) -> None:
        super().__init__()
        self.added = tf.Variable(float(added))

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def half(self, x):
        return {"y": x / 2.0 + self.added}

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, name="a"), tf.TensorSpec([None], tf.int64, name="b")]
    )
    def pair(self, a, b):
        return {"sum": a + tf.cast(b, tf.float32), "twice": tf.concat([a, a], 0), "same": a}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.half, name="h")])
    def narrow(self, h):
        return {"h": h}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string, name="s")])
    def text(self, s):
        return {"s": s}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.uint8, name="u")])
    def bytes_(self, u):
        return {"u": u}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def total(self, x):
        return {"total": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs):
        return {"outputs": tf.io.parse_example(inputs, FEATURE)["x"] / 2.0 + self.added}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs):
        x = tf.io.parse_example(inputs, FEATURE)["x"]
        return {"classes": tf.tile([["low", "high"]], [tf.shape(x)[0], 1]), "scores": tf.concat([-x, x], 1)}


def save_half(folder: Path, added: float = 2.0) -> None:
    model = HalfModel(added)
    names = ("pair", "narrow", "text", "total", "regress", "classify")
    signatures = {name: getattr(model, name) for name in names}
    signatures |= {"serving_default": model.half, "bytes": model.bytes_}
    tf.saved_model.save(model, str(folder), signatures=signatures)
