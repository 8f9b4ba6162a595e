"""The score from which boxes count: by hand, by its promise, and in every table of an evaluation."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.config import EvaluationConfig
from tfspine.evaluation.boxes.detection_curves import detection_curve
from tfspine.evaluation.boxes.operating_boxes import ThresholdSource, operating_boxes
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.boxes.score_threshold import choose_score_threshold
from tfspine.evaluation.paper_results import metrics_of
from tfspine.evaluation.question import Question, at_operating_boxes
from tfspine.evaluation.region_results import regions_of_readers
from tfspine.evaluation.tables.recall_cost import recall_cost_table
from tfspine.formats.boxes_csv import BOX_COLUMNS, counted_boxes, read_boxes, write_boxes
from tfspine.labels import Region

CANAL = Region.CENTRAL_CANAL
FAR = {"xmin": 40.0, "xmax": 50.0}


@pytest.mark.parametrize(
    ("allowed", "threshold", "recall", "false_boxes"),
    [(0.0, 0.9, 1 / 3, 0.0), (0.25, 0.7, 2 / 3, 0.25), (0.49, 0.7, 2 / 3, 0.25), (0.5, 0.0, 2 / 3, 0.5)],
)
def test_the_lowest_score_within_the_allowed_rate(ranked, allowed, threshold, recall, false_boxes) -> None:
    found = choose_score_threshold(detection_curve(*ranked, iou=0.3, images=4), allowed=allowed)
    assert found is not None
    assert (found.threshold, found.recall, found.false_boxes_per_image) == (threshold, recall, false_boxes)
    assert (found.boxes, found.images) == (3, 4)


def test_where_the_surest_box_is_one_too_many_no_box_counts(box_table) -> None:
    reader = box_table({"score": float(np.float32(0.9)), **FAR}, {"score": 0.5})
    found = choose_score_threshold(detection_curve(box_table({}), reader, iou=0.3, images=1), allowed=0.25)
    assert found is not None
    assert found.threshold == float(np.nextafter(np.float32(0.9), np.float32(1)))
    assert (found.recall, found.false_boxes_per_image) == (0.0, 0.0)


def test_without_boxes_there_is_nothing_to_choose(box_table) -> None:
    nothing = box_table({}).assign(score=0.5).head(0)
    assert choose_score_threshold(detection_curve(box_table({}), nothing, iou=0.3, images=1), allowed=0.25) is None
    some = box_table({"score": 0.5})
    assert choose_score_threshold(detection_curve(nothing, some, iou=0.3, images=1), allowed=0.25) is None


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 9)), min_size=1, max_size=20),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]),
)
def test_it_keeps_its_promise_and_a_lower_score_would_not(boxes: list[tuple[bool, int]], allowed: float) -> None:
    """Each box has a slice of its own, with one reference, and matches it or misses it."""
    rows = [{"study": "s", "slice": str(n), "plane": "axial", "region": CANAL.value} for n in range(len(boxes))]
    table = pd.DataFrame(rows).reindex(columns=list(BOX_COLUMNS))
    reference = table.assign(ymin=0.0, xmin=0.0, ymax=10.0, xmax=10.0)
    left = np.array([0.0 if is_hit else 40.0 for is_hit, _ in boxes])
    scores = np.array([tenths / 10 for _, tenths in boxes])
    found = choose_score_threshold(
        detection_curve(
            reference, reference.assign(xmin=left, xmax=left + 10, score=scores), iou=0.3, images=len(boxes)
        ),
        allowed=allowed,
    )
    assert found is not None
    is_false = left > 0
    assert (is_false & (scores >= found.threshold)).mean() <= allowed
    for lower in {score for score in scores if score < found.threshold}:
        assert (is_false & (scores >= lower)).mean() > allowed


@pytest.fixture
def question(box_table) -> Question:
    """A model with a sure canal on each slice, right and normal, and below it on every second one a severe false box.

    Validation looks the same; the external set too. At 0.25 false boxes per image the false ones have to go.
    """

    def set_of(name: str, study: str) -> ReadingSet:
        slices = [{"study": study, "slice": f"{study}-axial-{n:02d}", "level": "L4-L5", "side": ""} for n in range(8)]
        reference = box_table(*(row | {"grade": "normal"} for row in slices))
        sure = [row | {"grade": "normal", "score": 0.9} for row in slices]
        false = [row | FAR | {"grade": "severe", "score": 0.85} for row in slices[::2]]
        model = box_table(*sure, *false)
        covered = reference[["study", "slice", "plane"]].drop_duplicates()
        return ReadingSet(name, reference, covered, {"m": model, "her": reference}, {}, 0.3, 0.95)

    sets = (set_of("internal", "a"), set_of("external", "b"), set_of("validation", "c"))
    return Question(sets[0], "m", external=sets[1], validation=sets[2])


def test_every_table_uses_the_threshold_of_validation_and_the_curve_all_scores(question: Question) -> None:
    before, after = question, at_operating_boxes(question, allowed=0.25)
    assert regions_of_readers(before.internal)["m"][CANAL].over_called == 1
    for set_ in (after.internal, after.external):
        assert set_ is not None
        assert regions_of_readers(set_)["m"][CANAL].over_called == 0
        assert set_.metrics["m"].regions[CANAL].detection[0].false_positives == 0
        assert set_.pairs["m"].extra.empty
    table = recall_cost_table(after.sets, metrics_of(after), averages={}, told=after.told)
    row = next(row for row in table.rows if (row["set"], row["reader"]) == ("internal", "m"))
    assert (row["score"], row["recall"].value, row["false_boxes"].value) == (0.9, 1.0, 0.0)
    assert [row[f"recall_at_{rate}"].value for rate in (0.125, 0.25, 0.5, 1)] == [1.0] * 4
    assert "m: chosen here, on validation, for 0.25 false boxes per image" in table.note
    person = next(row for row in table.rows if row["reader"] == "her")
    assert math.isnan(person["score"]) and "recall_at_0.25" not in person


def test_recall_at_a_rate_pays_for_false_boxes_that_are_surer(question: Question, box_table) -> None:
    """The false box of every second slice above the right ones: at 0.125 false boxes per image nothing is found."""
    boxes = question.internal.readers["m"]
    worse = boxes.assign(score=boxes["score"].where(boxes["grade"] == "normal", 0.95))
    turned = ReadingSet("internal", question.internal.reference, question.internal.covered, {"m": worse}, {}, 0.3, 0.95)
    [row] = recall_cost_table([turned], {"internal": turned.metrics}, averages={}, told="").rows
    assert (row["recall"].value, row["false_boxes"].value) == (1.0, 0.5)
    assert [row[f"recall_at_{rate}"].value for rate in (0.125, 0.25, 0.5, 1)] == [0.0, 0.0, 1.0, 1.0]


def test_a_model_that_brings_its_operating_point_keeps_it(question: Question) -> None:
    boxes = question.internal.readers["m"].assign(score_threshold=0.5)
    own = ReadingSet("internal", question.internal.reference, question.internal.covered, {"m": boxes}, {}, 0.3, 0.95)
    found = operating_boxes(own, question.validation, allowed=0.25)["m"]
    assert (found.source, dict(found.thresholds)) == (ThresholdSource.MODEL, {CANAL: 0.5})


def test_without_validation_it_is_said_that_every_box_counts(question: Question) -> None:
    alone = Question(question.internal, "m")
    assert at_operating_boxes(alone, allowed=0.25).told == "m: no operating point: every box counts"
    assert EvaluationConfig().false_boxes_per_image == 0.25


def test_the_operating_point_survives_the_table_and_tables_of_people_have_none(
    question: Question, tmp_path: Path
) -> None:
    boxes = question.internal.readers["m"].assign(score_threshold=0.87, level_certain="", score=[0.9] * 8 + [0.85] * 4)
    write_boxes(tmp_path / "boxes.csv", boxes.drop(columns="grade").assign(grade=""))
    assert len(counted_boxes(read_boxes(tmp_path / "boxes.csv"))) == 8
    people = boxes.drop(columns=["score_threshold", "score"]).assign(score=np.nan, score_threshold=np.nan)
    assert len(counted_boxes(people)) == 12
