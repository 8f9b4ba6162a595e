"""Every box of the reference with what a reader made of it: the one table that all statistics are counted from.

Only slices that the reference covers are compared. Boxes match within an image, a region and a side (`matching.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.errors import EvaluationError
from tfspine.evaluation.matching import BOX, match_tables
from tfspine.labels import GRADE_WORDS, Grade, Plane, Region
from tfspine.structures import BOX_COLUMNS

LABEL = ("slice", "region", "side")
COVERED_COLUMNS = ("study", "slice", "plane")
PROBABILITIES = ["p_normal", "p_mild", "p_moderate", "p_severe"]


@dataclass(frozen=True)
class Pairs:
    """A reader's boxes beside the reference's.

    Attributes:
        boxes: one row a box of the reference: study, slice, region, side, level, `truth` (grade 0 to 3, NaN without
            one), `is_found`, and of the matching box `iou`, `score`, `call` (its grade) and the four probabilities, NaN
            where nothing was found or nothing was said.
        extra: the reader's boxes on covered slices that match nothing: the same columns, `truth` NaN.
        images: how many covered slices show the plane of each region.
    """

    boxes: pd.DataFrame
    extra: pd.DataFrame
    images: Mapping[Region, int]

    def of(self, region: Region) -> "Pairs":
        """Return the pairs of one region."""
        return Pairs(
            self.boxes[self.boxes["region"] == region], self.extra[self.extra["region"] == region], self.images
        )

    @property
    def regions(self) -> tuple[Region, ...]:
        """Regions of which either has a box, in the order of `labels.Region`."""
        seen = {*self.boxes["region"], *self.extra["region"]}
        return tuple(region for region in Region if region in seen)


def pair_boxes(
    reference: pd.DataFrame, reader: pd.DataFrame, *, iou: float, covered: pd.DataFrame | None = None
) -> Pairs:
    """Match a reader's boxes with the reference's on the slices that the reference covers.

    Args:
        reference: table with `structures.BOX_COLUMNS`, boxes in pixels of the slice.
        reader: the same of a person or a model.
        iou: overlap that a pair must exceed.
        covered: columns study, slice, plane; None means the slices with a box of the reference.

    Raises:
        EvaluationError: a column is missing, a grade, region or box is none, or no slice is covered.
    """
    reference, reader, _, covered = restrict(reference, reader, covered=covered)
    found = match_tables(reference, reader, threshold=iou, label=LABEL)
    left, right = [pair.reference for pair in found], [pair.reader for pair in found]
    columns = ["study", "slice", "region", "side", "level"]
    boxes = reference[columns].assign(truth=grade_codes(reference), is_found=False, iou=np.nan, call=np.nan)
    boxes = boxes.assign(**dict.fromkeys(["score", *PROBABILITIES], np.nan))
    calls = grade_codes(reader)
    values: dict[str, Any] = {"is_found": True, "iou": [pair.iou for pair in found], "call": calls[right]}
    values |= {name: reader[name].to_numpy(np.float64)[right] for name in ("score", *PROBABILITIES)}
    for name, value in values.items():
        boxes.loc[left, name] = value
    extra = reader.assign(truth=np.nan, call=calls, is_found=False, iou=np.nan).drop(index=right)
    planes = covered.groupby("plane")["slice"].nunique()
    images = {region: int(planes.get(region.plane.value, 0)) for region in Region}
    return Pairs(boxes, extra[boxes.columns], images)


def restrict(
    reference: pd.DataFrame, reader: pd.DataFrame, *, covered: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Check both tables, and return the reference and the reader on covered slices, the reader elsewhere, the slices.

    Raises:
        EvaluationError: as `pair_boxes`.
    """
    reference, reader = _checked(reference, "reference"), _checked(reader, "reader")
    if covered is None:
        covered = reference[list(COVERED_COLUMNS)].drop_duplicates()
    if covered.empty:
        raise EvaluationError("reference: covers no slice; expected at least one slice to compare")
    inside = reader["slice"].isin(covered["slice"])
    seen = reference[reference["slice"].isin(covered["slice"])].reset_index(drop=True)
    return seen, reader[inside].reset_index(drop=True), reader[~inside], covered


def grade_codes(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the grades as 0 to 3, NaN where a box has none."""
    codes = {word: float(code) for code, word in enumerate(GRADE_WORDS)}
    return np.array([codes.get(word, np.nan) for word in table["grade"]], np.float64)


def two_grades(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 for moderate and severe, 0 for normal and mild; NaN stays."""
    return np.where(np.isnan(codes), np.nan, codes >= Grade.MODERATE)


def _checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the table with empty words as "", or say which row cannot be compared."""
    missing = [column for column in BOX_COLUMNS if column not in table.columns]
    if missing:
        raise EvaluationError(f"{name}: no column {', '.join(missing)}; expected {','.join(BOX_COLUMNS)}")
    given = table.reset_index(drop=True)
    names = ("study", "slice", "plane", "region", "side", "level", "grade")
    words = {column: given[column].fillna("").astype(str) for column in names}
    numbers = {column: pd.to_numeric(given[column], errors="coerce") for column in (*BOX, "score", *PROBABILITIES)}
    table = given.assign(**words, **numbers)
    known: Mapping[str, Sequence[str]] = {
        "region": [region.value for region in Region],
        "plane": [plane.value for plane in Plane],
        "grade": ["", *GRADE_WORDS],
        "side": ["", "left", "right"],
    }
    for column, values in known.items():
        wrong = table.index[~table[column].isin(values)]
        if len(wrong):
            raise EvaluationError(
                f'{name}: row {wrong[0] + 2}: {column} "{table[column][wrong[0]]}"; '
                f"expected {', '.join(word or 'empty' for word in values)}"
            )
    for column in ("score", *PROBABILITIES):
        words_for_numbers = given.index[table[column].isna() & given[column].notna() & (given[column] != "")]
        if len(words_for_numbers):
            row = words_for_numbers[0]
            raise EvaluationError(
                f'{name}: row {row + 2}: {column} "{given[column][row]}"; expected a number, or nothing'
            )
    broken = table.index[~np.isfinite(table[BOX].to_numpy(np.float64)).all(axis=1)]
    if len(broken):
        raise EvaluationError(f"{name}: row {broken[0] + 2}: a box without its four numbers; expected {','.join(BOX)}")
    return table
