"""Patients, subgroups, averages, bootstrap statistics, cohort: counted by hand on a few boxes."""

import math

import numpy as np
import pandas as pd
import pytest
from rating_tables import raters_of
from sklearn.metrics import f1_score

from tfspine.errors import EvaluationError, FormatError
from tfspine.evaluation.boxes.measures import measure_by_box
from tfspine.evaluation.boxes.member_average import average_metrics
from tfspine.evaluation.boxes.pairs import paired, restrict
from tfspine.evaluation.boxes.reader_metrics import compare
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.tables.agreement_weighted import macro_f1
from tfspine.evaluation.tables.bootstrap import statistics
from tfspine.evaluation.tables.cohort import Person, age_band, cohort_table, persons_of, scanner_of
from tfspine.evaluation.tables.confusion import confusion_table
from tfspine.evaluation.tables.patients import Boxes, worst_grades
from tfspine.evaluation.tables.probabilities import operating_table
from tfspine.evaluation.tables.subgroups import subgroup_table
from tfspine.evaluation.tables.table import plain
from tfspine.formats.slices_csv import SLICE_COLUMNS
from tfspine.labels import Region

CANAL = Region.CENTRAL_CANAL
FAR = {"xmin": 40.0, "xmax": 50.0}


@pytest.fixture
def pairs(box_table):
    """Patient one has studies a and b (mild, severe); two has c (mild) with a false alarm; three has d, not found."""
    reference = box_table(
        {"study": "a", "slice": "a1", "grade": "mild", "level": "L4-L5"},
        {"study": "b", "slice": "b1", "grade": "severe", "level": "L5-S1"},
        {"study": "c", "slice": "c1", "grade": "mild", "level": "L4-L5"},
        {"study": "d", "slice": "d1", "grade": "moderate"},
    )
    reader = box_table(
        {"study": "a", "slice": "a1", "grade": "moderate"},
        {"study": "b", "slice": "b1", "grade": "moderate"},
        {"study": "c", "slice": "c1", "grade": "mild"},
        {"study": "c", "slice": "c1", "grade": "severe", **FAR},
    )
    return paired(restrict(reference, reader), iou=0.3)


PATIENTS = {"a": "one", "b": "one", "c": "two", "d": "three"}


def test_pairs_hold_every_box_of_the_reference_and_what_is_extra(pairs) -> None:
    assert pairs.boxes["is_found"].tolist() == [True, True, True, False]
    assert pairs.boxes["call"].tolist()[:3] == [2, 2, 1]
    assert math.isnan(pairs.boxes["call"][3])
    assert pairs.extra["call"].tolist() == [3]
    assert pairs.images[CANAL] == 4


def test_the_worst_box_grades_the_patient_false_alarms_included(pairs) -> None:
    worst = worst_grades(pairs, CANAL, PATIENTS, boxes=Boxes.ALL).set_index("patient")
    assert worst["truth"].to_dict() == {"one": 3, "two": 1, "three": 2}
    assert worst["call"].dropna().to_dict() == {"one": 2, "two": 3}


def test_matched_boxes_raise_no_false_alarm(pairs) -> None:
    worst = worst_grades(pairs, CANAL, PATIENTS, boxes=Boxes.MATCHED).set_index("patient")
    assert worst["call"].dropna().to_dict() == {"one": 2, "two": 1}


def test_a_study_without_a_patient_is_one_of_its_own(pairs) -> None:
    assert len(worst_grades(pairs, CANAL, {}, boxes=Boxes.ALL)) == 4


@pytest.fixture
def read_set(box_table) -> ReadingSet:
    """The boxes of `pairs`, none of them extra."""
    reference = box_table(
        {"study": "a", "slice": "a1", "grade": "mild", "level": "L4-L5"},
        {"study": "b", "slice": "b1", "grade": "severe", "level": "L5-S1"},
        {"study": "c", "slice": "c1", "grade": "mild", "level": "L4-L5"},
        {"study": "d", "slice": "d1", "grade": "moderate"},
    )
    return ReadingSet("internal", reference, reference, {"model": reference.iloc[:3]}, PATIENTS, 0.3, 0.95)


def test_subgroups_divide_the_boxes(read_set) -> None:
    studies = pd.DataFrame(
        {"study": ["a", "b", "c", "d"], "vendor": ["GE", "GE", "Philips", "GE"], "field_strength": ["3 T"] * 4}
    )
    found = subgroup_table(read_set, studies=studies)
    table = plain(found)
    count = table.set_index(["factor", "subgroup"])["n"].to_dict()
    assert count == {
        ("Level", "L4-L5"): 2, ("Level", "L5-S1"): 1, ("Level", "not stated"): 1,
        ("Vendor", "GE"): 3, ("Vendor", "Philips"): 1, ("Field", "3 T"): 4,
    }  # fmt: skip
    assert table["subgroup"].tolist()[:3] == ["L4-L5", "L5-S1", "not stated"]
    of = table.set_index("subgroup")
    assert of["recall"]["GE"] == pytest.approx(2 / 3)
    assert of["patients"]["GE"] == 2  # a and b are one patient's
    assert "Not known here: sex, age" in found.note


def test_subgroups_by_sex_and_age_keep_who_is_not_known_and_the_smallest(read_set) -> None:
    people = {"1.1": Person(39.99, "F"), "1.2": Person(40.0, "M"), "1.3": Person(math.nan, "M")}
    uids = {"study": ["a", "b", "c"], "study_instance_uid": ["1.1", "1.2", "1.3"]}
    table = plain(subgroup_table(read_set, studies=persons_of(slices(**uids), people)))
    count = table[table["factor"].isin(["Sex", "Age"])].set_index("subgroup")["n"]
    # Study d has no slices: nothing is known of it.
    assert list(count.items()) == [
        ("men", 2), ("women", 1), ("not stated", 1), ("0-39 years", 1), ("40-59 years", 1), ("not stated", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(("years", "band"), [(0, "0-39 years"), (59.9, "40-59 years"), (80, "80 years and over")])
def test_ages_fall_into_bands(years: float, band: str) -> None:
    assert age_band(years) == band


def test_every_graded_box_of_the_reference_is_somewhere_in_the_confusions(box_table) -> None:
    reference = box_table(*({"slice": f"s{n}", "grade": "mild"} for n in range(4)))
    reader = reference.assign(grade=["mild", "severe", None, None]).iloc[:3]
    table = confusion_table({"model": compare(reference, reader, iou=0.3, confidence=0.95)})
    row = next(row for row in table.rows if row["grade"] == "mild")
    assert (row["mild"], row["severe"], row["ungraded"], row["not_found"], row["boxes"]) == (1, 1, 1, 1, 4)


def test_a_region_without_an_operating_point_is_listed(box_table) -> None:
    boxes = box_table({"grade": "mild"}).assign(p_normal=0.1, p_mild=0.7, p_moderate=0.1, p_severe=0.1)
    both = [ReadingSet(name, boxes, boxes, {"net": boxes}, {}, 0.3, 0.95) for name in ("internal", "validation")]
    row = operating_table(both[0], validation=both[1]).rows[0]  # not one positive to choose by
    assert row["usual_specificity"].value == 1.0
    assert "threshold" not in row
    assert not operating_table(both[0], validation=None).rows


def test_the_bootstrap_statistics_are_those_of_the_tables_when_nobody_is_drawn_twice(pairs) -> None:
    boxes = pairs.boxes
    found = measure_by_box(boxes, confidence=0.95)
    once = {name: statistic(np.ones((1, len(boxes))))[0] for name, statistic in statistics(boxes)}
    assert once == pytest.approx(
        {
            "recall": 3 / 4,
            "AC1, four grades": found.agreement_four.coefficient.value,
            "AC1, two grades": found.agreement_two.coefficient.value,
            "sensitivity": 1.0,
            "specificity": 1 / 2,
            "sensitivity with missed": 1 / 2,
        }
    )


def test_weights_are_repeated_boxes(pairs) -> None:
    boxes, weights = pairs.boxes, [2, 0, 3, 1]
    repeated = boxes.loc[np.repeat(boxes.index, weights)]
    expected = measure_by_box(repeated, confidence=0.95)
    drawn = {name: statistic(np.array([weights], float))[0] for name, statistic in statistics(boxes)}
    assert drawn["AC1, four grades"] == pytest.approx(expected.agreement_four.coefficient.value)
    assert drawn["specificity"] == pytest.approx(expected.accuracy.specificity.value)
    assert drawn["recall"] == pytest.approx(5 / 6)


def test_what_no_draw_defines_is_missing(pairs) -> None:
    only_found = dict(statistics(pairs.boxes))["sensitivity"]
    assert np.isnan(only_found(np.array([[1.0, 0.0, 1.0, 0.0]]))[0])


def test_an_average_is_the_mean_of_values_and_of_limits(box_table) -> None:
    reference = box_table(*({"slice": f"s{n}", "grade": "severe"} for n in range(4)))
    members = [
        compare(reference, reference.assign(grade=["severe"] * hits + ["mild"] * (4 - hits)), iou=0.3, confidence=0.95)
        for hits in (4, 2)
    ]
    average = average_metrics(members).regions[CANAL]
    first, second = (member.regions[CANAL].accuracy.sensitivity for member in members)
    assert average.accuracy.sensitivity.value == 0.75
    assert average.accuracy.sensitivity.low == pytest.approx((first.low + second.low) / 2)
    assert average.detection[0].matched == 4
    assert math.isnan(average.agreement_four.p_value)


def test_an_average_needs_two_of_a_kind(box_table) -> None:
    one = compare(box_table({"grade": "mild"}), box_table({"grade": "mild"}), iou=0.3, confidence=0.95)
    with pytest.raises(EvaluationError, match="an average of 1 member"):
        average_metrics([one])


def mean_f1(counts: list[list[int]]) -> Estimate:
    truth, calls = (ratings.astype(float) for ratings in raters_of(counts))
    return macro_f1(truth, calls, np.arange(len(truth)), confidence=0.95)


def test_macro_f1_by_hand_and_against_scikit_learn() -> None:
    # F1 of 0: 2*2/(3+2); of 1: 2*1/(1+2). The third grade never occurs.
    assert mean_f1([[2, 1, 0], [0, 1, 0], [0, 0, 0]]).value == pytest.approx((4 / 5 + 2 / 3) / 2)
    truth, calls = [0, 0, 0, 1], [0, 0, 1, 1]
    assert mean_f1([[2, 1], [0, 1]]).value == pytest.approx(f1_score(truth, calls, average="macro"))
    assert not mean_f1([[0, 0], [0, 0]]).is_defined


@pytest.mark.parametrize("column", ["score", "p_severe"])
def test_words_for_numbers_are_refused_not_taken_for_missing(box_table, column: str) -> None:
    with pytest.raises(FormatError, match=f'reader: row 3: {column} "high"; expected a number or nothing'):
        restrict(box_table({}), box_table({column: ""}, {column: "high"}))


def slices(**columns: object) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    return table.reindex(columns=list(SLICE_COLUMNS))


def test_the_cohort_table_counts_patients_and_scanners() -> None:
    internal = slices(
        study=["a", "a", "b", "c"], patient=["p", "p", "p", "q"], plane=["axial", "sagittal", "axial", "axial"],
        manufacturer=["SIEMENS", "SIEMENS", "Siemens Healthineers", "GE MEDICAL SYSTEMS"],
        magnetic_field_strength_t=[1.5, 1.5, 1.494, 3.0], repetition_time_ms=[3500, 500, 5300, 4000],
        study_instance_uid=["1.1", "1.1", "1.2", "1.3"],
    )  # fmt: skip
    people = {"1.1": Person(40.0, "F"), "1.3": Person(60.0, "M")}
    table = cohort_table({"internal": internal}, people=people)
    facts = {row["what"]: row["internal"] for row in table.rows}
    assert (facts["Patients"], facts["Studies"]) == ("2", "3")
    assert (facts["Siemens, 1.5 T"], facts["GE, 3 T"]) == ("2 (67%)", "1 (33%)")
    assert facts["Age, years: mean ± SD (range)"] == "50 ± 14 (40-60)"
    assert (facts["Women"], facts["Axial T2w images"]) == ("1 (50%)", "3")
    assert facts["Axial T2w TR, ms: median (range)"] == "4000 (3500-5300)"
    assert facts["Sagittal T1w TE, ms: median (range)"] == "–"


def test_a_patient_with_two_studies_is_one_person_and_the_silent_are_counted() -> None:
    part = slices(
        study=["a", "b", "c", "d"], patient=["p", "p", "q", "r"], plane=["axial"] * 4,
        study_instance_uid=["1.1", "1.2", "1.3", "1.4"],
    )  # fmt: skip
    people = {"1.1": Person(math.nan, "F"), "1.2": Person(41.0, "F"), "1.3": Person(61.0, "")}
    facts = {row["what"]: row["x"] for row in cohort_table({"x": part}, people=people).rows}
    assert facts["Age, years: mean ± SD (range)"] == "51 ± 14 (41-61)"
    assert (facts["Women"], facts["Men"]) == ("1 (100%)", "0 (0%)")
    assert (facts["Age not stated"], facts["Sex not stated"]) == ("1", "2")


def test_a_scanner_of_the_second_part_alone_stands_among_the_others() -> None:
    parts = {
        name: slices(study=["a"], plane=["axial"], manufacturer=[maker], magnetic_field_strength_t=[1.5])
        for name, maker in (("here", "SIEMENS"), ("there", "Philips"))
    }
    rows = [(row["what"], row["here"], row["there"]) for row in cohort_table(parts).rows]
    assert rows[2:4] == [("Philips, 1.5 T", "0", "1 (100%)"), ("Siemens, 1.5 T", "1 (100%)", "0")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(15000, "1.5 T"), (2.89, "3 T"), (None, "not stated"), ("", "not stated"), (0, "not stated")],
)
def test_fields_are_called_by_the_nearest(value: object, expected: str) -> None:
    table = slices(study=["a"], manufacturer=["Philips"], magnetic_field_strength_t=[value])
    assert scanner_of(table)["field_strength"].tolist() == [expected]
    assert scanner_of(slices(study=["a"], manufacturer=[None]))["vendor"].tolist() == ["not stated"]
