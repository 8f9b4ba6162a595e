"""Which boxes are explained."""

from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tfspine.attribution.selection import select_boxes
from tfspine.formats.boxes_csv import BOX_COLUMNS
from tfspine.labels import GRADE_WORDS, Region


def table(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    """Make recesses of (study, level, grade, probability of the grade)."""
    content: list[dict[str, Any]] = [
        {"study": study, "slice": f"{study}-axial-{n:02d}", "plane": "axial", "region": "lateral_recess"}
        | {"side": "left", "level": level, "grade": grade, f"p_{grade}": probability}
        | {"ymin": 0, "xmin": n, "ymax": 9, "xmax": n + 9}
        for n, (study, level, grade, probability) in enumerate(rows)
    ]
    return pd.DataFrame(content, columns=list(BOX_COLUMNS))


BOXES = table(
    ("a", "L1-L2", "normal", 0.9),
    ("a", "L2-L3", "severe", 0.6),
    ("a", "L2-L3", "severe", 0.8),
    ("a", "L3-L4", "severe", 0.7),
    ("b", "L4-L5", "mild", 0.9),
    ("c", "L4-L5", "moderate", 0.9),
)


def test_each_study_gives_its_most_severe_before_any_gives_two() -> None:
    chosen = select_boxes(BOXES, region=Region.LATERAL_RECESS, number=4)
    assert chosen[["study", "level"]].to_numpy().tolist() == [
        ["a", "L2-L3"],
        ["c", "L4-L5"],
        ["b", "L4-L5"],
        ["a", "L3-L4"],
    ]
    assert chosen["p_severe"][0] == 0.8


@given(st.permutations(range(len(BOXES))), st.integers(0, 9))
def test_the_order_of_rows_does_not_matter(order: list[int], number: int) -> None:
    chosen = select_boxes(BOXES.iloc[order], region=Region.LATERAL_RECESS, number=number)
    pd.testing.assert_frame_equal(chosen, select_boxes(BOXES, region=Region.LATERAL_RECESS, number=number))
    assert len(chosen) == min(number, 5)
    assert set(chosen["grade"]) <= set(GRADE_WORDS)


def test_a_region_without_boxes_gives_none() -> None:
    assert select_boxes(BOXES, region=Region.CENTRAL_CANAL, number=3).empty
    assert list(select_boxes(BOXES.head(0), region=Region.CENTRAL_CANAL, number=3).columns) == list(BOX_COLUMNS)


def test_what_is_explained_is_what_grades_the_region() -> None:
    """A severe box with half the best score is not used; one below the operating point is not a finding."""
    two = table(("a", "L4-L5", "mild", 0.8), ("a", "L4-L5", "severe", 0.9)).assign(score=[0.9, 0.4])
    assert select_boxes(two, region=Region.LATERAL_RECESS, number=9)["grade"].tolist() == ["mild"]
    found = table(("a", "L4-L5", "mild", 0.8), ("b", "L4-L5", "severe", 0.9)).assign(score=[0.9, 0.4])
    chosen = select_boxes(found.assign(score_threshold=0.5), region=Region.LATERAL_RECESS, number=9)
    assert chosen["study"].tolist() == ["a"]


def test_boxes_that_nobody_graded_are_explained_all_the_same_and_after_the_graded() -> None:
    chosen = select_boxes(BOXES.assign(grade=""), region=Region.LATERAL_RECESS, number=9)
    assert sorted(chosen["study"]) == ["a", "a", "a", "b", "c"]
    mixed = table(("a", "L4-L5", "mild", 0.8), ("a", "L4-L5", "severe", 0.9)).assign(grade=["mild", ""])
    assert select_boxes(mixed, region=Region.LATERAL_RECESS, number=9)["grade"].tolist() == ["mild"]
