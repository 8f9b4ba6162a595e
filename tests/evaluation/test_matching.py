"""Matching of boxes: cases whose overlap is plain by eye, ties, and properties."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.boxes import iou
from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.matching import BOX, match_tables

SQUARE = (0, 0, 10, 10)
HALF = (0, 0, 10, 5)  # IoU with SQUARE: 1/2
QUARTER = (0, 0, 5, 5)  # IoU with SQUARE: 1/4

small_boxes = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 8), st.integers(1, 8)).map(
        lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
    ),
    max_size=6,
)


def match_boxes(reference, reader, *, threshold: float, scores=None):
    """Match boxes of one label on one image, as tables of them."""
    tables = [pd.DataFrame(np.reshape(boxes, (-1, 4)), columns=BOX).assign(slice="a") for boxes in (reference, reader)]
    tables[1]["score"] = np.nan if scores is None else scores
    return match_tables(*tables, threshold=threshold, label=("slice",))


def indices(pairs) -> list[tuple[int, int]]:
    return [(pair.reference, pair.reader) for pair in pairs]


def test_the_threshold_is_strict() -> None:
    assert match_boxes([SQUARE], [HALF], threshold=0.5) == ()
    assert indices(match_boxes([SQUARE], [HALF], threshold=0.49)) == [(0, 0)]


def test_the_best_overlap_goes_first() -> None:
    pairs = match_boxes([SQUARE], [QUARTER, HALF], threshold=0.2)
    assert indices(pairs) == [(0, 1)]
    assert pairs[0].iou == 0.5


def test_of_equal_overlap_the_higher_score_goes_first() -> None:
    assert indices(match_boxes([SQUARE], [HALF, HALF], threshold=0.2, scores=[0.6, 0.9])) == [(0, 1)]


def test_of_equal_overlap_and_score_the_lower_index_goes_first() -> None:
    assert indices(match_boxes([SQUARE], [HALF, HALF], threshold=0.2)) == [(0, 0)]
    assert indices(match_boxes([SQUARE, SQUARE], [HALF], threshold=0.2)) == [(0, 0)]


def test_people_have_no_scores() -> None:
    assert indices(match_boxes([SQUARE], [HALF, HALF], threshold=0.2, scores=[np.nan, np.nan])) == [(0, 0)]


def test_a_box_without_area_matches_nothing() -> None:
    assert match_boxes([(3, 3, 3, 8)], [(3, 3, 3, 8)], threshold=0.0) == ()


@pytest.mark.parametrize(("reference", "reader"), [([], [SQUARE]), ([SQUARE], []), ([], [])])
def test_nothing_matches_nothing(reference: list[tuple[int, ...]], reader: list[tuple[int, ...]]) -> None:
    assert match_boxes(reference, reader, threshold=0.2) == ()


def test_a_threshold_in_per_cent_is_refused() -> None:
    with pytest.raises(EvaluationError, match="IoU threshold 30"):
        match_boxes([SQUARE], [SQUARE], threshold=30)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([(0, 0, 10, np.nan)], "missing or infinite"),
        ([(0, 0, np.inf, 10)], "missing or infinite"),
    ],
)
def test_boxes_that_are_none_are_refused(boxes, message: str) -> None:
    for pair in ((boxes, [SQUARE]), ([SQUARE], boxes)):
        with pytest.raises(EvaluationError, match=message):
            match_boxes(*pair, threshold=0.3)


@given(small_boxes, small_boxes, st.sampled_from([0.0, 0.2, 0.5]))
def test_pairs_are_one_to_one_above_the_threshold_and_maximal(reference, reader, threshold) -> None:
    pairs = match_boxes(reference, reader, threshold=threshold)
    left, right = ([pair.reference for pair in pairs], [pair.reader for pair in pairs])
    assert len(set(left)) == len(left)
    assert len(set(right)) == len(right)
    assert all(pair.iou > threshold for pair in pairs)
    overlap = iou(reference, np.reshape(reader, (-1, 4)))
    free = np.delete(np.delete(overlap, left, axis=0), right, axis=1)
    assert not (free > threshold).any()


@given(small_boxes, small_boxes)
def test_a_higher_threshold_finds_no_more(reference, reader) -> None:
    found = [len(match_boxes(reference, reader, threshold=threshold)) for threshold in (0.2, 0.3, 0.4)]
    assert found == sorted(found, reverse=True)


def test_image_region_and_side_must_agree(box_table) -> None:
    recess = {"region": "lateral_recess"}
    reference = box_table({**recess, "side": "left"}, {**recess, "side": "right", "slice": "b"})
    reader = box_table({**recess, "side": "right"}, {**recess, "side": "right", "slice": "b"})
    pairs = match_tables(reference, reader, threshold=0.2, label=("slice", "region", "side"))
    assert indices(pairs) == [(1, 1)]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, ""])
def test_boxes_without_a_side_match_whatever_stands_for_none(box_table, missing) -> None:
    # A canal has no side: empty in a CSV, which pandas reads as NaN, and one NaN is not another.
    table = box_table({}, {"slice": "b"})
    canal = table.assign(side=pd.Series([missing, missing], dtype=object))
    for other in (table, canal):
        assert indices(match_tables(canal, other, threshold=0.2, label=("slice", "region", "side"))) == [(0, 0), (1, 1)]


def test_a_threshold_is_checked_also_where_nothing_could_match(box_table) -> None:
    with pytest.raises(EvaluationError, match="IoU threshold 30"):
        match_tables(box_table({}), box_table({"slice": "b"}), threshold=30, label=("slice", "region", "side"))
