"""Proportions against the paper's printed figures and against statsmodels."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.rates import confint_poisson

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.accuracy import ProportionInterval, diagnostic_accuracy, poisson_rate, proportion
from tfspine.evaluation.statistics.landis_koch import Band, landis_koch
from tfspine.evaluation.tables.table import format_percent

counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "n", "printed"),
    [
        (51, 56, "91.1 (80.4, 97.0)"),
        (1538, 1562, "98.5 (97.7, 99.0)"),
        (43, 56, "76.8 (63.6, 87.0)"),
        (1555, 1568, "99.2 (98.6, 99.6)"),
        (97, 130, "74.6 (66.2, 81.8)"),
        (96, 122, "78.7 (70.4, 85.6)"),
        (671, 678, "99.0 (97.9, 99.6)"),
        (115, 134, "85.8 (78.7, 91.2)"),
        (895, 925, "96.8 (95.4, 97.8)"),
        (162, 167, "97.0 (93.2, 99.0)"),
        (1014, 1058, "95.8 (94.5, 97.0)"),
    ],
)
def test_figures_of_the_paper(successes: int, n: int, printed: str) -> None:
    # docs/statistics.md: the radiologists' eleven are Clopper-Pearson's; the digits here are SciPy's exact test's.
    exact = binomtest(successes, n).proportion_ci(0.95, "exact")
    assert f"{100 * successes / n:.1f} ({100 * exact.low:.1f}, {100 * exact.high:.1f})" == printed
    assert format_percent(proportion(successes, n, interval=ProportionInterval.CLOPPER_PEARSON)) == printed


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_intervals_are_those_of_statsmodels(count: tuple[int, int], confidence: float) -> None:
    for interval, name in ((ProportionInterval.WILSON, "wilson"), (ProportionInterval.CLOPPER_PEARSON, "beta")):
        estimate = proportion(*count, interval=interval, confidence=confidence)
        low, high = proportion_confint(*count, alpha=1 - confidence, method=name)
        assert_allclose([estimate.low, estimate.high], [low, high], atol=1e-9)


@given(counts)
def test_clopper_pearson_is_never_narrower_than_the_value(count: tuple[int, int]) -> None:
    for interval in ProportionInterval:
        estimate = proportion(*count, interval=interval)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_nothing_counted_is_undefined_not_zero() -> None:
    assert math.isnan(proportion(0, 0).value)


@pytest.mark.parametrize(
    ("successes", "n"), [(3, 2), (-1, 4), (1.5, 4), (1, 4.5), (math.nan, 4), (5, math.inf), (None, 4), ("3", 4)]
)
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(EvaluationError, match=f"{successes} of {n}"):
        proportion(successes, n)


def test_counts_come_out_as_plain_numbers_whatever_they_came_in_as() -> None:
    # An estimate goes into JSON: NumPy's numbers do not, and 10.0 regions are 10.
    for estimate in (proportion(np.int64(5), np.int64(10)), proportion(5.0, 10.0)):
        assert estimate == proportion(5, 10)
        assert [type(value) for value in (estimate.value, estimate.low, estimate.n)] == [float, float, int]


@pytest.mark.parametrize("missed", [-1, 1.5, math.nan, math.inf])
def test_missed_positives_are_a_count(missed: float) -> None:
    with pytest.raises(EvaluationError, match="missed positives; expected a whole number from 0"):
        diagnostic_accuracy([True], [True], missed_positives=missed)


def test_an_interval_is_one_of_the_two() -> None:
    assert proportion(3, 9, interval="Wilson") == proportion(3, 9, interval=ProportionInterval.WILSON)
    with pytest.raises(EvaluationError, match='"wald"; expected Wilson or Clopper-Pearson'):
        proportion(3, 9, interval="wald")


def test_confidence_in_per_cent_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"confidence 95; .* 0\.95"):
        proportion(1, 2, confidence=95)


def test_a_missed_positive_is_a_miss_end_to_end() -> None:
    # docs/statistics.md: 115/134 becomes 115/167 when the 33 regions that were not found count.
    truth = np.repeat([True, False], [134, 925])
    calls = np.concatenate([np.arange(134) < 115, np.arange(925) >= 895])
    accuracy = diagnostic_accuracy(truth, calls, missed_positives=33)
    assert format_percent(accuracy.sensitivity, counts=True) == "85.8 (78.7, 91.2) [115/134]"
    assert (accuracy.end_to_end_sensitivity.value, accuracy.end_to_end_sensitivity.n) == (115 / 167, 167)
    assert (accuracy.specificity.value, accuracy.specificity.n) == (895 / 925, 925)


def test_grades_instead_of_calls_are_refused() -> None:
    with pytest.raises(EvaluationError, match="expected true or false"):
        diagnostic_accuracy([0, 3], [2, 3], missed_positives=0)


def test_calls_may_be_true_and_false_or_1_and_0_in_any_container() -> None:
    expected = diagnostic_accuracy([True, True, False], [True, False, False], missed_positives=0)
    for kind in (np.array, pd.Series, lambda calls: pd.Series(calls, dtype=object)):
        for numbers in (bool, int, float):
            truth, calls = (kind([numbers(call) for call in vector]) for vector in ([1, 1, 0], [1, 0, 0]))
            assert diagnostic_accuracy(truth, calls, missed_positives=0) == expected
    nullable = pd.Series([True, True, None], dtype="boolean")
    with pytest.raises(EvaluationError, match="calls of nan; expected true or false"):
        diagnostic_accuracy(nullable, [True, False, False], missed_positives=0)


@pytest.mark.parametrize(
    ("value", "band"),
    [
        (-0.01, Band.POOR),
        (0.0, Band.SLIGHT),
        (0.2, Band.SLIGHT),
        (0.2000001, Band.FAIR),
        (0.6, Band.MODERATE),
        (0.8, Band.SUBSTANTIAL),
        (0.804, Band.ALMOST_PERFECT),
        (1.0, Band.ALMOST_PERFECT),
        (math.nan, None),
    ],
)
def test_bands_include_their_upper_limit(value: float, band: Band | None) -> None:
    assert landis_koch(value) is band


@pytest.mark.parametrize("value", [1.01, 89, math.inf, -math.inf])
def test_no_coefficient_is_above_1(value: float) -> None:
    with pytest.raises(EvaluationError, match="expected at most 1"):
        landis_koch(value)


@given(st.integers(0, 5000), st.integers(1, 3000), st.sampled_from([0.8, 0.95]))
def test_intervals_of_rates_are_those_of_statsmodels(events: int, units: int, confidence: float) -> None:
    estimate = poisson_rate(events, units, confidence=confidence)
    low, high = confint_poisson(events, units, method="exact-c", alpha=1 - confidence)
    assert_allclose([estimate.low, estimate.high], [np.nan_to_num(low), high], rtol=1e-9)
    assert (estimate.value, estimate.n) == (events / units, units)


def test_rates_that_are_none() -> None:
    assert not poisson_rate(0, 0).is_defined
    for events, units in ((-1, 5), (1.5, 5), (1, -5)):
        with pytest.raises(EvaluationError, match="expected a whole number from 0"):
            poisson_rate(events, units)
