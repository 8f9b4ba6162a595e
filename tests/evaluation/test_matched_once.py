"""Boxes are matched once for each reader and set in a whole evaluation, whatever is measured of them."""

import pandas as pd
import pytest

from tfspine.config import EvaluationConfig
from tfspine.evaluation.boxes import pairs
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.evaluate import measure_in_full
from tfspine.evaluation.question import Question
from tfspine.labels import GRADE_WORDS
from tfspine.progress import silent


@pytest.fixture
def set_of(box_table):
    """Return a function that makes a set of some readers: six axial slices, each with a canal of a level."""
    boxes = box_table(
        *(
            {"study": f"s{number}", "slice": f"a{number}", "grade": GRADE_WORDS[number % 4], "level": "L4-L5"}
            for number in range(6)
        )
    )

    def make(name: str, readers: dict[str, float]) -> ReadingSet:
        moved = {reader: boxes.assign(ymax=boxes["ymax"] + by) for reader, by in readers.items()}
        return ReadingSet(name, boxes, boxes, moved, {}, 0.3, 0.95)

    return make


def test_boxes_are_matched_once_for_each_reader_and_set(set_of, monkeypatch: pytest.MonkeyPatch) -> None:
    matched: list[tuple[int, int]] = []
    match_tables = pairs.match_tables

    def counted(reference: pd.DataFrame, reader: pd.DataFrame, **options):
        matched.append((len(reference), len(reader)))
        return match_tables(reference, reader, **options)

    monkeypatch.setattr(pairs, "match_tables", counted)
    readers = {"m1": 0.5, "m2": 1.0, "person": 2.0}
    question = Question(
        internal=set_of("internal", readers),
        external=set_of("external", readers),
        validation=set_of("validation", readers),
        model="mean",
        averages={"mean": ("m1", "m2")},
    )
    measure_in_full(question, EvaluationConfig(replicates=20), seed=1, track=silent)
    # Each set's reference is counted beside itself; nobody has scores or probabilities to fit on validation.
    assert len(matched) == 2 * (len(readers) + 1)


def test_what_matches_at_a_threshold_is_what_was_taken_first_at_a_lower_one(box_table) -> None:
    reference = box_table({"xmax": 10}, {"xmin": 4, "xmax": 14})
    reader = box_table({"xmin": 3, "xmax": 13, "score": 0.9}, {"xmin": 1, "xmax": 11, "score": 0.8})
    both = pairs.restrict(reference, reader, covered=None)
    for threshold in (0.0, 0.2, 0.5, 0.7, 0.8, 0.85, 0.9):
        straight = pairs.match_tables(both.reference, both.reader, threshold=threshold, label=pairs.LABEL)
        assert both.matched(iou=threshold) == straight
