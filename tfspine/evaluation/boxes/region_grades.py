"""One grade for each level and side, from the boxes of a reader or the reference, as a radiologist receives them.

A study has 5 canals, 10 recesses and 10 foramina. Each is graded from its boxes on all slices by one rule, the worst
box (`grading_box.py`), for the reference and the reader alike. A box belongs to the level and side given in its own
table: a reader who names the wrong level grades the wrong region.

The reference shows where a reader's box really lies: at the level of the reference's box that it matches, or, for an
axial box without a match, at the level that the reference gives to the slice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.evaluation.boxes.matching import BOX
from tfspine.evaluation.boxes.pairs import PROBABILITIES, Compared, grade_codes
from tfspine.grading_box import grading_box
from tfspine.labels import Plane, Region

PLACE = ["study", "region", "level", "side"]
"""Columns that identify a region of a patient; the side of the canal is empty."""


@dataclass(frozen=True)
class RegionGrades:
    """A reader's grades compared with the reference's.

    Attributes:
        regions: one row per region that the reference graded: `PLACE`, `truth` and `call` (0 to 3, `call` NaN if it was
            not found or graded), `is_in_place` (the box that gave the call lies at that level), and the four
            probabilities of that box, NaN where none were given.
        extra: how many regions, by kind, the reader graded and the reference did not.
        unplaced: how many boxes of the reference, then of the reader, have no level, or no side where there are two,
            and so grade no region.
        has_levels: whether the reference, then the reader, gives any level at all.
    """

    regions: pd.DataFrame
    extra: Mapping[Region, int]
    unplaced: tuple[int, int]
    has_levels: tuple[bool, bool]


def region_grades(both: Compared, *, iou: float) -> RegionGrades:
    """Grade every region of every study from the reference's and from the reader's boxes.

    Args:
        both: the boxes that are compared.
        iou: overlap that two boxes must exceed to show the same region.
    """
    reference, reader = both.reference, both.reader.assign(shown=shown_levels(both, iou=iou))
    of_reference, of_reader = _graded(reference), _graded(reader)
    truth = of_reference.loc[of_reference["grade_code"].notna(), [*PLACE, "grade_code"]]
    calls = of_reader[[*PLACE, "grade_code", "shown", *PROBABILITIES]]
    joined = truth.rename(columns={"grade_code": "truth"}).merge(
        calls.rename(columns={"grade_code": "call"}), on=PLACE, how="left"
    )
    called = calls.loc[calls["grade_code"].notna(), PLACE].merge(truth[PLACE], on=PLACE, how="left", indicator=True)
    extra = called.loc[called["_merge"] == "left_only", "region"].value_counts()
    return RegionGrades(
        regions=joined.assign(is_in_place=joined["shown"] == joined["level"]).drop(columns="shown"),
        extra={region: int(extra.get(region.value, 0)) for region in Region},
        unplaced=(int((~_has_place(reference)).sum()), int((~_has_place(reader)).sum())),
        has_levels=(bool((reference["level"] != "").any()), bool((reader["level"] != "").any())),
    )


def shown_levels(both: Compared, *, iou: float) -> NDArray[np.object_]:
    """Return the level, by the reference, at which each of the reader's boxes lies, object [n]; "" where unknown."""
    shown = _levels_of_slices(both)
    found = both.matched(iou=iou)
    shown[[pair.reader for pair in found]] = both.reference["level"].to_numpy(object)[
        [pair.reference for pair in found]
    ]
    return shown


def _levels_of_slices(both: Compared) -> NDArray[np.object_]:
    """Return the reference's level of the axial slice of each of the reader's boxes, where it is unambiguous."""
    image = ["study", "slice"]
    said = both.reference[(both.reference["plane"] == Plane.AXIAL.value) & (both.reference["level"] != "")]
    levels = said.groupby(image)["level"].agg(["nunique", "first"])
    known = levels.loc[levels["nunique"] == 1, ["first"]].reset_index()
    is_axial = both.reader["plane"] == Plane.AXIAL.value
    of_slice = both.reader[image].merge(known, on=image, how="left")["first"].fillna("").to_numpy(object)
    return np.where(is_axial, of_slice, "").astype(object)


def _graded(boxes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per region that has a box: the columns of the box that grades it, and its `grade_code`."""
    codes = grade_codes(boxes)
    shares = boxes[PROBABILITIES].to_numpy(np.float64)
    at = np.nan_to_num(codes, nan=0).astype(int)
    own = np.where(np.isnan(codes), np.nan, shares[np.arange(len(boxes)), at])
    placed = boxes.assign(grade_code=codes, own=own)[_has_place(boxes)]
    # Of identical boxes the first counts: the order of a table must not matter.
    placed = placed.sort_values([*PLACE, "slice", *BOX], kind="stable").reset_index(drop=True)
    keep = []
    for rows in placed.groupby(PLACE, sort=False).indices.values():
        chosen = grading_box(*(placed[name].to_numpy(np.float64)[rows] for name in ("grade_code", "score", "own")))
        keep.append(rows[0 if chosen is None else chosen])
    return placed.iloc[keep]


def _has_place(boxes: pd.DataFrame) -> "pd.Series[bool]":
    is_paired = boxes["region"].map({region.value: region.is_paired for region in Region}).astype(bool)
    return (boxes["level"] != "") & ((boxes["side"] != "") | ~is_paired)
