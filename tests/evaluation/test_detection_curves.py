"""Free-response curves and average precision, by hand on five boxes and against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.detection_curves import (
    average_precision,
    detection_curve,
    found_scores,
    recall_at,
)
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.tables.detection import average_precision_estimate
from tfspine.formats.boxes_csv import BOX_COLUMNS


def test_points_by_hand(ranked) -> None:
    curve = detection_curve(*ranked, iou=0.3, images=4)
    assert curve.scores.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.recall.tolist() == [1 / 3, 1 / 3, 2 / 3, 2 / 3]
    assert curve.precision.tolist() == [1, 1 / 2, 2 / 3, 1 / 2]
    assert curve.false_positives_per_image.tolist() == [0, 1 / 4, 1 / 4, 2 / 4]


def test_average_precision_by_hand(ranked) -> None:
    # One third of recall at precision 1, one third at 2/3; the last third is never reached.
    assert average_precision(detection_curve(*ranked, iou=0.3, images=4)) == pytest.approx(5 / 9)


def test_recall_at_a_number_of_false_positives(ranked) -> None:
    curve = detection_curve(*ranked, iou=0.3, images=4)
    assert recall_at(curve, (0.0, 0.25, 8.0)) == (1 / 3, 2 / 3, 2 / 3)


def test_each_box_of_the_reference_is_found_from_the_score_of_the_box_that_takes_it(ranked) -> None:
    assert found_scores(*ranked, iou=0.3).tolist()[:2] == [0.9, 0.7]
    assert np.isnan(found_scores(*ranked, iou=0.3)[2])


def test_boxes_of_one_score_come_together(ranked) -> None:
    reference, reader = ranked
    curve = detection_curve(reference, reader.assign(score=0.5), iou=0.3, images=4)
    assert (curve.recall.tolist(), curve.false_positives_per_image.tolist()) == ([2 / 3], [2 / 4])


def test_the_best_overlap_of_an_image_is_taken_and_the_threshold_is_strict(box_table) -> None:
    reference = box_table({"xmax": 10.0}, {"xmax": 5.0})
    reader = box_table({"xmax": 10.0, "score": 0.9}, {"xmax": 10.0, "score": 0.8})
    assert detection_curve(reference, reader, iou=0.5, images=1).recall.tolist() == [0.5, 0.5]
    assert detection_curve(reference, reader, iou=0.49, images=1).recall.tolist() == [0.5, 1.0]


def test_sides_do_not_mix(box_table) -> None:
    recess = {"region": "lateral_recess"}
    reader = box_table({**recess, "side": "left", "score": 0.9})
    assert detection_curve(box_table({**recess, "side": "right"}), reader, iou=0.3, images=1).recall.tolist() == [0.0]


def test_without_references_nothing_is_defined(box_table) -> None:
    curve = detection_curve(box_table().head(0), box_table({"score": 0.9}), iou=0.3, images=1)
    assert np.isnan(average_precision(curve))
    assert all(np.isnan(recall_at(curve)))


def test_boxes_without_a_side_are_found_whatever_stands_for_none(box_table) -> None:
    reference, reader = box_table({}).assign(side=np.nan), box_table({"score": 0.9}).assign(side=np.nan)
    assert detection_curve(reference, reader, iou=0.3, images=1).recall.tolist() == [1.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"iou": 30, "images": 1}, "IoU threshold 30"),
        ({"iou": 0.3, "images": 0}, "0 images"),
        ({"iou": 0.3, "images": 1.5}, "1.5 images"),
    ],
)
def test_wrong_settings_are_refused(box_table, settings, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        detection_curve(box_table({}), box_table({"score": 0.9}), **settings)


def test_people_have_no_curve(box_table) -> None:
    with pytest.raises(EvaluationError, match="a box without a score"):
        detection_curve(box_table({}), box_table({}), iou=0.3, images=1)


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=30))
def test_where_everything_is_found_the_area_is_no_less_than_scikit_learns(boxes) -> None:
    """Without the monotone envelope the area is scikit-learn's; the envelope can only add."""
    corners = {"ymin": 0.0, "xmin": 0.0, "ymax": 10.0, "xmax": 10.0}
    rows = [
        dict.fromkeys(BOX_COLUMNS, "")
        | corners
        | {"slice": str(number), "region": "central_canal", "score": score / 10}
        for number, (score, _) in enumerate(boxes)
    ]
    reader = pd.DataFrame(rows)
    truth = np.array([is_hit for _, is_hit in boxes])
    if not truth.any():
        return
    curve = detection_curve(reader[truth], reader, iou=0.3, images=len(boxes))
    steps = np.diff(curve.recall, prepend=0.0) @ curve.precision
    assert steps == pytest.approx(average_precision_score(truth, reader["score"]))
    assert average_precision(curve) >= steps - 1e-12


def test_interval_of_the_area_is_that_of_patients_drawn_with_all_their_boxes(box_table) -> None:
    rng = np.random.default_rng(4)
    studies = [f"s{number}" for number in range(7)]
    patients = {"s5": "p1", "s6": "p1"}  # one patient was seen twice
    slices = [{"study": study, "slice": f"{study}-axial-{number:02d}"} for study in studies for number in (1, 2, 3)]
    reference = box_table(*slices)
    # Many equal scores; two boxes a slice, of which at most one is a hit.
    reader = box_table(
        *({**place, "score": rng.integers(1, 5) / 5, "xmin": rng.choice([0.0, 8.0])} for place in 2 * slices)
    )
    set_ = ReadingSet("internal", reference, reference, {"net": reader}, patients, 0.3, 0.9)
    replicates = 40

    estimate = average_precision_estimate(set_, reference, reader, iou=0.3, replicates=replicates, seed=9)

    people = sorted({patients.get(study, study) for study in studies})
    areas = []
    for draw in np.random.default_rng(9).multinomial(len(people), np.full(len(people), 1 / len(people)), replicates):
        copies = [
            [table.assign(slice=table["slice"] + f"-{copy}")[set_.patient_of(table["study"]) == person] for table in
             (reference, reader)]
            for person, times in zip(people, draw, strict=True) for copy in range(times)
        ]  # fmt: skip
        drawn = [pd.concat(tables) for tables in zip(*copies, strict=True)]
        areas.append(average_precision(detection_curve(*drawn, iou=0.3, images=1)))
    whole = average_precision(detection_curve(reference, reader, iou=0.3, images=1))
    assert (estimate.value, estimate.n) == (pytest.approx(whole), len(reference) + len(reader))
    assert (estimate.low, estimate.high) == pytest.approx(np.quantile(areas, [0.05, 0.95]))
