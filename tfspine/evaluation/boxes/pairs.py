"""Every box of the reference with the reader's result for it: the one table that all statistics are counted from.

Only slices that the reference covers and the reader read are compared (`coverage.py`). Boxes match within a study, an
image, a region and a side (`matching.py`): names of slices may repeat between studies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.coverage import Coverage, full_coverage, image_names, is_image_of, regions_of
from tfspine.evaluation.boxes.matching import Pair, check_threshold, match_tables
from tfspine.formats.boxes_csv import PROBABILITY_COLUMNS, checked_boxes
from tfspine.grading_box import is_counted
from tfspine.labels import GRADE_WORDS, Grade, Region

LABEL = ("study", "slice", "region", "side")
"""Columns that must be equal for two boxes to match; the region determines the plane of the slice."""

COVERED_COLUMNS = ("study", "slice", "plane")
PROBABILITIES = list(PROBABILITY_COLUMNS)


@dataclass(frozen=True)
class Pairs:
    """A reader's boxes paired with the reference's.

    Attributes:
        boxes: one row per box of the reference: study, slice, region, side, level, `truth` (grade 0 to 3, NaN without
            one), `is_found`, and of the matching box `iou`, `score`, `call` (its grade) and the four probabilities, NaN
            where nothing was found or no value was given.
        extra: the reader's boxes on covered slices that match nothing: the same columns, `truth` NaN.
        images: on how many covered slices the reader searched for each region.
        regions: those for which either has a box on the covered slices, in the order of `labels.Region`, also where the
            reader never read them.

    The boxes of the reference are numbered (their index) over everything that the reference covers, however much the
    reader read: rows of two readers are about the same box where their index is equal.
    """

    boxes: pd.DataFrame
    extra: pd.DataFrame
    images: Mapping[Region, int]
    regions: tuple[Region, ...]

    def of(self, region: Region) -> "Pairs":
        """Return the pairs of one region."""
        boxes, extra = (table[table["region"] == region] for table in (self.boxes, self.extra))
        return Pairs(boxes, extra, self.images, (region,))


@dataclass(frozen=True)
class Compared:
    """Both tables, restricted to what is compared.

    Attributes:
        reference: its boxes where the reader read, numbered as on all covered slices.
        reader: the reader's boxes there, numbered from 0; for a model those that reach its operating point.
        searched: the same including those below the operating point, for curves over all scores.
        outside: the reader's boxes on slices that the reference does not cover.
        covered: columns study, slice, plane: the slices that the reference covers, each once.
        read: what the reader read.
        images: on how many of the covered slices the reader searched for each region.
        regions: those for which either has a box on the covered slices.
    """

    reference: pd.DataFrame
    reader: pd.DataFrame
    searched: pd.DataFrame
    outside: pd.DataFrame
    covered: pd.DataFrame
    read: Coverage
    images: Mapping[Region, int]
    regions: tuple[Region, ...]

    @cached_property
    def overlapping(self) -> tuple[Pair, ...]:
        """All pairs of boxes that overlap at all, by row numbers of `reference` and `reader`: matched once."""
        return match_tables(self.reference, self.reader, threshold=0.0, label=LABEL)

    def matched(self, *, iou: float) -> tuple[Pair, ...]:
        """Return the pairs of an IoU above a threshold.

        Pairs are taken by falling IoU, so the matches at a higher threshold are those taken first at a lower one.

        Raises:
            EvaluationError: the threshold is out of range.
        """
        check_threshold(iou)
        return tuple(pair for pair in self.overlapping if pair.iou > iou)


def paired(both: Compared, *, iou: float) -> Pairs:
    """Return every box of the reference with the reader's box that overlaps it by more than `iou`."""
    found = both.matched(iou=iou)
    left, right = both.reference.index[[pair.reference for pair in found]], [pair.reader for pair in found]
    columns = ["study", "slice", "region", "side", "level"]
    boxes = both.reference[columns].assign(truth=grade_codes(both.reference), is_found=False, iou=np.nan, call=np.nan)
    boxes = boxes.assign(**dict.fromkeys(["score", *PROBABILITIES], np.nan))
    calls = grade_codes(both.reader)
    values: dict[str, Any] = {"is_found": True, "iou": [pair.iou for pair in found], "call": calls[right]}
    values |= {name: both.reader[name].to_numpy(np.float64)[right] for name in ("score", *PROBABILITIES)}
    for name, value in values.items():
        boxes.loc[left, name] = value
    extra = both.reader.assign(truth=np.nan, call=calls, is_found=False, iou=np.nan).drop(index=right)
    return Pairs(boxes, extra[boxes.columns], both.images, both.regions)


def restrict(
    reference: pd.DataFrame, reader: pd.DataFrame, *, covered: pd.DataFrame | None = None, read: Coverage | None = None
) -> Compared:
    """Check both tables, and return the parts that are compared: what the reference covers and the reader read.

    Args:
        reference: table with `boxes_csv.BOX_COLUMNS`, boxes in pixels of the slice.
        reader: the same of a person or a model.
        covered: columns study, slice, plane; None means the slices with a box of the reference.
        read: what the reader read; None means all that is covered.

    Raises:
        FormatError: a column is missing, or a word, number or box is invalid (`boxes_csv.checked_boxes`).
        EvaluationError: no slice is covered.
    """
    reference, reader = checked_boxes(reference, name="reference"), checked_boxes(reader, name="reader")
    if covered is None:
        covered = reference
    covered = covered[list(COVERED_COLUMNS)].drop_duplicates()
    if covered.empty:
        raise EvaluationError("reference: covers no slice; expected at least one slice to compare")
    read = read or full_coverage(covered)
    images = image_names(covered)
    reference = reference[is_image_of(reference, images)].reset_index(drop=True)
    inside, counted = is_image_of(reader, images), is_counted(reader["score"], reader["score_threshold"])
    seen = inside & read.rows(reader)
    named = regions_of(reference) | regions_of(reader[inside])
    return Compared(
        reference=reference[read.rows(reference)],
        reader=reader[seen & counted].reset_index(drop=True),
        searched=reader[seen].reset_index(drop=True),
        outside=reader[~inside & counted],
        covered=covered,
        read=read,
        images={region: len(read.images(covered, region)) for region in Region},
        regions=tuple(region for region in Region if region in named),
    )


def grade_codes(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the grades as 0 to 3, NaN where a box has none."""
    codes = {word: float(code) for code, word in enumerate(GRADE_WORDS)}
    return np.array([codes.get(word, np.nan) for word in table["grade"]], np.float64)


def two_grades(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 for moderate and severe, 0 for normal and mild; NaN stays."""
    return np.where(np.isnan(codes), np.nan, codes >= Grade.MODERATE)
