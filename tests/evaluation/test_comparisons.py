"""Tests between readers against statsmodels, published examples, and the tests that they must agree with."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import optimize, stats
from statsmodels.stats import contingency_tables, multitest, proportion

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.paired_tests import McNemar, holm, mcnemar, non_inferiority, pooled_z

groups = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
counts = st.integers(0, 60)


def calls(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    kinds = np.repeat(np.arange(4), [both, only_first, only_second, neither])
    return (kinds == 0) | (kinds == 1), (kinds == 0) | (kinds == 2)


@given(groups, groups)
def test_pooled_z_is_that_of_statsmodels(first: tuple[int, int], second: tuple[int, int]) -> None:
    ours = pooled_z(first[0] / first[1], first[1], second[0] / second[1], second[1])
    if 0 < first[0] + second[0] < first[1] + second[1]:
        z, p = proportion.proportions_ztest([first[0], second[0]], [first[1], second[1]])
        assert_allclose([ours.statistic, ours.p_value], [z, p], rtol=1e-9, atol=1e-12)
    else:
        assert math.isnan(ours.statistic)
        assert math.isnan(ours.p_value)


def test_pooled_z_squared_is_the_chi_square_of_the_table() -> None:
    chi_square = stats.chi2_contingency([[97, 130 - 97], [96, 122 - 96]], correction=False)
    test = pooled_z(97 / 130, 130, 96 / 122, 122)
    assert_allclose([test.statistic**2, test.p_value], [chi_square.statistic, chi_square.pvalue])


@pytest.mark.parametrize("group", [(1.5, 2), (-0.5, 2), (math.nan, 2), (0.5, math.inf), (0.5, 0)])
def test_impossible_groups_are_refused(group) -> None:
    with pytest.raises(EvaluationError):
        pooled_z(*group, 0.5, 2)


def test_published_mcnemar() -> None:
    # Agresti, Categorical Data Analysis, 2nd ed., section 10.1: 150 and 86 changed their minds; z^2 = 17.36.
    test = mcnemar(150, 86, method=McNemar.CHI_SQUARE)
    assert_allclose(test.statistic, 17.36, atol=5e-3)
    assert "without continuity correction" in test.method


@given(counts, counts)
def test_mcnemar_is_that_of_statsmodels(b: int, c: int) -> None:
    table = [[7, b], [c, 9]]
    exact = contingency_tables.mcnemar(table, exact=True)
    assert_allclose([mcnemar(b, c).statistic, mcnemar(b, c).p_value], [exact.statistic, exact.pvalue], atol=1e-12)
    if b != c:  # statsmodels corrects a difference of 0 to 1
        for method, correction in ((McNemar.CHI_SQUARE, False), (McNemar.CHI_SQUARE_CORRECTED, True)):
            theirs = contingency_tables.mcnemar(table, exact=False, correction=correction)
            ours = mcnemar(b, c, method=method)
            assert_allclose([ours.statistic, ours.p_value], [theirs.statistic, theirs.pvalue], atol=1e-12)


def test_equal_readers_do_not_differ() -> None:
    for method in McNemar:
        assert mcnemar(6, 6, method=method).p_value == 1.0


def test_no_discordant_pair_decides_nothing() -> None:
    assert mcnemar(0, 0).p_value == 1.0
    assert math.isnan(mcnemar(0, 0, method=McNemar.CHI_SQUARE).p_value)
    assert math.isnan(mcnemar(0, 0, method=McNemar.CHI_SQUARE_CORRECTED).statistic)


@pytest.mark.parametrize("pair", [(-1, 2), (1, 2.5), (math.nan, 1), (math.inf, 1), ("3", 1), (None, 1)])
def test_counts_that_are_none_are_refused(pair) -> None:
    with pytest.raises(EvaluationError, match="whole number from 0"):
        mcnemar(*pair)


def test_holm_by_hand() -> None:
    # 4 * 0.005; 3 * 0.01; max(2 * 0.03, 1 * 0.04) = 0.06 for the last two.
    assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    assert_allclose(holm(p_values), multitest.multipletests(p_values, method="holm")[1], atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_holm_knows_no_order_and_keeps_to_its_bounds(p_values, random) -> None:
    order = random.sample(range(len(p_values)), len(p_values))
    adjusted = holm(p_values)
    assert_allclose(holm(np.array(p_values)[order]), adjusted[order])
    assert (np.array(p_values) <= adjusted).all()
    assert (adjusted <= np.minimum(1, len(p_values) * np.array(p_values)) + 1e-12).all()


def test_an_undefined_p_stays_so_and_costs_nothing() -> None:
    adjusted = holm([0.02, math.nan, 0.03])
    assert math.isnan(adjusted[1])
    assert_allclose(adjusted[[0, 2]], [0.04, 0.04])
    assert holm([]).size == 0
    assert np.isnan(holm([math.nan])).all()


@pytest.mark.parametrize("p_values", [[0.5, 1.5], [-0.1], [[0.1, 0.2]], ["small"]])
def test_p_values_that_are_none_are_refused(p_values) -> None:
    with pytest.raises(EvaluationError):
        holm(p_values)


@pytest.mark.parametrize(
    ("table", "confidence", "limits", "places"),
    [
        # Airway hyper-responsiveness before and after transplantation (Bentur and others 2009), as worked by
        # Fagerland, Lydersen and Laake, Statistics in Medicine 2014;33:2850-2875.
        ((1, 1, 7, 12), 0.95, (-0.517, -0.026), 3),
        # R's PropCIs, scoreci.mp(25, 28, 618) at 90 %.
        ((500, 28, 25, 65), 0.90, (-0.0148, 0.0247), 4),
    ],
)
def test_published_intervals_of_tango(table, confidence, limits, places) -> None:
    first, second = calls(*table)
    difference = non_inferiority(first, second, margin=0.1, confidence=confidence).difference
    assert np.round([difference.low, difference.high], places).tolist() == list(limits)


@pytest.mark.parametrize("table", [(20, 5, 9, 3), (50, 0, 4, 2), (10, 3, 3, 10), (0, 8, 1, 0)])
def test_limits_are_where_the_likelihood_rejects(table) -> None:
    # Tango's statistic from its definition: the likeliest multinomial with the given difference, found numerically.
    _, b, c, _ = table
    n = sum(table)

    def statistic(delta: float) -> float:
        def loss(share: float) -> float:
            logs = [(b, share + delta), (c, share), (n - b - c, 1 - 2 * share - delta)]
            return -sum(count * math.log(p) for count, p in logs if count)

        bounds = (max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12)
        share = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
        return (b - c - n * delta) / math.sqrt(n * (2 * share + delta - delta**2))

    difference = non_inferiority(*calls(*table), margin=0.1).difference
    assert_allclose(statistic(difference.low), stats.norm.ppf(0.975), atol=1e-4)
    assert_allclose(statistic(difference.high), stats.norm.ppf(0.025), atol=1e-4)


@given(counts, st.integers(0, 30), st.integers(0, 30), counts)
def test_the_interval_leaves_out_0_where_mcnemar_rejects(both: int, b: int, c: int, neither: int) -> None:
    first, second = calls(both, b, c, neither)
    difference = non_inferiority(first, second, margin=0.1).difference
    p = mcnemar(b, c, method=McNemar.CHI_SQUARE).p_value
    if first.size and not math.isnan(p) and abs(p - 0.05) > 1e-6:
        assert (difference.low > 0 or difference.high < 0) == (p < 0.05)


@given(counts, counts, counts, counts)
def test_swapping_the_readers_turns_the_interval_round(both: int, b: int, c: int, neither: int) -> None:
    there = non_inferiority(*calls(both, b, c, neither), margin=0.1).difference
    back = non_inferiority(*calls(both, c, b, neither), margin=0.1).difference
    assert_allclose([back.value, back.low, back.high], [-there.value, -there.high, -there.low], atol=1e-7)
    if there.n:
        assert -1 <= there.low <= there.value <= there.high <= 1


def test_the_verdict_is_the_lower_limit_above_the_margin() -> None:
    first, second = calls(900, 30, 40, 30)
    result = non_inferiority(first, second, margin=0.05)
    assert result.difference.value == pytest.approx(-0.01)
    assert -0.05 < result.difference.low < -0.02
    assert result.is_non_inferior is True
    assert non_inferiority(first, second, margin=0.02).is_non_inferior is False


def test_of_no_regions_there_is_no_verdict() -> None:
    result = non_inferiority([], [], margin=0.05)
    assert result.is_non_inferior is None
    assert math.isnan(result.difference.value)


@pytest.mark.parametrize("margin", [0, -0.1, 1, 5, math.nan])
def test_margins_that_are_no_share_are_refused(margin: float) -> None:
    with pytest.raises(EvaluationError, match="margin"):
        non_inferiority([True], [True], margin=margin)


def test_grades_instead_of_calls_are_refused() -> None:
    with pytest.raises(EvaluationError, match="expected true or false"):
        non_inferiority([0, 3], [2, 3], margin=0.1)


def test_a_method_is_one_of_the_three() -> None:
    assert mcnemar(5, 12, method="exact") == mcnemar(5, 12)
    with pytest.raises(EvaluationError, match='"chi"; expected exact or chi-square'):
        mcnemar(5, 12, method="chi")
