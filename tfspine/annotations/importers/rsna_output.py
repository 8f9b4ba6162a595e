"""What ``tfspine import rsna`` writes: labels, `reference.csv` and the three grades in `grades3.csv`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tfspine.annotations.importers.imported import ImportedDataset
from tfspine.annotations.importers.rsna import IngestedSlice, PlacedPoints
from tfspine.annotations.importers.rsna_tables import Grade3, RsnaTables, StudyRegion
from tfspine.formats.boxes_csv import CORNER_COLUMNS, REFERENCE_FILE, annotated_rows, box_table, write_boxes
from tfspine.formats.labelimg_xml import LABELS_FOLDER, write_label
from tfspine.formats.refused_csv import write_refused_lines
from tfspine.outputs import write_text
from tfspine.structures import pseudonym

GRADE3_COLUMNS = ("study", "level", "region", "side", "grade3", "slice", *CORNER_COLUMNS)
"""One row per region of a study. `grade3` is normal_mild, moderate, severe or empty; slice and box are empty where no
point could be used."""


def write_rsna(
    folder: Path, tables: RsnaTables, placed: PlacedPoints, targets: Sequence[IngestedSlice]
) -> ImportedDataset:
    """Fill `folder` and return what was written.

    Raises:
        OutputError: a file cannot be written.
    """
    target_of = {target.key: target for target in targets}
    boxes: list[dict[str, Any]] = []
    for annotated in placed.labels:
        write_label(folder / LABELS_FOLDER, annotated)
        target = target_of[annotated.key]
        boxes += annotated_rows(annotated, study=target.study, plane=target.plane)
    write_boxes(folder / REFERENCE_FILE, box_table(boxes))
    grades = grades3_table(tables.grades, placed)
    write_text(folder / "grades3.csv", grades.to_csv(index=False))
    refused = (*tables.refused, *placed.refused)
    write_refused_lines(folder, refused)
    counts = {"studies": int(grades["study"].nunique()), "slices": len(placed.labels), "boxes": len(boxes)}
    of_grade = {grade.value: int((grades["grade3"] == grade).sum()) for grade in Grade3}
    return ImportedDataset(counts, len(refused), {"grades": of_grade})


def grades3_table(grades: Mapping[StudyRegion, Grade3 | None], placed: PlacedPoints) -> pd.DataFrame:
    """Return one row of `GRADE3_COLUMNS` for every region of every study, with or without a box."""
    rows = []
    for place, grade in grades.items():
        key, box = placed.boxes.get(place, ("", ("", "", "", "")))
        row = (
            pseudonym(place.study_id),
            place.level.value,
            place.region.value,
            place.side or "",
            grade or "",
            key,
            *box,
        )
        rows.append(row)
    return pd.DataFrame(rows, columns=list(GRADE3_COLUMNS))
