"""What a detector's validation shows in TensorBoard: curves by region, and some slices with their boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfspine.formats.validated_csv import ValidatedRow

FOLDER = "validation"
"""Folder of the events in the run, beside the Model Garden's `train`."""

SHOWN = 4
"""How many slices are shown."""

LABELLED_RGB, FOUND_RGB = (0.1, 0.8, 0.1), (1.0, 0.3, 0.1)
"""Green for the labelled boxes, orange for those found."""


@dataclass(frozen=True)
class ShownSlice:
    """An image, uint8 [H, W, 1], with its labelled and found boxes, float32 [M, 4]: y, x, y, x in pixels."""

    image: NDArray[np.uint8]
    labelled: NDArray[np.float32]
    found: NDArray[np.float32]


def write_summaries(run_folder: Path, step: int, rows: Sequence[ValidatedRow], slices: Sequence[ShownSlice]) -> None:
    """Write one step of the validation.

    Args:
        run_folder: folder of the run.
        step: of the checkpoint.
        rows: the results for each region.
        slices: shown with their boxes, in this order.
    """
    with tf.summary.create_file_writer(str(run_folder / FOLDER)).as_default(step):
        for row in rows:
            tf.summary.scalar(f"recall/{row.region}", row.recall)
            tf.summary.scalar(f"average_precision/{row.region}", row.average_precision)
        for number, slice_ in enumerate(slices):
            tf.summary.image(f"slice_{number}", _drawn(slice_))


def _drawn(slice_: ShownSlice) -> tf.Tensor:
    """Return an image with its boxes, uint8 [1, H, W, 3]."""
    rows, columns, _ = slice_.image.shape
    colours = [LABELLED_RGB] * len(slice_.labelled) + [FOUND_RGB] * len(slice_.found)
    boxes = np.concatenate([slice_.labelled, slice_.found])[np.newaxis] / np.array([rows, columns] * 2, np.float32)
    grey = tf.repeat(tf.constant(slice_.image[np.newaxis], tf.float32) / 255.0, 3, axis=-1)
    drawn = tf.image.draw_bounding_boxes(grey, boxes, colours) if boxes.size else grey
    return tf.cast(tf.round(tf.clip_by_value(drawn, 0.0, 1.0) * 255.0), tf.uint8)
