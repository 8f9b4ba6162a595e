"""Batch normalisation in one TensorFlow operation for training; files hold Keras' own layer.

Keras 3 computes the moments, the scaling and their gradients as about twenty separate operations over the whole
activation. In a grader's training step they take longer than the convolutions. TensorFlow's fused operation gives the
same values in two passes (`experiments/benchmarks/training_step.py` measures both).
"""

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer over the last axis, with a fused training step: activations float [N, H, W, C] to the same shape.

    As in Keras, the running variance follows the biased variance of the batch (Ioffe and Szegedy 2015, algorithm 1),
    and moments are float32 under any precision.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: None = None) -> tf.Tensor:
        """Normalise by the moments of the batch in training, by the running ones otherwise."""
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, unbiased, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
        self._follow(self.moving_mean, mean)
        self._follow(self.moving_variance, unbiased * ((count - 1.0) / count))
        return outputs

    def _follow(self, running: keras.Variable, value: tf.Tensor) -> None:
        running.assign(running * self.momentum + value * (1.0 - self.momentum))


def with_fused_norms(model: keras.Sequential) -> keras.Sequential:
    """Return a copy of a network that trains faster: every batch normalisation is fused; the values are the same."""
    return _with_norms(model, FusedBatchNormalization)


def with_keras_norms(model: keras.Sequential) -> keras.Sequential:
    """Return a copy of a network with Keras' own layers, whose file any Keras program can load."""
    return _with_norms(model, keras.layers.BatchNormalization)


def _with_norms(model: keras.Sequential, norm: type[keras.layers.BatchNormalization]) -> keras.Sequential:
    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind = norm if isinstance(layer, keras.layers.BatchNormalization) else type(layer)
        return kind.from_config(layer.get_config())

    copied = keras.models.clone_model(model, clone_function=copy)
    copied.set_weights(model.get_weights())
    return copied
