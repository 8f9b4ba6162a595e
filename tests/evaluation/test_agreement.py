"""Gwet's coefficients against published numbers, hand arithmetic and invariances."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from rating_tables import raters_of

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.agreement import gwet
from tfspine.evaluation.statistics.ratings import joint_counts
from tfspine.evaluation.statistics.weights import Weights, weight_matrix

XEROMAMMOGRAMS = [[21, 12, 0, 0], [4, 17, 1, 0], [3, 9, 15, 2], [0, 0, 0, 1]]
"""Two radiologists, 85 xeromammograms (Altman, Practical Statistics for Medical Research, 1991, p. 403); Stata's
`rate2`, for which `kappaetc` prints the numbers that docs/statistics.md repeats."""

ratings = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40)


def test_published_ac1() -> None:
    agreement = gwet(*raters_of(XEROMAMMOGRAMS), categories=4)
    estimate = agreement.coefficient
    assert_allclose([estimate.value, agreement.standard_error], [0.5292, 0.0679], atol=5e-5)
    assert_allclose([estimate.low, estimate.high], [0.3942, 0.6642], atol=5e-5)
    assert estimate.n == 85


def test_ac1_of_two_grades_by_hand() -> None:
    # 10 subjects: 6 both 0, 2 both 1, 2 split one each way. pa = 0.8; pi = (0.7, 0.3); pe = 2 * 0.7 * 0.3 = 0.42.
    agreement = gwet([0] * 7 + [1] * 3, [0] * 6 + [1] + [0] + [1] * 2, categories=2)
    assert_allclose(agreement.observed, 0.8)
    assert_allclose(agreement.expected, 0.42)
    assert_allclose(agreement.coefficient.value, 0.38 / 0.58)
    # pe_kl = (2 - pi_k - pi_l) / 2: 0.3 of (0, 0), 0.7 of (1, 1), 0.5 of the split.
    gamma = 0.38 / 0.58
    agreed, split = 1.0, -0.42 / 0.58  # (w_kl - pe) / (1 - pe)
    linearised = [agreed - 2 * (1 - gamma) * (0.3 - 0.42) / 0.58] * 6
    linearised += [agreed - 2 * (1 - gamma) * (0.7 - 0.42) / 0.58] * 2
    linearised += [split - 2 * (1 - gamma) * (0.5 - 0.42) / 0.58] * 2
    variance = sum((value - gamma) ** 2 for value in linearised) / 10 / 9
    assert_allclose(agreement.standard_error, math.sqrt(variance))


def test_quadratic_ac2_by_hand() -> None:
    # 4 subjects on 4 grades: (0, 0), (1, 1), (3, 3), (0, 3). Weights 1, 8/9, 5/9, 0; T_w = 4 + 6 * 8/9 + 4 * 5/9.
    total = 4 + 6 * 8 / 9 + 4 * 5 / 9
    prevalence = np.array([3, 2, 0, 3]) / 8
    expected = total * (prevalence * (1 - prevalence)).sum() / 12
    agreement = gwet([0, 1, 3, 0], [0, 1, 3, 3], categories=4, weights=Weights.QUADRATIC)
    assert_allclose(agreement.coefficient.value, (0.75 - expected) / (1 - expected))


def test_weights_of_four_grades() -> None:
    assert_allclose(weight_matrix(4, Weights.LINEAR)[0], [1, 2 / 3, 1 / 3, 0])
    assert_allclose(weight_matrix(4, Weights.QUADRATIC)[0], [1, 8 / 9, 5 / 9, 0])
    assert_allclose(weight_matrix(4, Weights.ORDINAL)[0], [1, 5 / 6, 1 / 2, 0])


@pytest.mark.parametrize("weights", list(Weights))
def test_perfect_agreement_is_one_without_spread_and_so_without_p(weights: Weights) -> None:
    agreement = gwet([0, 1, 2, 3, 3], [0, 1, 2, 3, 3], categories=4, weights=weights)
    assert_allclose([agreement.coefficient.value, agreement.standard_error], [1, 0], atol=1e-12)
    assert math.isnan(agreement.p_value)


def test_a_grade_that_never_occurs_still_counts() -> None:
    pair = ([0, 0, 1, 1, 0], [0, 1, 1, 1, 0])
    assert gwet(*pair, categories=4).coefficient.value > gwet(*pair, categories=2).coefficient.value


@given(ratings, st.sampled_from(list(Weights)))
def test_swapping_the_raters_changes_nothing(pairs: list[tuple[int, int]], weights: Weights) -> None:
    first, second = zip(*pairs, strict=True)
    there = gwet(first, second, categories=4, weights=weights)
    back = gwet(second, first, categories=4, weights=weights)
    assert_allclose(there.coefficient.value, back.coefficient.value)
    assert_allclose(there.standard_error, back.standard_error, atol=1e-12)


@given(ratings, st.permutations(range(4)), st.randoms(use_true_random=False))
def test_ac1_knows_neither_names_nor_order(pairs, names, random) -> None:
    first, second = np.array(pairs).T
    shuffled = random.sample(range(len(pairs)), len(pairs))
    plain = gwet(first, second, categories=4)
    renamed = gwet(np.array(names)[first][shuffled], np.array(names)[second][shuffled], categories=4)
    assert_allclose(plain.coefficient.value, renamed.coefficient.value)
    assert_allclose(plain.standard_error, renamed.standard_error, atol=1e-12)


@given(ratings, st.sampled_from(list(Weights)))
def test_interval_holds_the_value_and_stays_within_bounds(pairs: list[tuple[int, int]], weights: Weights) -> None:
    estimate = gwet(*zip(*pairs, strict=True), categories=4, weights=weights).coefficient
    assert min(-1, estimate.value) <= estimate.low <= estimate.value <= estimate.high <= 1


def test_ac2_of_few_subjects_can_lie_below_minus_1_and_stays_in_its_interval() -> None:
    # Grades (0, 2), (0, 3), (1, 3): pa = (5/9 + 0 + 5/9) / 3; pi = (2, 1, 1, 2) / 6; T_w = 4 + 6 * 8/9 + 4 * 5/9.
    total = 4 + 6 * 8 / 9 + 4 * 5 / 9
    expected = total * (1 - (4 + 1 + 1 + 4) / 36) / 12
    estimate = gwet([0, 0, 1], [2, 3, 3], categories=4, weights=Weights.QUADRATIC).coefficient
    assert_allclose(estimate.value, (10 / 27 - expected) / (1 - expected))
    assert estimate.low == estimate.value < -1


def test_missing_ratings_leave_their_subject_out() -> None:
    whole = gwet([0, 1, 2], [0, 1, 3], categories=4)
    holes = gwet([0, np.nan, 1, 2, 3], [0, 1, 1, 3, np.nan], categories=4)
    assert holes == whole


def test_nothing_rated_is_undefined_not_zero() -> None:
    agreement = gwet([], [], categories=4)
    assert math.isnan(agreement.coefficient.value)
    assert math.isnan(agreement.p_value)
    assert agreement.coefficient.n == 0


def test_one_subject_has_a_value_without_interval() -> None:
    estimate = gwet([2], [2], categories=4).coefficient
    assert estimate.value == 1
    assert math.isnan(estimate.low)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([0, 4], [0, 1], "rating 4; expected a whole number from 0 to 3"),
        ([0, 0.5], [0, 1], r"rating 0\.5"),
        ([0, 1, 2], [0, 1], r"shapes \(3,\) and \(2,\); expected one \[n\] for all"),
    ],
)
def test_ratings_off_the_scale_are_refused(first: list[float], second: list[float], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        gwet(first, second, categories=4)


def test_counts_have_the_first_rater_in_rows() -> None:
    assert joint_counts([0, 0, 1], [1, 1, 0], categories=2).tolist() == [[0, 2], [1, 0]]


@pytest.mark.parametrize("categories", [1, 2.5, math.nan, math.inf, "4"])
def test_a_scale_has_a_whole_number_of_grades(categories: float) -> None:
    with pytest.raises(EvaluationError, match="categories; expected a whole number from 2"):
        gwet([0, 1, 1], [0, 1, 0], categories=categories)
