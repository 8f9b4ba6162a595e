"""All boxes of a folder of label files as one table."""

from pathlib import Path
from typing import Any

import pandas as pd

from tfspine.annotations.label_folder import labels_of_slices
from tfspine.errors import AnnotationError
from tfspine.formats.boxes_csv import annotated_rows, box_table
from tfspine.formats.labelimg_xml import misfits, read_voc
from tfspine.formats.slices_csv import read_slice_rows


def labels_table(labels: Path, folder: Path) -> pd.DataFrame:
    """Return the boxes of every label file of a folder; study and plane come from the slices of `folder`.

    Raises:
        AnnotationError: a label file is invalid, has no slice, or contradicts it.
    """
    slices = read_slice_rows(folder)
    rows: list[dict[str, Any]] = []
    for path in labels_of_slices(labels, slices).values():
        annotated = read_voc(path)
        if annotated.key not in slices:
            raise AnnotationError(f"{path}: no slice {annotated.key} in {folder}; name the labels after the slices")
        slice_ = slices[annotated.key]
        if problem := next(misfits(annotated, slice_), ""):
            raise AnnotationError(f"{path}: {problem}")
        rows += annotated_rows(annotated, study=slice_.study, plane=slice_.plane)
    return box_table(rows)
