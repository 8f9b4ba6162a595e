"""One grade for each level and side: counted by hand, unchanged by what must not matter, and on simulated readers."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from tfspine.evaluation.boxes.coverage import Coverage
from tfspine.evaluation.boxes.pairs import restrict
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.boxes.region_grades import region_grades
from tfspine.evaluation.region_results import region_results, regions_of_readers
from tfspine.evaluation.tables.challenge import challenge_table
from tfspine.evaluation.tables.table import plain
from tfspine.formats.boxes_csv import BOX_COLUMNS
from tfspine.grading_box import grading_box
from tfspine.labels import GRADE_WORDS, LEVELS, Region

CANAL = Region.CENTRAL_CANAL
PROBABILITIES = ("p_normal", "p_mild", "p_moderate", "p_severe")


def axial(number: int, level: str, grade: str, **more: object) -> dict[str, object]:
    return {"slice": f"s1-axial-{number:02d}", "level": level, "grade": grade, "side": ""} | more


def set_of(reference: pd.DataFrame, **readers: pd.DataFrame) -> ReadingSet:
    covered = reference[["study", "slice", "plane"]].drop_duplicates()
    return ReadingSet("internal", reference, covered, readers, {}, 0.3, 0.95)


@pytest.fixture
def reference(box_table) -> pd.DataFrame:
    """Five canals, that of L4-L5 on two slices."""
    return box_table(
        axial(1, "L1-L2", "normal"),
        axial(2, "L2-L3", "mild"),
        axial(3, "L3-L4", "moderate"),
        axial(4, "L4-L5", "mild"),
        axial(5, "L4-L5", "severe"),
        axial(6, "L5-S1", "moderate"),
    )


@pytest.fixture
def reader(box_table) -> pd.DataFrame:
    """L1-L2 over-called, L2-L3 right, L3-L4 not found, L4-L5 under-called, L5-S1 right."""
    return box_table(
        axial(1, "L1-L2", "moderate"),
        axial(2, "L2-L3", "mild"),
        axial(4, "L4-L5", "moderate"),
        axial(5, "L4-L5", "mild"),
        axial(6, "L5-S1", "moderate"),
    )


def test_the_worst_box_grades_reference_and_reader_alike(reference, reader) -> None:
    rows = region_grades(restrict(reference, reader, covered=None), iou=0.3).regions.set_index("level")
    assert rows["truth"].to_dict() == {"L1-L2": 0, "L2-L3": 1, "L3-L4": 2, "L4-L5": 3, "L5-S1": 2}
    assert rows["call"].dropna().to_dict() == {"L1-L2": 2, "L2-L3": 1, "L4-L5": 2, "L5-S1": 2}
    assert math.isnan(rows["call"]["L3-L4"])


def test_regions_are_counted_as_by_hand(reference, reader) -> None:
    found = regions_of_readers(set_of(reference, her=reader))["her"][CANAL]
    assert (found.regions, found.not_found, found.over_called, found.under_called, found.extra) == (5, 1, 1, 1, 0)
    assert (found.sensitivity.value, found.sensitivity.n) == (1.0, 2)  # L4-L5 and L5-S1; L3-L4 was not graded
    assert (found.with_missed.value, found.with_missed.n) == (pytest.approx(2 / 3), 3)
    assert (found.specificity.value, found.specificity.n) == (0.5, 2)
    assert (found.ppv.value, found.npv.value) == (pytest.approx(2 / 3), 1.0)
    assert found.likelihood_positive.value == pytest.approx(1.0 / 0.5)
    assert found.likelihood_negative.value == 0.0
    assert (found.right_four.value, found.right_two.value) == (2 / 5, 3 / 5)


def test_a_region_that_only_the_reader_graded_is_extra(reference, reader) -> None:
    few = reference[reference["level"] != "L2-L3"]
    covered = reference[["study", "slice", "plane"]].drop_duplicates()
    found = regions_of_readers(replace(set_of(few, her=reader), covered=covered))["her"][CANAL]
    assert (found.regions, found.extra) == (4, 1)


def test_sides_are_regions_of_their_own(box_table) -> None:
    recess = {"region": "lateral_recess"}
    reference = box_table(
        axial(1, "L4-L5", "severe", side="left", **recess), axial(1, "L4-L5", "normal", side="right", **recess)
    )
    swapped = reference.assign(side=["right", "left"])
    found = region_grades(restrict(reference, swapped, covered=None), iou=0.3)
    assert found.regions.set_index("side")["call"].to_dict() == {"left": 0, "right": 3}


def test_boxes_of_doubtful_score_have_no_say_but_those_of_people_do() -> None:
    assert grading_box([0, 3], [0.9, 0.80], [0.8, 0.9]) == 0
    assert grading_box([0, 3], [0.9, 0.81], [0.8, 0.9]) == 1  # 0.81 is 0.9 of 0.9
    assert grading_box([0, 3], [math.nan, math.nan], [math.nan, math.nan]) == 1
    assert grading_box([2, 2], [0.9, 0.9], [0.6, 0.7]) == 1
    assert grading_box([math.nan], [0.9], [math.nan]) is None
    assert grading_box([], [], []) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.01, 1.0), st.floats(0.25, 1.0)), min_size=1, max_size=8))
def test_the_grading_box_is_the_worst_of_the_sure(boxes: list[tuple[int, float, float]]) -> None:
    best = max(score for _, score, _ in boxes)
    sure = [(grade, share) for grade, score, share in boxes if score >= 0.9 * best]
    at = grading_box(*zip(*boxes, strict=True))
    assert (boxes[at][0], boxes[at][2]) == max(sure)


def test_a_right_grade_at_a_wrong_level_is_wrong_though_agreement_is_complete(box_table) -> None:
    reference = box_table(*(axial(number, level, "normal") for number, level in enumerate(LEVELS, start=1)))
    moved = reference.assign(level=[*LEVELS[1:], LEVELS[0]])
    found = regions_of_readers(set_of(reference, her=moved))["her"][CANAL]
    assert (found.agreement_four.value, found.not_found) == (1.0, 0)
    assert (found.right_four.value, found.right_two.value, found.wrong_level) == (0.0, 0.0, 5)


def test_a_box_beside_the_region_on_a_slice_of_its_level_is_at_that_level(box_table) -> None:
    reference = box_table(axial(1, "L4-L5", "severe"))
    beside = box_table(axial(1, "L4-L5", "severe", xmin=40.0, xmax=50.0))
    assert regions_of_readers(set_of(reference, her=beside))["her"][CANAL].right_four.value == 1.0
    elsewhere = beside.assign(level="L5-S1")
    assert regions_of_readers(set_of(reference, her=elsewhere))["her"][CANAL].not_found == 1


def test_shifting_every_level_by_one_changes_every_table(reference, reader) -> None:
    lower = dict(zip(LEVELS, [*LEVELS[1:], ""], strict=True))
    shifted = reader.assign(level=reader["level"].map(lower))
    one, other = (region_results([set_of(reference, her=boxes)]) for boxes in (reader, shifted))
    for before, after in zip(one, other, strict=True):
        assert not plain(before.table).equals(plain(after.table)), before.table.name


def random_tables(seed: int, studies: int = 6) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a reference, and a model that grades by chance, of canals and both recesses on two slices a level."""
    draw = np.random.default_rng(seed)
    rows = []
    for study in range(studies):
        for number in range(10):
            for region, side, left in (("central_canal", "", 40.0), ("lateral_recess", "left", 80.0),
                                       ("lateral_recess", "right", 10.0)):  # fmt: skip
                rows.append(
                    dict.fromkeys(BOX_COLUMNS)
                    | {"study": f"s{study}", "slice": f"s{study}-axial-{number:02d}", "plane": "axial"}
                    | {"region": region, "side": side, "level": LEVELS[number // 2]}
                    | {"ymin": 40.0, "xmin": left, "ymax": 60.0, "xmax": left + 20.0}
                )
    reference = pd.DataFrame(rows, columns=list(BOX_COLUMNS))
    shares = draw.dirichlet(np.ones(4), len(reference))
    model = reference.assign(
        score=draw.uniform(0.5, 1.0, len(reference)),
        grade=[GRADE_WORDS[code] for code in shares.argmax(axis=1)],
        **dict(zip(PROBABILITIES, shares.T, strict=True)),
    )
    reference = reference.assign(grade=[GRADE_WORDS[code] for code in draw.integers(0, 4, len(reference))])
    return reference, model


def test_the_order_of_boxes_and_the_names_of_studies_do_not_matter() -> None:
    reference, model = random_tables(1)
    names = {f"s{number}": f"x{5 - number}" for number in range(6)}

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        slices = [names[study] + name[2:] for study, name in zip(table["study"], table["slice"], strict=True)]
        return table.assign(study=table["study"].map(names), slice=slices)

    usual = region_results([set_of(reference, m=model)])
    for first, second in (
        (reference.sample(frac=1, random_state=2), model.sample(frac=1, random_state=3)),
        (renamed(reference), renamed(model)),
    ):
        again = region_results([set_of(first, m=second)])
        for before, after in zip(usual, again, strict=True):
            pd.testing.assert_frame_equal(plain(before.table), plain(after.table))


def test_kappa_is_that_of_scikit_learn() -> None:
    reference, model = random_tables(2)
    set_ = set_of(reference, m=model)
    for region, found in regions_of_readers(set_)["m"].items():
        rows = set_.grades["m"].regions
        rows = rows[rows["region"] == region.value]
        expected = cohen_kappa_score(rows["truth"], rows["call"], weights="quadratic")
        assert found.kappa.value == pytest.approx(expected)


def test_a_reader_who_over_calls_boxes_over_calls_regions_more_often() -> None:
    """Of k independent boxes, each over-called with share q, the worst is with 1 - (1 - q)^k."""
    q, k, patients = 0.05, 4, 400
    draw = np.random.default_rng(4)
    rows = [
        dict.fromkeys(BOX_COLUMNS, "")
        | {"study": f"s{study}", "slice": f"s{study}-axial-{number:02d}", "plane": "axial", "region": CANAL.value}
        | {"level": LEVELS[number // k], "ymin": 0.0, "xmin": 0.0, "ymax": 9.0, "xmax": 9.0, "grade": "normal"}
        for study in range(patients)
        for number in range(5 * k)
    ]
    reference = pd.DataFrame(rows, columns=list(BOX_COLUMNS))
    reader = reference.assign(grade=np.where(draw.random(len(reference)) < q, "moderate", "normal"))
    found = regions_of_readers(set_of(reference, her=reader))["her"][CANAL]
    expected = 1 - (1 - q) ** k
    spread = math.sqrt(expected * (1 - expected) / found.regions)
    assert found.regions == 5 * patients
    assert found.over_called / found.regions == pytest.approx(expected, abs=3 * spread)
    assert found.specificity.low < 1 - expected < found.specificity.high


def test_a_region_that_was_never_read_is_a_dash(reference, reader, box_table) -> None:
    foramen = box_table(
        {"slice": "s1-sagittal-01", "plane": "sagittal", "region": "neural_foramen", "side": "left"}
        | {"level": "L4-L5", "grade": "mild"}
    )
    both = pd.concat([reference, foramen], ignore_index=True)
    read = Coverage({CANAL: frozenset({"s1"})}, "the test")
    set_ = replace(set_of(both, her=reader), coverage={"her": read})
    found = regions_of_readers(set_)["her"][Region.NEURAL_FORAMEN]
    assert (found.regions, found.not_found) == (0, 0)
    assert not found.right_four.is_defined and not found.with_missed.is_defined


def test_without_levels_there_is_no_table_and_the_note_says_why(reference, reader) -> None:
    for result in region_results([set_of(reference.assign(level=""), her=reader)]):
        assert result.table.rows == ()
        assert "have no level" in result.table.note
    first = region_results([set_of(reference, her=reader, him=reader.assign(level=""))])[0].table
    assert {row["reader"] for row in first.rows} == {"her"}
    assert "him gives no level" in first.note


def test_the_challenge_counts_each_level_and_a_region_not_found_as_a_third(reference) -> None:
    """Boxes of the reference's grade with probability 1, but L3-L4 (moderate, weight 2) not found."""
    shares = [[float(word == grade) for word in GRADE_WORDS] for grade in reference["grade"]]
    sure = reference.assign(score=0.9, **dict(zip(PROBABILITIES, zip(*shares, strict=True), strict=True)))
    table = challenge_table(set_of(reference, m=sure[sure["level"] != "L3-L4"]))
    of_term = {row["region"]: row for row in table.rows}
    canal = of_term["Central canal"]
    weights = 1 + 1 + 2 + 4 + 2  # L1-L2 and L2-L3 normal or mild, L3-L4 moderate, L4-L5 severe, L5-S1 moderate
    assert (canal["n"], canal["not_found"]) == (5, 1)
    assert canal["loss"].value == pytest.approx(2 * math.log(3) / weights)
