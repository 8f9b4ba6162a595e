"""A whole comparison, counted by hand, and the tables that come of it."""

import json
import math

import pandas as pd
import pytest

from tfspine.errors import FormatError
from tfspine.evaluation.boxes.reader_metrics import compare
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.tables.paper import accuracy_table, agreement_table, recall_table, reference_table
from tfspine.evaluation.tables.table import as_text, format_estimate, format_percent, metrics_dict, plain, to_markdown
from tfspine.labels import Region

CANAL = Region.CENTRAL_CANAL


@pytest.fixture
def reference(box_table) -> pd.DataFrame:
    """Five canals on five slices: normal, mild, moderate, severe, severe."""
    grades = ["normal", "mild", "moderate", "severe", "severe"]
    return box_table(*({"slice": f"s1-axial-{n:02d}", "grade": grade} for n, grade in enumerate(grades, start=1)))


@pytest.fixture
def reader(box_table) -> pd.DataFrame:
    """Two right, a moderate called mild, one at IoU 0.35, one missed; an extra box; and a box elsewhere."""
    return box_table(
        {"slice": "s1-axial-01", "grade": "normal", "score": 0.9},
        {"slice": "s1-axial-02", "grade": "mild", "score": 0.9},
        {"slice": "s1-axial-03", "grade": "mild", "score": 0.9},
        {"slice": "s1-axial-04", "grade": "severe", "score": 0.9, "xmax": 3.5},
        {"slice": "s1-axial-04", "grade": "severe", "score": 0.8, "xmin": 40.0, "xmax": 50.0},
        {"slice": "s9-axial-01", "study": "s9", "grade": "severe", "score": 0.8},
    )


def test_counts_by_hand(reference: pd.DataFrame, reader: pd.DataFrame) -> None:
    metrics = compare(reference, reader, iou=0.3, confidence=0.95)
    canal = metrics.regions[CANAL]
    assert [found.matched for found in canal.detection] == [4, 4, 3]
    assert [found.recall.value for found in canal.detection] == [0.8, 0.8, 0.6]
    assert [found.false_positives for found in canal.detection] == [1, 1, 2]
    extra, overlap = canal.detection[0].false_positives_per_image, canal.detection[0].mean_iou
    assert (extra.value, extra.n) == (1 / 5, 5)
    assert (overlap.value, overlap.n) == (pytest.approx((3 + 0.35) / 4), 4)
    assert canal.confusion == ((1, 0, 0, 0), (0, 1, 0, 0), (0, 1, 0, 0), (0, 0, 0, 1))
    assert canal.missed == (0, 0, 0, 1)
    assert canal.accuracy.sensitivity.value == 1 / 2
    assert canal.accuracy.end_to_end_sensitivity.value == 1 / 3
    assert canal.accuracy.specificity.value == 1
    assert (metrics.outside_boxes, metrics.outside_slices) == (1, 1)


def test_two_grades_are_normal_or_mild_against_the_rest(reference: pd.DataFrame, reader: pd.DataFrame) -> None:
    # Pairs (0, 0), (0, 0), (1, 0), (1, 1): pa = 3/4, pi = (5/8, 3/8), pe = 2 * 5/8 * 3/8.
    agreement = compare(reference, reader, iou=0.3, confidence=0.95).regions[CANAL].agreement_two
    assert agreement.coefficient.value == pytest.approx((3 / 4 - 15 / 32) / (1 - 15 / 32))


def test_rows_may_come_in_any_order(reference: pd.DataFrame, reader: pd.DataFrame) -> None:
    plain = metrics_dict(compare(reference, reader, iou=0.3, confidence=0.95))
    turned = metrics_dict(compare(reference[::-1], reader[::-1], iou=0.3, confidence=0.95))
    assert turned == plain


def test_a_slice_without_boxes_is_covered_when_the_reference_says_so(
    reference: pd.DataFrame, reader: pd.DataFrame
) -> None:
    columns = ["study", "slice", "plane"]
    covered = pd.concat([reference[columns], reader[columns]]).drop_duplicates()
    metrics = compare(reference, reader, iou=0.3, confidence=0.95, covered=covered)
    assert metrics.outside_boxes == 0
    assert metrics.regions[CANAL].images == 6
    assert metrics.regions[CANAL].detection[0].false_positives == 2


def test_a_box_without_a_grade_is_found_but_not_compared(reference: pd.DataFrame, reader: pd.DataFrame) -> None:
    ungraded = reader.assign(grade=[None, None, None, None, "mild", "mild"])
    canal = compare(reference, ungraded, iou=0.3, confidence=0.95).regions[CANAL]
    assert canal.detection[0].matched == 4
    assert canal.ungraded == 4
    assert math.isnan(canal.agreement_four.coefficient.value)
    assert canal.accuracy.sensitivity.n == 0
    assert (canal.accuracy.end_to_end_sensitivity.value, canal.accuracy.end_to_end_sensitivity.n) == (0, 3)


def test_a_side_is_part_of_the_label(box_table) -> None:
    foramen = {"region": "neural_foramen", "plane": "sagittal", "slice": "s1-sagittal-03", "grade": "mild"}
    metrics = compare(
        box_table({**foramen, "side": "left"}), box_table({**foramen, "side": "right"}), iou=0.3, confidence=0.95
    )
    found = metrics.regions[Region.NEURAL_FORAMEN].detection[0]
    assert (found.recall.value, found.false_positives) == (0, 1)
    assert not found.mean_iou.is_defined


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("grade", "bad", 'reader: row 2: grade "bad"'),
        ("region", "canal", 'region "canal"; expected one of central_canal'),
        ("xmax", None, 'row 2: xmax "nan"; expected a number: a box has four'),
    ],
)
def test_wrong_rows_are_named(reference, reader, column, value, message) -> None:
    wrong = reader.astype({column: object})
    wrong.loc[0, column] = value
    with pytest.raises(FormatError, match=message):
        compare(reference, wrong, iou=0.3, confidence=0.95)


def test_a_missing_column_is_named(reference: pd.DataFrame, reader: pd.DataFrame) -> None:
    with pytest.raises(FormatError, match="reader: no column side"):
        compare(reference, reader.drop(columns="side"), iou=0.3, confidence=0.95)


def test_tables_round_and_metrics_do_not(reference: pd.DataFrame, reader: pd.DataFrame) -> None:
    readers = {"model": compare(reference, reader, iou=0.3, confidence=0.95)}
    counts = plain(reference_table({"internal": readers}))
    assert counts.loc[0, ["normal", "severe", "boxes"]].tolist() == [1, 2, 5]
    recall = recall_table({"internal": readers}, iou=0.3)
    assert (
        as_text(recall)["Recall %, by box, IoU > 0.3"][0] == "80.0 (28.4, 99.5)"
    )  # Clopper-Pearson of 4/5 in any table
    assert as_text(recall)["Recall %, IoU > 0.3"][0] == "80.0 (no interval)"  # one patient
    assert plain(recall)["recall_0.4"][0] == 0.6
    accuracy = accuracy_table({"internal": readers})
    assert as_text(accuracy)["With missed %"][0].endswith("[1/3]")
    assert plain(accuracy)["end_to_end_sensitivity"][0] == 1 / 3
    assert as_text(agreement_table({"internal": readers}, grades=4))["Pairs"].tolist() == ["4"]
    content = json.loads(json.dumps(metrics_dict(readers["model"]), allow_nan=False))
    assert content["regions"]["central_canal"]["accuracy"]["end_to_end_sensitivity"]["value"] == 1 / 3


def test_undefined_is_null_in_json_and_a_dash_in_print(box_table) -> None:
    readers = {"model": compare(box_table({"grade": "mild"}), box_table().head(0), iou=0.3, confidence=0.95)}
    canal = metrics_dict(readers["model"])["regions"]["central_canal"]
    assert canal["agreement_four"]["coefficient"]["value"] is None
    assert as_text(agreement_table({"internal": readers}, grades=2))["Gwet AC1"].tolist() == ["–"]


def test_markdown_escapes_bars() -> None:
    assert to_markdown(pd.DataFrame({"a|b": ["x"]})) == "| a\\|b |\n| --- |\n| x |\n"


@pytest.mark.parametrize(
    ("estimate", "coefficient", "share"),
    [
        (Estimate(-0.001, -0.004, 0.2, 8, "x"), "0.00 (0.00, 0.20)", "-0.1 (-0.4, 20.0) [0.0/8]"),
        (Estimate(0.967, 0.646, 0.999, 10, "x"), "0.97 (0.65, 1.00)", "96.7 (64.6, 99.9) [9.7/10]"),
        (Estimate(1.0, math.nan, math.nan, 3, "x"), "1.00 (no interval)", "100.0 (no interval) [3/3]"),
        (Estimate(math.nan, math.nan, math.nan, 0, "x"), "–", "– [0/0]"),
    ],
)
def test_estimates_in_print(estimate: Estimate, coefficient: str, share: str) -> None:
    assert format_estimate(estimate) == coefficient
    assert format_percent(estimate, counts=True) == share
