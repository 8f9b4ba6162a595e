"""Crops of boxes for the grader, in TensorFlow operations: training and serving use the same function.

A crop is the box enlarged to 150 % and clipped to the image, resized bilinearly to a square, scaled
to 0..1 and repeated to three channels (docs/paper.md, Crop). Crops of the side `labels.MIRRORED_SIDE` are mirrored.
"""

import tensorflow as tf

from tfspine.boxes import CROP_MARGIN

CHANNELS = 3


def crop_regions(
    images: tf.Tensor, boxes_yxyx_px: tf.Tensor, image_indices: tf.Tensor, mirrored: tf.Tensor, *, size_px: int
) -> tf.Tensor:
    """Cut and resize the surroundings of boxes.

    Output pixel i lies at ``ymin + (i + 0.5) * (ymax - ymin) / size_px`` in corner coordinates; beyond the centres of
    the outermost pixels of the image the nearest one is repeated. Shrinking a crop applies no low-pass filter.

    Args:
        images: windowed slices, uint8 [N, H, W, 1].
        boxes_yxyx_px: boxes in pixels of their image, float32 [M, 4]; an empty box gives a uniformly grey crop.
        image_indices: the image of each box, 0..N-1, int32 [M].
        mirrored: whether the crop of each box is flipped left to right, bool [M].
        size_px: rows and columns of a crop.

    Returns:
        crops, float32 [M, size_px, size_px, 3] in 0..1.
    """
    windows = enlarge(boxes_yxyx_px, tf.shape(images)[1:3])
    # The image is padded by one repeated pixel: crop_and_resize returns black where a sample falls outside.
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="SYMMETRIC")
    samples = _first_and_last_sample(windows, size_px) + 1.0
    top, left, bottom, right = tf.unstack(samples, axis=-1)
    left, right = tf.where(mirrored, right, left), tf.where(mirrored, left, right)
    extent = tf.cast(tf.tile(tf.shape(padded)[1:3], [2]) - 1, tf.float32)
    crops = tf.image.crop_and_resize(
        padded, tf.stack([top, left, bottom, right], axis=-1) / extent, image_indices, [size_px, size_px]
    )
    return tf.repeat(crops / 255.0, CHANNELS, axis=-1)


def enlarge(boxes_yxyx_px: tf.Tensor, size_px: tf.Tensor) -> tf.Tensor:
    """Return the 150 % windows of boxes, float32 [M, 4], clipped to an image of int32 `size_px` (rows, columns).

    Each side moves outwards by a quarter of the box's extent, so that the window is half as large again in each
    direction (docs/paper.md, Crop).
    """
    low, high = boxes_yxyx_px[:, :2], boxes_yxyx_px[:, 2:]
    margin = (high - low) * (CROP_MARGIN / 2)
    limits = tf.cast(tf.tile(size_px, [2]), tf.float32)
    return tf.clip_by_value(tf.concat([low - margin, high + margin], axis=-1), 0.0, limits)


def _first_and_last_sample(windows_yxyx_px: tf.Tensor, size_px: int) -> tf.Tensor:
    """Return where the first and last pixels of a crop lie, in coordinates of pixel centres, float32 [M, 4]."""
    low, high = windows_yxyx_px[:, :2], windows_yxyx_px[:, 2:]
    half_step = (high - low) / (2.0 * size_px)
    return tf.concat([low + half_step, high - half_step], axis=-1) - 0.5
