"""The boxes of a plane's detector on validation slices, from which the operating point is chosen."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfspine import signatures
from tfspine.formats.boxes_csv import CORNER_COLUMNS, box_table
from tfspine.labels import DETECTOR_CLASSES
from tfspine.saved_model.plane_model import PlaneModel
from tfspine.structures import SliceImage

BATCH = 8


def validation_boxes(model: PlaneModel, slices: Sequence[SliceImage]) -> pd.DataFrame:
    """Return every box that the detector finds, whatever its score, as a table with `boxes_csv.BOX_COLUMNS`.

    A box has no grade and no level; its side is that of its class, and foramina have no side.

    Args:
        model: the model of the plane that the slices show.
        slices: any number of slices of any size.
    """
    return box_table(row for batch in _batches(slices) for row in _rows(model, batch))


def _batches(slices: Sequence[SliceImage]) -> Iterator[list[SliceImage]]:
    """Yield batches of slices of equal size."""
    of_size: dict[tuple[int, ...], list[SliceImage]] = {}
    for slice_ in slices:
        of_size.setdefault(slice_.pixels.shape, []).append(slice_)
    for alike in of_size.values():
        for start in range(0, len(alike), BATCH):
            yield alike[start : start + BATCH]


def _rows(model: PlaneModel, batch: Sequence[SliceImage]) -> Iterator[dict[str, Any]]:
    images = np.stack([slice_.pixels for slice_ in batch])[..., np.newaxis]
    found = {name: value.numpy() for name, value in model.detect(tf.constant(images)).items()}
    classes = {entry.class_id: entry for entry in DETECTOR_CLASSES[model.plane]}
    names = (signatures.BOXES.name, signatures.CLASSES.name, signatures.SCORES.name)
    for number, slice_ in enumerate(batch):
        count = int(found[signatures.COUNT.name][number])
        columns = (found[name][number][:count].tolist() for name in names)
        for box, class_id, score in zip(*columns, strict=True):
            entry = classes[class_id]
            yield {
                "study": slice_.study,
                "slice": slice_.key,
                "plane": slice_.plane.value,
                "region": entry.region.value,
                "side": entry.side or "",
                "level": "",
                **dict(zip(CORNER_COLUMNS, box, strict=True)),
                "grade": "",
                "score": score,
                "level_certain": "",
            }
