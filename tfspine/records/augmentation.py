"""Small random shear, zoom, rotation and shift of crops: one affine resampling of a whole batch, never a flip."""

import math

import tensorflow as tf

from tfspine.config import GraderConfig


def is_wanted(config: GraderConfig) -> bool:
    """Whether the configuration moves crops at all."""
    return any((config.shear, config.zoom, config.rotation_deg, config.shift))


def augment(crops: tf.Tensor, seed: tf.Tensor, config: GraderConfig) -> tf.Tensor:
    """Move each crop of a batch at random, within the limits of the configuration.

    Shear is a ratio of columns to rows, zoom a ratio of sizes (rows and columns apart), rotation in degrees, shift a
    ratio of the crop's extent; each is drawn uniformly between minus and plus its limit. Pixels from outside the crop
    repeat its edge.

    Args:
        crops: float32 [N, S, S, C].
        seed: int64 [2]; the same seed gives the same movement.
        config: the limits.

    Returns:
        crops, float32 [N, S, S, C].
    """
    count, size = tf.shape(crops)[0], tf.shape(crops)[1]
    uniform = tf.random.stateless_uniform([6, count], seed, minval=-1.0, maxval=1.0)
    transforms = _affine(uniform, config, extent_px=tf.cast(size, tf.float32))
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=crops,
        transforms=transforms,
        output_shape=tf.shape(crops)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _affine(uniform: tf.Tensor, config: GraderConfig, *, extent_px: tf.Tensor) -> tf.Tensor:
    """Return for each crop the map from output to input pixels about the crop's centre, float32 [N, 8].

    Row by row a0, a1, a2, b0, b1, b2, 0, 0 with x_in = a0 x + a1 y + a2 and y_in = b0 x + b1 y + b2.
    """
    angle = uniform[0] * (config.rotation_deg * math.pi / 180.0)
    shear = uniform[1] * config.shear
    zoom_x = 1.0 + uniform[2] * config.zoom
    zoom_y = 1.0 + uniform[3] * config.zoom
    cosine, sine = tf.cos(angle), tf.sin(angle)
    # Rotation after shear after zoom: [[c, -s], [s, c]] [[1, k], [0, 1]] diag(zx, zy).
    a0, a1 = cosine * zoom_x, (cosine * shear - sine) * zoom_y
    b0, b1 = sine * zoom_x, (sine * shear + cosine) * zoom_y
    centre = (extent_px - 1.0) / 2.0
    a2 = centre * (1.0 - a0 - a1) + uniform[4] * config.shift * extent_px
    b2 = centre * (1.0 - b0 - b1) + uniform[5] * config.shift * extent_px
    zero = tf.zeros_like(a0)
    return tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=-1)
