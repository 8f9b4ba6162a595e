"""Brier, calibration and the RSNA 2024 loss against scikit-learn and hand arithmetic."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.metrics import brier_score_loss, log_loss

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.accuracy import proportion
from tfspine.evaluation.statistics.probability_scores import brier, expected_calibration_error, reliability
from tfspine.evaluation.statistics.rsna_loss import rsna_2024_loss, three_grades
from tfspine.labels import Region

REGIONS = list(Region)


def forecasts(seed: int, n: int = 120, grades: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.ones(grades), n), generator.integers(0, grades, n)


@pytest.mark.parametrize("seed", range(5))
def test_brier_is_that_of_scikit_learn_and_its_interval_that_of_a_mean(seed: int) -> None:
    probabilities, grades = forecasts(seed)
    estimate = brier(probabilities, grades)
    assert_allclose(estimate.value, brier_score_loss(grades, probabilities, labels=range(4)))
    errors = [brier_score_loss([g], [p], labels=range(4)) for g, p in zip(grades, probabilities, strict=True)]
    limits = stats.t.interval(0.95, 119, np.mean(errors), stats.sem(errors))
    assert_allclose([estimate.low, estimate.high], limits)


def test_brier_of_two_grades_is_twice_that_of_the_positive_alone() -> None:
    positive, truth = np.array([0.9, 0.2, 0.4]), np.array([1, 0, 1])
    probabilities = np.column_stack([1 - positive, positive])
    assert_allclose(brier(probabilities, truth).value, 2 * brier_score_loss(truth, positive))


def test_brier_at_its_ends() -> None:
    assert brier(np.eye(4), [0, 1, 2, 3]).value == 0
    assert brier(np.eye(4), [1, 2, 3, 0]).value == 2


def test_calibration_error_by_hand() -> None:
    # Two bins. Up to 0.5: tops 0.4 and 0.5, one right: |1/2 - 0.45|. Above: 0.9, 0.7, 0.8, two right: |2/3 - 0.8|.
    probabilities = [[0.4, 0.3, 0.3], [0.5, 0.25, 0.25], [0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]]
    grades = [0, 1, 0, 1, 0]
    estimate = expected_calibration_error(probabilities, grades, bins=2)
    assert_allclose(estimate.value, 2 / 5 * 0.05 + 3 / 5 * (0.8 - 2 / 3))
    lower, upper = reliability(probabilities, grades, bins=2)
    assert_allclose([lower.low, lower.high, upper.low, upper.high], [0, 0.5, 0.5, 1])
    assert_allclose([lower.confidence, upper.confidence], [0.45, 0.8])
    assert (lower.accuracy, upper.accuracy) == (proportion(1, 2), proportion(2, 3))


@given(st.integers(0, 10_000), st.integers(1, 20))
def test_the_error_is_the_diagrams_mean_gap(seed: int, bins: int) -> None:
    probabilities, grades = forecasts(seed, n=60)
    rows = reliability(probabilities, grades, bins=bins)
    assert len(rows) == bins
    assert sum(row.accuracy.n for row in rows) == 60
    gaps = [row.accuracy.n / 60 * abs(row.accuracy.value - row.confidence) for row in rows if row.accuracy.n]
    estimate = expected_calibration_error(probabilities, grades, bins=bins)
    assert_allclose(estimate.value, sum(gaps), atol=1e-12)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@given(st.integers(0, 10_000), st.permutations(range(4)), st.randoms(use_true_random=False))
def test_neither_order_of_rows_nor_names_of_grades_matter(seed: int, names, random) -> None:
    probabilities, grades = forecasts(seed, n=30)
    rows = random.sample(range(30), 30)
    renamed = np.empty_like(probabilities)
    renamed[:, names] = probabilities
    for measure in (brier, expected_calibration_error):
        there = measure(probabilities, grades)
        back = measure(renamed[rows], np.array(names)[grades][rows])
        assert_allclose([there.value, there.low, there.high], [back.value, back.low, back.high], atol=1e-9)


def test_a_grade_that_is_missing_leaves_its_row_out() -> None:
    probabilities, grades = forecasts(1, n=20)
    holes = np.where(np.arange(20) < 15, grades, math.nan)
    assert brier(probabilities, holes) == brier(probabilities[:15], grades[:15])


def test_of_nothing_nothing_is_defined() -> None:
    nothing = np.zeros((0, 4))
    for measure in (brier, expected_calibration_error):
        assert math.isnan(measure(nothing, []).value)
        assert measure(nothing, []).n == 0
    empty = reliability(nothing, [], bins=3)
    assert [row.accuracy.n for row in empty] == [0, 0, 0]
    assert all(math.isnan(row.confidence) and math.isnan(row.accuracy.value) for row in empty)


def test_one_region_has_a_value_without_interval() -> None:
    for measure in (brier, expected_calibration_error):
        estimate = measure([[0.7, 0.3]], [0])
        assert estimate.is_defined
        assert math.isnan(estimate.low)


@pytest.mark.parametrize(
    ("probabilities", "grades", "message"),
    [
        ([[0.5, 0.6]], [0], "row 0 of probabilities sums to 1.1; expected 1"),
        ([[1.5, -0.5]], [0], "probability 1.5; expected 0 to 1"),
        ([[0.5, math.nan]], [0], "probability nan"),
        ([[0.5, 0.5]], [2], "grade 2; expected a whole number from 0 to 1"),
        ([[0.5, 0.5]], [0.5], "grade 0.5"),
        ([[0.5, 0.5]], [0, 1], r"expected \[n, q\] and \[n\]"),
        ([0.5, 0.5], [0, 1], r"expected \[n, q\]"),
        ([[1.0]], [0], "two grades or more"),
        ([["sure", "unsure"]], [0], "not numbers"),
    ],
)
def test_wrong_input_is_refused(probabilities, grades, message) -> None:
    for measure in (brier, expected_calibration_error, reliability):
        with pytest.raises(EvaluationError, match=message):
            measure(probabilities, grades)


@pytest.mark.parametrize("bins", [0, 2.5, math.nan, math.inf])
def test_bins_are_a_whole_number(bins: float) -> None:
    for measure in (expected_calibration_error, reliability):
        with pytest.raises(EvaluationError, match=f"{bins} bins; expected a whole number from 1"):
            measure([[0.5, 0.5]], [0], bins=bins)


def challenge(seed: int, studies: int = 12) -> dict:
    generator = np.random.default_rng(seed)
    regions = [Region.CENTRAL_CANAL] * 5 + [Region.LATERAL_RECESS] * 10 + [Region.NEURAL_FORAMEN] * 10
    n = studies * len(regions)
    grades = generator.choice(3, n, p=[0.75, 0.17, 0.08]).astype(float)
    grades[generator.random(n) < 0.1] = math.nan
    return {
        "probabilities": generator.dirichlet(np.ones(3), n),
        "grades": grades,
        "regions": regions * studies,
        "studies": np.repeat([f"s{i}" for i in range(studies)], len(regions)),
    }


@pytest.mark.parametrize("seed", range(5))
def test_the_challenges_loss_by_scikit_learn_and_pandas(seed: int) -> None:
    case = challenge(seed)
    table = pd.DataFrame(case["probabilities"], columns=["normal", "moderate", "severe"])
    table = table.assign(grade=case["grades"], region=[str(r) for r in case["regions"]], study=case["studies"])
    table = table.dropna().assign(weight=lambda t: t["grade"].map({0: 1, 1: 2, 2: 4}))
    terms = [
        log_loss(part["grade"], part[["normal", "moderate", "severe"]], sample_weight=part["weight"], labels=[0, 1, 2])
        for _, part in table.groupby("region")
    ]
    canal = table[table["region"] == "central_canal"].assign(is_severe=lambda t: t["grade"] == 2)
    worst = canal.groupby("study")[["is_severe", "severe", "weight"]].max()
    terms.append(log_loss(worst["is_severe"], worst["severe"], sample_weight=worst["weight"], labels=[False, True]))
    ours = rsna_2024_loss(case.pop("probabilities"), case.pop("grades"), **case)
    parts = [ours.central_canal, ours.lateral_recess, ours.neural_foramen, ours.any_severe_canal]
    assert_allclose(parts, terms)
    assert_allclose(ours.loss.value, np.mean(terms))
    assert ours.loss.n == 12
    assert ours.loss.low < ours.loss.value < ours.loss.high


def test_the_challenges_loss_by_hand() -> None:
    # One canal, moderate, p = (0.2, 0.5, 0.3): -log 0.5 whatever its weight; any severe: no, -log(1 - 0.3).
    one = rsna_2024_loss([[0.2, 0.5, 0.3]], [1], regions=[Region.CENTRAL_CANAL], studies=["a"])
    assert_allclose([one.central_canal, one.any_severe_canal], [math.log(2), -math.log(0.7)])
    assert_allclose(one.loss.value, (math.log(2) - math.log(0.7)) / 2)
    assert math.isnan(one.lateral_recess)
    assert math.isnan(one.loss.low)
    # A foramen normal (weight 1) and one severe (weight 4): no canal, so no other term.
    two = rsna_2024_loss(
        [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]], [0, 2], regions=[Region.NEURAL_FORAMEN] * 2, studies=["a", "b"]
    )
    assert_allclose(two.loss.value, (math.log(2) + 4 * math.log(4)) / 5)


def test_a_sure_and_wrong_forecast_costs_much_but_not_everything() -> None:
    worst = rsna_2024_loss([[1.0, 0.0, 0.0]], [2], regions=[Region.LATERAL_RECESS], studies=["a"])
    assert_allclose(worst.loss.value, -math.log(np.finfo(float).eps))


def test_without_grades_there_is_no_loss() -> None:
    nothing = rsna_2024_loss([[0.2, 0.5, 0.3]], [math.nan], regions=[Region.CENTRAL_CANAL], studies=["a"])
    assert math.isnan(nothing.loss.value)
    assert nothing.loss.n == 0


def test_four_grades_become_the_challenges_three() -> None:
    assert_allclose(three_grades([[0.4, 0.3, 0.2, 0.1]]), [[0.7, 0.2, 0.1]])
    nearly = np.float32([[0.7, 0.3, 0.0, 0.0]]) + np.float32([[6e-8, 0, 0, 0]])  # rounded: a little above 1 together
    rounded = three_grades(nearly)
    assert rounded[0, 0] > 1
    assert brier(rounded, [0]).value < 1e-12
    with pytest.raises(EvaluationError, match="expected"):
        three_grades([[0.4, 0.3, 0.3]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regions": ["spine"]}, 'region "spine"; expected central_canal'),
        ({"studies": []}, "1 regions and 0 studies"),
        ({"studies": [None]}, "without its study"),
        ({"studies": [math.nan]}, "without its study"),
        ({"probabilities": [[0.25] * 4]}, "expected the challenge's 3"),
        ({"grades": [3]}, "grade 3"),
    ],
)
def test_a_wrong_challenge_is_refused(change: dict, message: str) -> None:
    case = {"probabilities": [[0.2, 0.5, 0.3]], "grades": [1], "regions": ["central_canal"], "studies": ["a"]} | change
    with pytest.raises(EvaluationError, match=message):
        rsna_2024_loss(case.pop("probabilities"), case.pop("grades"), **case)
