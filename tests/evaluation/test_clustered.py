"""Intervals and tests clustered by patient, against statsmodels, published formulas and leaving out by hand."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.agreement import gwet, gwet_difference, gwet_of_raters
from tfspine.evaluation.statistics.clustered import (
    clustered_mean,
    clustered_rate,
    clustered_share,
    clustered_share_difference,
    ratio,
)
from tfspine.evaluation.statistics.clustered_agreement import (
    Coefficient,
    clustered_agreement,
    clustered_agreement_difference,
    clustered_agreement_of_raters,
)
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.statistics.paired_tests import non_inferiority
from tfspine.evaluation.statistics.patient_jackknife import jackknife, patient_totals
from tfspine.evaluation.statistics.probability_scores import brier, expected_calibration_error
from tfspine.evaluation.statistics.weights import Weights


def readings(seed: int, *, patients: int = 25) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return patients and three ratings [n] of unequal numbers of regions, similar within a patient."""
    generator = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), generator.integers(1, 12, patients))
    severity = generator.normal(size=patients)[patient] + 0.5 * generator.normal(size=patient.size)
    leaning = generator.normal(size=(3, patients))[:, patient] * 0.5
    ratings = np.digitize(severity + leaning + 0.3 * generator.normal(size=leaning.shape), (0.3, 1.0, 1.7))
    return (patient, *ratings.astype(float))


def left_out(statistic: Callable[[np.ndarray], float], patient: np.ndarray) -> tuple[float, float]:
    """Return the standard error of leaving out each patient, one after the other, and the degrees of freedom."""
    people = np.unique(patient)
    m, value = people.size, statistic(np.ones(patient.size, bool))
    changes = [statistic(patient != person) - value for person in people]
    degrees = min(2 * m / (stats.kurtosis(changes, fisher=False) - 1), m - 1)
    return math.sqrt((m - 1) / m * sum(change**2 for change in changes)), degrees


def test_standard_error_of_a_share_is_that_of_mancl_and_derouen() -> None:
    """Statsmodels' bias-reduced sandwich of a mean is the same sum, without the factor (m - 1) / m."""
    patient, truth, call, _ = readings(1)
    right = (truth == call).astype(float)
    fitted = sm.GEE(right, np.ones_like(right), groups=patient).fit(cov_type="bias_reduced")
    m = 25
    spread = jackknife(patient_totals(np.stack([right, np.ones_like(right)], axis=1), patient), ratio)
    assert spread.value == pytest.approx(fitted.params[0])
    assert spread.standard_error == pytest.approx(fitted.bse[0] * math.sqrt((m - 1) / m))
    mean = clustered_mean(right, patient, name="share", lowest=-9.0, highest=9.0)
    half = stats.t.ppf(0.975, spread.degrees) * spread.standard_error
    assert (mean.low, mean.high) == pytest.approx((spread.value - half, spread.value + half))


def test_degrees_fall_where_few_patients_make_the_spread() -> None:
    """Contributions with the kurtosis of a normal keep nearly all degrees; one patient among fifty leaves about two."""
    scores = stats.norm.ppf((np.arange(50) + 0.5) / 50)
    totals = np.stack([scores, np.ones(50)], axis=1)
    assert jackknife(totals, ratio).degrees == pytest.approx(49, abs=0.01)
    single = np.stack([np.arange(50) == 0, np.ones(50)], axis=1).astype(float)
    kurtosis = 1 / (0.02 * 0.98) - 3
    assert jackknife(single, ratio).degrees == pytest.approx(100 / (kurtosis - 1))


def test_interval_of_a_share_is_wilsons_on_the_effective_size() -> None:
    """Ten patients of four regions each, two of whom have none right: SE^2 = 0.8 * 0.2 / 9, 9 regions' worth.

    Kurtosis of two outcomes is 1 / (0.8 * 0.2) - 3 = 3.25, and the degrees of freedom 2 * 10 / 2.25 = 8.9 of 9.
    """
    right = np.repeat([1] * 8 + [0] * 2, 4)
    share = clustered_share(right, np.repeat(np.arange(10), 4))
    t, n = stats.t.ppf(0.975, 20 / 2.25), 9.0
    centre, half = (0.8 + t**2 / (2 * n)), t * math.sqrt(0.16 / n + t**2 / (4 * n**2))
    assert (share.low, share.high) == pytest.approx(
        ((centre - half) / (1 + t**2 / n), (centre + half) / (1 + t**2 / n))
    )
    assert share.n == 40 and "10 patients" in share.method


@pytest.mark.parametrize(("every", "value", "limit"), [(1, 1.0, "high"), (0, 0.0, "low")])
def test_a_share_without_spread_counts_each_patient_once(every: int, value: float, limit: str) -> None:
    share = clustered_share(np.full(500, every), np.repeat(np.arange(50), 10))
    t = stats.t.ppf(0.975, 49)
    assert share.value == value and getattr(share, limit) == value
    assert share.high - share.low == pytest.approx(t**2 / (50 + t**2))  # Wilson's of 50 of 50


def test_a_rate_is_as_uncertain_as_its_events_are_alike() -> None:
    """Independent events give about Garwood's interval; those of one patient together, a wider one."""
    generator = np.random.default_rng(3)
    events, images = generator.poisson(0.3, 4000), np.ones(4000)
    alone = clustered_rate(events, images, np.arange(4000))
    total = events.sum()
    garwood = stats.chi2.ppf(0.025, 2 * total) / 2 / 4000, stats.chi2.ppf(0.975, 2 * total + 2) / 2 / 4000
    assert (alone.low, alone.high) == pytest.approx(garwood, rel=0.01)
    together = clustered_rate(np.repeat(events[:400], 10), images, np.repeat(np.arange(400), 10))
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(math.sqrt(10), rel=0.15)
    nothing = clustered_rate(np.zeros(10), np.ones(10), np.arange(10))
    assert (nothing.low, nothing.high) == (0.0, pytest.approx(-math.log(0.025) / 10))


@pytest.mark.parametrize("weights", [Weights.IDENTITY, Weights.QUADRATIC])
def test_agreement_has_the_error_of_leaving_out_patients_by_hand(weights: Weights) -> None:
    patient, truth, call, _ = readings(2)
    found = clustered_agreement(truth, call, patient, categories=4, weights=weights)

    def value(kept: np.ndarray) -> float:
        return gwet(truth[kept], call[kept], categories=4, weights=weights).coefficient.value

    error, degrees = left_out(value, patient)
    gamma = found.coefficient.value
    assert gamma == pytest.approx(value(np.ones(patient.size, bool)))
    assert found.standard_error == pytest.approx(error)
    assert found.p_value == pytest.approx(2 * stats.t.sf(gamma / error, degrees))
    half = stats.t.ppf(0.975, degrees) * error / (1 - gamma**2)
    limits = np.tanh(np.arctanh(gamma) + np.array([-half, half]))
    assert (found.coefficient.low, found.coefficient.high) == pytest.approx(tuple(limits))


def test_kappa_is_that_of_scikit_learn_with_the_error_of_leaving_out_patients() -> None:
    patient, truth, call, _ = readings(4)
    found = clustered_agreement(
        truth, call, patient, categories=4, weights=Weights.QUADRATIC, coefficient=Coefficient.COHEN
    )

    def value(kept: np.ndarray) -> float:
        return float(cohen_kappa_score(truth[kept], call[kept], weights="quadratic", labels=range(4)))

    assert found.coefficient.value == pytest.approx(value(np.ones(patient.size, bool)))
    assert found.standard_error == pytest.approx(left_out(value, patient)[0])


def test_agreement_of_three_raters_is_gwets() -> None:
    patient, *ratings = readings(5)
    matrix = np.stack(ratings, axis=1)
    matrix[3, 1] = np.nan
    found = clustered_agreement_of_raters(matrix, patient, categories=4)
    usual = gwet_of_raters(matrix, categories=4)
    assert found.coefficient.value == pytest.approx(usual.coefficient.value)
    assert (found.observed, found.expected, found.coefficient.n) == pytest.approx(
        (usual.observed, usual.expected, usual.coefficient.n)
    )
    assert found.standard_error > 1.2 * usual.standard_error  # patients are alike

    def value(kept: np.ndarray) -> float:
        return gwet_of_raters(matrix[kept], categories=4).coefficient.value

    assert found.standard_error == pytest.approx(left_out(value, patient)[0])


def test_perfect_agreement_is_not_certain() -> None:
    """Of 3 patients without a disagreement up to 1 - 0.025^(1/3) = 71 % of all may have one."""
    grades = np.array([0.0, 1.0, 2.0])
    found = clustered_agreement(grades, grades, ["a", "b", "c"], categories=4).coefficient
    expected = 3 * (1 / 3 * 2 / 3) / 3
    assert found.value == 1.0 and found.high == 1.0
    assert found.low == pytest.approx(1 - (1 - 0.025 ** (1 / 3)) / (1 - expected))
    assert math.isnan(clustered_agreement(grades, grades, ["a", "b", "c"], categories=4).p_value)


def test_difference_of_agreement_has_the_error_of_leaving_out_patients() -> None:
    patient, truth, first, second = readings(6)
    first[5] = np.nan
    found = clustered_agreement_difference(truth, first, second, patient, categories=4)

    def value(kept: np.ndarray) -> float:
        return gwet_difference(truth[kept], first[kept], second[kept], categories=4).estimate.value

    error, _ = left_out(value, patient)
    assert found.estimate.value == pytest.approx(value(np.ones(patient.size, bool)))
    assert found.standard_error == pytest.approx(error)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(found.estimate.value) / error, 24))
    assert found.estimate.n == patient.size - 1


def test_difference_of_shares_is_obuchowskis_where_patients_have_equally_many_regions() -> None:
    """With S_c a patient's difference: the variance is m / (m - 1) sum (S_c - n_c d)^2 / n^2 (Obuchowski 1998)."""
    generator = np.random.default_rng(7)
    patient = np.repeat(np.arange(30), 6)
    lean = generator.normal(size=(2, 30))[:, patient]
    first, second = (lean + generator.normal(size=lean.shape)) > -0.8
    found = clustered_share_difference(first, second, patient)
    of_patient = (first.astype(int) - second).reshape(30, 6).sum(axis=1)
    value = of_patient.sum() / 180
    variance = 30 / 29 * ((of_patient - 6 * value) ** 2).sum() / 180**2
    assert found.estimate.value == pytest.approx(value)
    assert found.standard_error == pytest.approx(math.sqrt(variance))
    # With equal sizes this is the paired t test of the patients' shares.
    assert found.p_value == pytest.approx(stats.ttest_1samp(of_patient, 0).pvalue)


def test_readers_who_never_differ_are_not_certain_to_be_equal() -> None:
    found = clustered_share_difference([1, 1, 0, 1], [1, 1, 0, 1], [1, 1, 2, 3])
    assert found.p_value == 1.0
    # Tango's limits of no discordant pair among three are -+ t^2 / (3 + t^2).
    t = stats.t.ppf(0.975, 2)
    limit = t**2 / (3 + t**2)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((-limit, limit))


def test_limits_of_a_difference_are_tangos_where_every_patient_has_one_region() -> None:
    generator = np.random.default_rng(8)
    first, second = generator.random((2, 3000)) < [[0.9], [0.85]]
    found = clustered_share_difference(first, second, np.arange(3000)).estimate
    usual = non_inferiority(first, second, margin=0.05).difference
    assert (found.low, found.value, found.high) == pytest.approx((usual.low, usual.value, usual.high), abs=2e-4)


def test_readers_who_always_differ_are_tested_by_the_signs_of_patients() -> None:
    found = clustered_share_difference(np.ones(12), np.zeros(12), np.repeat(np.arange(4), 3))
    assert found.estimate.value == found.estimate.high == 1.0
    assert found.p_value == pytest.approx(2 / 2**4)


def test_one_patient_has_no_interval_and_nothing_is_undefined() -> None:
    assert math.isnan(clustered_share([1, 0, 1], ["p", "p", "p"]).low)
    assert math.isnan(clustered_agreement([0, 1], [0, 0], ["p", "p"], categories=2).coefficient.low)
    assert math.isnan(clustered_share_difference([1, 0], [0, 0], ["p", "p"]).p_value)
    assert not clustered_share([], []).is_defined
    assert not clustered_agreement([], [], [], categories=4).coefficient.is_defined
    assert not clustered_rate([], [], []).is_defined


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EvaluationError, match="patients of 1 regions for 2"):
        clustered_share([1, 0], ["p"])
    with pytest.raises(EvaluationError, match="without its patient"):
        clustered_share([1, 0], ["p", None])
    with pytest.raises(EvaluationError, match="patients of 1 subjects for ratings of 2"):
        clustered_agreement([1, 0], [1, 0], ["p"], categories=2)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_names_and_order_do_not_matter_and_twice_the_regions_say_no_more(seed: int, patients: int) -> None:
    patient, truth, call, other = readings(seed, patients=patients)
    first = clustered_agreement(truth, call, patient, categories=4)
    order = np.random.default_rng(seed).permutation(patient.size)
    names = np.array([f"p{number}" for number in patient])
    turned = clustered_agreement(truth[order], call[order], names[order], categories=4)
    doubled = clustered_agreement(np.tile(truth, 2), np.tile(call, 2), np.tile(patient, 2), categories=4)
    for same in (turned, doubled):
        assert same.coefficient.value == pytest.approx(first.coefficient.value, nan_ok=True)
        assert same.standard_error == pytest.approx(first.standard_error, nan_ok=True)
    one = clustered_agreement_difference(truth, call, other, patient, categories=4)
    back = clustered_agreement_difference(truth, other, call, patient, categories=4)
    assert one.estimate.value == pytest.approx(-back.estimate.value, nan_ok=True)
    assert one.p_value == pytest.approx(back.p_value, nan_ok=True)
    share = clustered_share(truth == call, patient)
    assert 0 <= share.low <= share.value <= share.high <= 1


def test_calibration_and_brier_respect_patients() -> None:
    patient, truth, _, _ = readings(9)
    generator = np.random.default_rng(9)
    lean = 0.3 * generator.normal(size=patient.max() + 1)[patient]
    logits = np.stack([-np.abs(truth + lean - grade) for grade in range(4)], axis=1)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for measure in (brier, partial(expected_calibration_error, bins=1)):
        by_patient, by_box = measure(shares, truth, patients=patient), measure(shares, truth)
        assert by_patient.value == pytest.approx(by_box.value)

        def value(kept: np.ndarray, measure: Callable[..., Estimate] = measure) -> float:
            return measure(shares[kept], truth[kept]).value

        error, degrees = left_out(value, patient)
        half = stats.t.ppf(0.975, degrees) * error
        assert (by_patient.low, by_patient.high) == pytest.approx((by_box.value - half, by_box.value + half))
