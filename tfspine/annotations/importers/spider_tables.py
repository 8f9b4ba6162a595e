"""The two CSV files of SPIDER (Zenodo, doi 10.5281/zenodo.10159290), cleaned (docs/public_data.md).

SPIDER is sagittal and grades discs, not stenosis: it is useful for levels. Irregularities corrected here: blanks after
the sex; ``birth_date``, which holds the age; a pixel spacing that is text; ``Pfirrman``; disc label 0, which no disc
has. Discs are counted from below, 1 being L5-S1; those above L1-L2 keep their number and have no level. A spine with a
transitional vertebra is counted in the same way, so its level names may be off by one; the data set does not state
this.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tfspine.errors import AnnotationError, FormatError
from tfspine.formats.csv_files import TextRow, read_numbered_rows
from tfspine.labels import LEVELS, Level
from tfspine.structures import Refusal

OVERVIEW_FILE = "overview.csv"
GRADINGS_FILE = "radiological_gradings.csv"

SERIES_NAME = re.compile(r"(?P<patient>\d+)_(?P<sequence>t1|t2|t2_SPACE)")
SERIES_COLUMNS = (
    "series", "patient", "sequence", "subset", "sex", "age_years", "vertebrae", "discs", "row_spacing_mm",
    "column_spacing_mm", "slice_thickness_mm", "magnetic_field_strength_t", "manufacturer",
)  # fmt: skip

GRADES: Mapping[str, tuple[str, int, int]] = {
    "Modic": ("modic", 0, 3),
    "UP endplate": ("upper_endplate", 0, 1),
    "LOW endplate": ("lower_endplate", 0, 1),
    "Spondylolisthesis": ("spondylolisthesis", 0, 1),
    "Disc herniation": ("disc_herniation", 0, 1),
    "Disc narrowing": ("disc_narrowing", 0, 1),
    "Disc bulging": ("disc_bulging", 0, 1),
    "Pfirrman grade": ("pfirrmann_grade", 1, 5),
}
"""tfspine's name, lowest and highest value of each column."""

GRADING_COLUMNS = ("patient", "disc", "level", *(name for name, _, _ in GRADES.values()))
CENTRE_COLUMNS = ("series", "patient", "disc", "level", "x_mm", "y_mm", "z_mm", "voxels")
"""Columns of `levels.csv`: the centre of every disc in a mask."""

HIGHEST_DISC = 9


def level_of_disc(disc: int) -> Level | None:
    """Return the level of a disc counted from below, 1 being L5-S1; None above L1-L2.

    Raises:
        AnnotationError: the number is below 1.
    """
    if disc < 1:
        raise AnnotationError(f"disc {disc}; expected 1 (L5-S1) or more")
    return LEVELS[len(LEVELS) - disc] if disc <= len(LEVELS) else None


def read_overview(folder: Path) -> tuple[pd.DataFrame, list[Refusal]]:
    """Return one row of `SERIES_COLUMNS` per series, and the refused lines.

    Raises:
        FormatError: the file is missing or lacks a column.
    """
    columns = (
        "new_file_name", "num_vertebrae", "num_discs", "sex", "birth_date", "subset", "PixelSpacing", "SliceThickness",
        "MagneticFieldStrength", "Manufacturer",
    )  # fmt: skip
    rows: dict[str, tuple[Any, ...]] = {}
    refused = []
    for line, row in read_numbered_rows(folder / OVERVIEW_FILE, columns):
        try:
            series = _series(row)
            if series[0] in rows:
                raise AnnotationError(f"series {series[0]} is repeated; the first line counts")
        except FormatError as error:
            refused.append(Refusal(OVERVIEW_FILE, str(error), line=line))
            continue
        rows[series[0]] = series
    return pd.DataFrame(rows.values(), columns=list(SERIES_COLUMNS)), refused


def read_gradings(folder: Path, patients: set[str]) -> tuple[pd.DataFrame, list[Refusal]]:
    """Return one row of `GRADING_COLUMNS` per disc, and the refused lines.

    Args:
        folder: the data set.
        patients: those of the overview; a disc of any other patient is refused.

    Raises:
        FormatError: the file is missing or lacks a column.
    """
    rows: dict[tuple[str, int], tuple[Any, ...]] = {}
    refused = []
    for line, row in read_numbered_rows(folder / GRADINGS_FILE, ("Patient", "IVD label", *GRADES)):
        try:
            if row["Patient"] not in patients:
                raise AnnotationError(f"patient {row['Patient']} has no series in {OVERVIEW_FILE}")
            disc = _whole(row, "IVD label", 1, HIGHEST_DISC)
            if (row["Patient"], disc) in rows:
                raise AnnotationError(f"disc {disc} of patient {row['Patient']} is repeated; the first line counts")
            grades = [_whole(row, column, low, high) for column, (_, low, high) in GRADES.items()]
        except FormatError as error:
            refused.append(Refusal(GRADINGS_FILE, str(error), line=line))
            continue
        rows[row["Patient"], disc] = (row["Patient"], disc, level_of_disc(disc) or "", *grades)
    return pd.DataFrame(rows.values(), columns=list(GRADING_COLUMNS)), refused


def _series(row: TextRow) -> tuple[Any, ...]:
    match = SERIES_NAME.fullmatch(row["new_file_name"])
    if not match:
        raise AnnotationError(f'new_file_name "{row["new_file_name"]}"; expected NUMBER_t1, _t2 or _t2_SPACE')
    if row["sex"] not in ("F", "M"):
        raise AnnotationError(f'sex "{row["sex"]}"; expected F or M')
    return (
        row["new_file_name"],
        match["patient"],
        match["sequence"],
        row["subset"],
        row["sex"],
        _number(row, "birth_date") if row["birth_date"] else "",
        int(_number(row, "num_vertebrae")),
        int(_number(row, "num_discs")),
        *_spacing_mm(row["PixelSpacing"]),
        _number(row, "SliceThickness"),
        _number(row, "MagneticFieldStrength"),
        row["Manufacturer"],
    )


def _spacing_mm(text: str) -> tuple[float, float]:
    """Read ``[.46875, .46875]``, between rows and between columns; JSON requires a digit before the point."""
    try:
        row_mm, column_mm = json.loads(re.sub(r"(?<!\d)\.", "0.", text))
        return float(row_mm), float(column_mm)
    except (ValueError, TypeError):
        raise AnnotationError(f'PixelSpacing "{text}"; expected two numbers in brackets') from None


def _number(row: TextRow, column: str) -> float:
    try:
        return float(row[column])
    except ValueError:
        raise AnnotationError(f'{column} "{row[column]}"; expected a number') from None


def _whole(row: TextRow, column: str, low: int, high: int) -> int:
    value = _number(row, column)
    if value != int(value) or not low <= value <= high:
        raise AnnotationError(f'{column} "{row[column]}"; expected a whole number from {low} to {high}')
    return int(value)
