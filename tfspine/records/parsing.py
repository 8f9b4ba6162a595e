"""Reading examples back: the slice and its boxes, in pixels."""

from collections.abc import Sequence

import tensorflow as tf

from tfspine.labels import Plane
from tfspine.records import features

_PLANE_AND_NUMBER = f"-({'|'.join(Plane)})-[0-9]+$"
"""The part of a key that `structures.slice_key` appends to the study."""

_SINGLE = {
    features.IMAGE: tf.io.FixedLenFeature((), tf.string),
    features.KEY: tf.io.FixedLenFeature((), tf.string),
    features.HEIGHT: tf.io.FixedLenFeature((), tf.int64),
    features.WIDTH: tf.io.FixedLenFeature((), tf.int64),
}
_PER_BOX = {
    features.YMIN: tf.float32,
    features.XMIN: tf.float32,
    features.YMAX: tf.float32,
    features.XMAX: tf.float32,
    features.REGION: tf.string,
    features.SIDE: tf.string,
    features.LEVEL: tf.string,
    features.GRADE: tf.int64,
}


def parse_example(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Decode one example.

    Returns:
        ``image`` uint8 [H, W, 1]; ``key`` string; for each of M boxes ``boxes_yxyx_px`` float32 [M, 4], ``region``,
        ``side`` and ``level`` string [M] ("" if missing), ``grade`` int64 [M] (-1 if unknown).
    """
    parsed = tf.io.parse_single_example(
        serialized,
        _SINGLE | {name: tf.io.RaggedFeature(dtype) for name, dtype in _PER_BOX.items()},
    )
    extent = tf.cast(tf.stack([parsed[features.HEIGHT], parsed[features.WIDTH]] * 2), tf.float32)
    normalised = tf.stack([parsed[name] for name in (features.YMIN, features.XMIN, features.YMAX, features.XMAX)], -1)
    return {
        "image": tf.io.decode_png(parsed[features.IMAGE], channels=1),
        "key": parsed[features.KEY],
        "boxes_yxyx_px": normalised * extent,
        "region": parsed[features.REGION],
        "side": parsed[features.SIDE],
        "level": parsed[features.LEVEL],
        "grade": parsed[features.GRADE],
    }


def image_sizes_px(files: Sequence[str]) -> set[tuple[int, int]]:
    """Return the different (rows, columns) of the images in TFRecord files; decodes no image."""
    sizes = tf.data.TFRecordDataset(list(files)).map(_size, num_parallel_calls=tf.data.AUTOTUNE).batch(1024)
    return {(int(rows), int(columns)) for batch in sizes.as_numpy_iterator() for rows, columns in batch}


def is_of_studies(serialized: tf.Tensor, studies: Sequence[str]) -> tf.Tensor:
    """Whether an example belongs to one of `studies`, bool []; reads its key only and decodes no image."""
    parsed = tf.io.parse_single_example(serialized, {features.KEY: _SINGLE[features.KEY]})
    study = tf.strings.regex_replace(parsed[features.KEY], _PLANE_AND_NUMBER, "")
    return tf.reduce_any(tf.equal(study, tf.constant(tuple(studies), tf.string)))


def _size(serialized: tf.Tensor) -> tf.Tensor:
    names = (features.HEIGHT, features.WIDTH)
    parsed = tf.io.parse_single_example(serialized, {name: _SINGLE[name] for name in names})
    return tf.stack([parsed[name] for name in names])
