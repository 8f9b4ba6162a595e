"""Gwet's coefficient of many raters, with missing ratings and weights of one's own, and paired differences."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from rating_tables import raters_of
from scipy import stats

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.agreement import gwet, gwet_difference, gwet_of_raters
from tfspine.evaluation.statistics.ratings import Missing
from tfspine.evaluation.statistics.weights import Weights

_ = math.nan
FOUR_RATERS = np.array(
    [
        [1, 1, _, 1],
        [2, 2, 3, 2],
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [2, 2, 2, 2],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 2, 1],
        [2, 2, 2, 2],
        [_, 5, 5, 5],
        [_, _, 1, 1],
        [_, _, 3, _],
    ]
)
"""Twelve units by four raters (Gwet's Handbook, table 2.10; `cac.raw4raters` of his R package irrCAC)."""

RADICAL = 1 - np.sqrt(np.abs(np.subtract.outer(range(4), range(4))) / 3)
grades = st.one_of(st.integers(0, 3).map(float), st.just(math.nan))
panels = st.integers(2, 5).flatmap(
    lambda raters: st.lists(st.lists(grades, min_size=raters, max_size=raters), min_size=2, max_size=25)
)


def test_published_ac1_of_four_raters() -> None:
    # Printed in the manual of R's irrCAC: 0.77544, SE 0.14295, interval (0.46081, 1).
    agreement = gwet_of_raters(FOUR_RATERS - 1, categories=5, missing=Missing.AVAILABLE)
    estimate = agreement.coefficient
    assert_allclose([estimate.value, agreement.standard_error], [0.77544, 0.14295], atol=5e-6)
    assert_allclose([estimate.low, estimate.high], [0.46081, 1.0], atol=5e-6)
    assert_allclose([agreement.observed, agreement.expected], [0.81818, 0.19032], atol=5e-6)
    assert estimate.n == 12


def test_listwise_keeps_only_what_all_rated() -> None:
    listwise = gwet_of_raters(FOUR_RATERS - 1, categories=5)
    assert listwise == gwet_of_raters(FOUR_RATERS[1:9] - 1, categories=5)
    assert listwise.coefficient.n == 8


def test_available_ratings_by_hand() -> None:
    # Three subjects: (0, 0), (0, 1), (1, missing). pa = 1/2; pi = mean of (1, 0), (1/2, 1/2), (0, 1) = (1/2, 1/2);
    # pe = 2 * 2 * 1/4 / 2 = 1/2, so gamma = 0.
    agreement = gwet([0, 0, 1], [0, 1, _], categories=2, missing=Missing.AVAILABLE)
    assert_allclose([agreement.observed, agreement.expected, agreement.coefficient.value], [0.5, 0.5, 0.0])
    # Linearised: pe_i = pe throughout, so 3/2 * (1 - 1/2) / (1/2), 3/2 * (0 - 1/2) / (1/2) and 0: 1.5, -1.5, 0.
    assert_allclose(agreement.standard_error, math.sqrt(4.5 / (3 * 2)))
    assert agreement.coefficient.n == 3


def test_nobody_rated_twice_leaves_agreement_undefined() -> None:
    agreement = gwet([0, _], [_, 1], categories=2, missing=Missing.AVAILABLE)
    assert math.isnan(agreement.coefficient.value)
    assert math.isnan(agreement.observed)
    assert agreement.coefficient.n == 2


def test_subjects_without_any_rating_do_not_count() -> None:
    with_empty = np.vstack([FOUR_RATERS - 1, np.full((3, 4), _)])
    for missing in Missing:
        assert gwet_of_raters(with_empty, categories=5, missing=missing) == gwet_of_raters(
            FOUR_RATERS - 1, categories=5, missing=missing
        )


@given(panels, st.sampled_from([*Weights, RADICAL]), st.sampled_from(Missing), st.randoms(use_true_random=False))
def test_neither_raters_nor_subjects_have_an_order(panel, weights, missing, random) -> None:
    matrix = np.array(panel)
    rows, columns = (random.sample(range(size), size) for size in matrix.shape)
    there = gwet_of_raters(matrix, categories=4, weights=weights, missing=missing)
    back = gwet_of_raters(matrix[rows][:, columns], categories=4, weights=weights, missing=missing)
    assert_same(there, back)


@given(panels, st.permutations(range(4)), st.sampled_from(Missing))
def test_ac1_does_not_know_the_names_of_grades(panel, names, missing) -> None:
    matrix = np.array(panel)
    renamed = np.where(np.isnan(matrix), math.nan, np.array(names, float)[np.nan_to_num(matrix).astype(int)])
    assert_same(
        gwet_of_raters(matrix, categories=4, missing=missing), gwet_of_raters(renamed, categories=4, missing=missing)
    )


@given(panels, st.sampled_from([*Weights, RADICAL]))
def test_turning_the_scale_round_changes_nothing(panel, weights) -> None:
    matrix = np.array(panel)
    for missing in Missing:
        assert_same(
            gwet_of_raters(matrix, categories=4, weights=weights, missing=missing),
            gwet_of_raters(3 - matrix, categories=4, weights=weights, missing=missing),
        )


@given(panels)
def test_without_missing_ratings_the_two_ways_agree(panel) -> None:
    matrix = np.nan_to_num(np.array(panel))
    assert_same(gwet_of_raters(matrix, categories=4), gwet_of_raters(matrix, categories=4, missing=Missing.AVAILABLE))


@given(panels)
def test_a_rater_who_saw_nothing_changes_nothing_of_what_is_available(panel) -> None:
    matrix = np.array(panel)
    wider = np.column_stack([matrix, np.full(len(matrix), math.nan)])
    assert_same(
        gwet_of_raters(matrix, categories=4, missing=Missing.AVAILABLE),
        gwet_of_raters(wider, categories=4, missing=Missing.AVAILABLE),
    )


@given(panels, st.sampled_from([*Weights, RADICAL]), st.sampled_from(Missing))
def test_an_interval_holds_its_value(panel, weights, missing) -> None:
    estimate = gwet_of_raters(np.array(panel), categories=4, weights=weights, missing=missing).coefficient
    lowest = min(-1, estimate.value)
    assert math.isnan(estimate.low) or lowest <= estimate.low <= estimate.value <= estimate.high <= 1


@pytest.mark.parametrize("kind", list(Weights))
def test_a_named_kind_and_its_matrix_are_one(kind: Weights) -> None:
    named = gwet_of_raters(FOUR_RATERS - 1, categories=5, weights=kind, missing=Missing.AVAILABLE)
    distance = np.abs(np.subtract.outer(range(5), range(5)))
    matrix = {
        Weights.IDENTITY: distance == 0,
        Weights.LINEAR: 1 - distance / 4,
        Weights.QUADRATIC: 1 - distance**2 / 16,
        Weights.ORDINAL: 1 - distance * (distance + 1) / 20,
    }[kind]
    own = gwet_of_raters(FOUR_RATERS - 1, categories=5, weights=matrix, missing=Missing.AVAILABLE)
    assert_same(named, own)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.eye(3), r"shape \(3, 3\); expected \(4, 4\)"),
        (2 * np.eye(4), "from 0 to 2; expected 0 to 1"),
        (np.ones((4, 4)) - np.eye(4), "0 for full agreement; expected 1"),
        (np.triu(np.ones((4, 4))), "symmetric"),
        (np.full((4, 4), math.nan), "expected 0 to 1"),
        ("quadratc", 'weights "quadratc"; expected identity, linear, quadratic, ordinal'),
        (None, "expected"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message) -> None:
    with pytest.raises(EvaluationError, match=message):
        gwet([0, 1], [0, 1], categories=4, weights=weights)


def test_missing_is_one_of_the_two() -> None:
    named = gwet([0, 1, _], [0, 1, 1], categories=2, missing="listwise")
    # By what they print: from Python 3.13 on a missing P makes two results unequal.
    assert repr(named) == repr(gwet([0, 1, _], [0, 1, 1], categories=2, missing=Missing.LISTWISE))
    with pytest.raises(EvaluationError, match='"pairwise"; expected listwise or available'):
        gwet([0, 1], [0, 1], categories=2, missing="pairwise")


@pytest.mark.parametrize("ratings", [[0, 1, 2], [[0], [1]], [[0, 4]], [[0, -1]], [[0, math.inf]], [["mild", "mild"]]])
def test_panels_that_are_none_are_refused(ratings) -> None:
    with pytest.raises(EvaluationError):
        gwet_of_raters(ratings, categories=4)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, math.nan])
def test_a_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(EvaluationError, match="expected a share"):
        gwet([0, 1, 1], [0, 1, 0], categories=2, confidence=confidence)


def test_all_weights_and_all_grades_alike_leave_no_room_for_agreement() -> None:
    # Weights of 1 throughout make every pair agree, and chance as well: 0 / 0.
    agreement = gwet([0, 1], [0, 1], categories=2, weights=np.ones((2, 2)))
    assert math.isnan(agreement.coefficient.value)
    assert_allclose([agreement.observed, agreement.expected], 1.0)


def test_one_grade_throughout_is_full_agreement() -> None:
    agreement = gwet([2] * 9, [2] * 9, categories=4)
    assert (agreement.coefficient.value, agreement.coefficient.high, agreement.standard_error) == (1.0, 1.0, 0.0)
    assert agreement.coefficient.low == pytest.approx(stats.beta.ppf(0.025, 9, 1))  # Clopper-Pearson of 9/9
    assert math.isnan(agreement.p_value)


def test_p_is_two_sided() -> None:
    # Fewer than half agree: a negative coefficient has the same p as its mirror image would have, never above 1.
    agreement = gwet(*raters_of([[10, 20], [20, 10]]), categories=2)
    t = agreement.coefficient.value / agreement.standard_error
    assert agreement.coefficient.value < 0
    assert_allclose(agreement.p_value, stats.t.cdf(t, 59) + stats.t.sf(-t, 59))


def test_lower_limit_is_clipped_as_well_as_the_upper() -> None:
    low = gwet(*raters_of([[0, 3], [3, 1]]), categories=2).coefficient
    assert low.low == -1.0
    assert gwet(*raters_of([[3, 0], [1, 0]]), categories=2, confidence=0.99).coefficient.high == 1.0


def three_raters(seed: int, n: int = 300) -> np.ndarray:
    generator = np.random.default_rng(seed)
    truth = generator.choice(4, n, p=[0.6, 0.2, 0.12, 0.08])
    noisy = [np.where(generator.random(n) < share, truth, generator.integers(0, 4, n)) for share in (0.9, 0.7)]
    return np.stack([truth, *noisy])


@pytest.mark.parametrize("weights", [Weights.IDENTITY, Weights.QUADRATIC, RADICAL])
def test_difference_is_that_of_the_two_coefficients_and_its_error_that_of_the_jackknife(weights) -> None:
    reference, first, second = three_raters(3)

    def gap(kept: np.ndarray) -> float:
        one, other = (gwet(reference[kept], r[kept], categories=4, weights=weights) for r in (first, second))
        return one.coefficient.value - other.coefficient.value

    difference = gwet_difference(reference, first, second, categories=4, weights=weights)
    n = len(reference)
    assert_allclose(difference.estimate.value, gap(np.arange(n)))
    left_out = np.array([gap(np.delete(np.arange(n), i)) for i in range(n)])
    jackknife = math.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    assert_allclose(difference.standard_error, jackknife, rtol=0.01)
    assert_allclose(difference.statistic, difference.estimate.value / difference.standard_error)
    assert_allclose(difference.p_value, 2 * stats.t.sf(abs(difference.statistic), n - 1))
    limits = stats.t.interval(0.95, n - 1, difference.estimate.value, difference.standard_error)
    assert_allclose([difference.estimate.low, difference.estimate.high], limits)


def test_swapping_the_raters_turns_the_difference_round() -> None:
    reference, first, second = three_raters(4)
    there = gwet_difference(reference, first, second, categories=4)
    back = gwet_difference(reference, second, first, categories=4)
    assert_allclose(
        [back.estimate.value, back.estimate.low, back.statistic, back.p_value],
        [-there.estimate.value, -there.estimate.high, -there.statistic, there.p_value],
    )


def test_pairing_matters() -> None:
    # Two raters who err on the same subjects differ more surely than two who err on different ones.
    reference, first, _ = three_raters(5)
    second = np.where(np.arange(300) < 20, (reference + 1) % 4, first)
    paired = gwet_difference(reference, first, second, categories=4)
    alone = [gwet(reference, rater, categories=4).standard_error for rater in (first, second)]
    assert paired.standard_error < 0.8 * math.hypot(*alone)


def test_a_rater_does_not_differ_from_itself() -> None:
    difference = gwet_difference([0, 1, 2, 3], [0, 1, 2, 2], [0, 1, 2, 2], categories=4)
    assert difference.estimate.value == 0
    assert difference.estimate.low == -difference.estimate.high < 0  # four subjects alike do not say that all are
    assert math.isnan(difference.statistic)
    assert math.isnan(difference.p_value)


def test_difference_leaves_out_whom_one_did_not_rate() -> None:
    whole = gwet_difference([0, 1, 2], [0, 1, 3], [0, 2, 2], categories=4)
    holes = gwet_difference([0, 1, _, 2, 1], [0, 1, 1, 3, 1], [0, 2, 1, 2, _], categories=4)
    assert holes == whole
    assert whole.estimate.n == 3


@pytest.mark.parametrize(("n", "defined"), [(0, False), (1, True)])
def test_differences_of_next_to_nothing(n: int, defined: bool) -> None:
    difference = gwet_difference([0] * n, [0] * n, [1] * n, categories=2)
    assert difference.estimate.is_defined is defined
    assert math.isnan(difference.estimate.low)
    assert math.isnan(difference.p_value)


def test_differences_of_unequal_length_are_refused() -> None:
    with pytest.raises(EvaluationError, match="for all"):
        gwet_difference([0, 1], [0, 1], [0, 1, 1], categories=2)


def assert_same(one, other) -> None:
    for agreement in (one, other):
        assert agreement.coefficient.n == one.coefficient.n
    numbers = [
        [a.coefficient.value, a.coefficient.low, a.coefficient.high, a.standard_error, a.observed, a.expected]
        for a in (one, other)
    ]
    assert_allclose(numbers[0], numbers[1], rtol=1e-9, atol=1e-7)
