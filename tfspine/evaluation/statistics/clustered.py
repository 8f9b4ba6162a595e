"""Shares, means, rates and differences of shares with intervals clustered by patient.

The standard error is the jackknife over patients, the reference distribution t (`patient_jackknife.py`): for one
reader's value with the effective degrees of freedom of its spread, for a difference, which is more even, with one less
than the number of patients. Where the data show no spread the intervals are still valid: see `edge_share`. Agreement
is in `clustered_agreement.py`.

``patients`` is [n], names or numbers, one per region. `Estimate.n` counts regions; ``method`` counts the patients.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import number_array, truth_values, truth_vectors
from tfspine.evaluation.statistics.estimate import (
    NO_SPREAD,
    Difference,
    Estimate,
    check_confidence,
    clipped,
    critical_value,
    edge_share,
    limits_of,
    significance,
    undefined,
)
from tfspine.evaluation.statistics.paired_tests import tango_limits
from tfspine.evaluation.statistics.patient_jackknife import Patients, Spread, jackknife, patient_totals


def clustered_share(successes: ArrayLike, patients: Patients, *, confidence: float = 0.95) -> Estimate:
    """Return the share of successes with Wilson's interval on the effective sample size.

    The effective size is share (1 - share) / SE^2, at most n: the number of independent regions with the same
    uncertainty (E. L. Korn and B. I. Graubard, Survey Methodology 1998;24:193-201); t takes the place of z. Where all
    or none are successes the data do not show how alike a patient's regions are, and each patient counts once. With a
    single patient there is no interval.

    Args:
        successes: bool [n] (or 0 and 1): for sensitivity, whether each positive was called so.
        patients: [n].
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: vectors that differ in length, are not of truth values, or a region without a patient.
    """
    check_confidence(confidence)
    right = truth_values(successes, what="successes")
    if right.ndim != 1:
        raise EvaluationError(f"successes of shape {right.shape}; expected [n], one per region")
    spread = jackknife(patient_totals(_columns(right, np.ones(right.size)), patients), ratio)
    return share_estimate(spread, n=right.size, confidence=confidence)


def clustered_mean(
    values: ArrayLike, patients: Patients, *, name: str, confidence: float = 0.95, lowest: float, highest: float
) -> Estimate:
    """Return a mean over regions with the interval of t by patients, clipped to the range of the values.

    Args:
        values: float [n].
        patients: [n].
        name: of the mean, with which `method` begins.
        confidence: level of the interval, 0 to 1.
        lowest: the lowest possible value.
        highest: the highest possible value.

    Raises:
        EvaluationError: values that are text or not [n], or a region without a patient.
    """
    check_confidence(confidence)
    found = number_array(values, what=name)
    spread = jackknife(patient_totals(_columns(found, np.ones(found.size)), patients), ratio)
    return mean_of_spread(spread, n=found.size, name=name, confidence=confidence, lowest=lowest, highest=highest)


def clustered_rate(events: ArrayLike, units: ArrayLike, patients: Patients, *, confidence: float = 0.95) -> Estimate:
    """Return events per unit, such as wrong boxes per image, with Garwood's interval on the effective number of events.

    That number is (rate / SE)^2, at most the number of events (as for `clustered_share`). Without any event the
    interval is that of independent events, an assumption that cannot be checked then.

    Args:
        events: float [n], counts of a part, for example one image or one patient.
        units: float [n], how many units the part has.
        patients: [n], the patient of each part.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: vectors that differ in length or are text, or a part without a patient.
    """
    check_confidence(confidence)
    counted, among = number_array(events, what="events"), number_array(units, what="units")
    if counted.ndim != 1 or counted.shape != among.shape:
        raise EvaluationError(f"events and units of shapes {counted.shape} and {among.shape}; expected two equal [n]")
    total, n = float(counted.sum()), round(float(among.sum()))
    spread = jackknife(patient_totals(_columns(counted, among), patients), ratio)
    method = f"Poisson on the effective number of events, {spread.patients} patients"
    if n == 0:
        return undefined(0, method)
    if total == 0:
        return Estimate(0.0, 0.0, float(stats.chi2.ppf((1 + confidence) / 2, 2)) / 2 / n, n, method)
    if math.isnan(spread.standard_error):
        return Estimate(spread.value, math.nan, math.nan, n, method)
    effective = total
    if spread.standard_error > NO_SPREAD:
        # t instead of z, as the spread is itself estimated.
        scale = critical_value(confidence) / critical_value(confidence, degrees=spread.degrees)
        effective = min((spread.value / spread.standard_error * scale) ** 2, total)
    tail = (1 - confidence) / 2
    low, high = stats.chi2.ppf(tail, 2 * effective) / 2, stats.chi2.ppf(1 - tail, 2 * effective + 2) / 2
    return Estimate(spread.value, spread.value * low / effective, spread.value * high / effective, n, method)


def clustered_share_difference(
    first: ArrayLike, second: ArrayLike, patients: Patients, *, confidence: float = 0.95
) -> Difference:
    """Compare two readers of the same regions: the first's share of successes minus the second's.

    P is of t, McNemar's test for patients with several regions (N. A. Obuchowski, Statistics in Medicine
    1998;17:1495-1507, with patients left out for its variance). The limits are Tango's on the effective sample size,
    (b + c - (b - c)^2 / n) / (n SE^2) with b and c the regions that only one has right, t for z: with only a few such
    regions the interval of t is too narrow, and non-inferiority too easy to show. Without any the difference is 0, P is
    1, and each patient counts once; where each patient shows the same difference P is that of the sign test.

    Args:
        first: bool [n] (or 0 and 1), whether the first reader is right about each region.
        second: bool [n] (or 0 and 1), the same of the second, for the same regions.
        patients: [n].
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: vectors that differ in length, are not of truth values, or a region without a patient.
    """
    check_confidence(confidence)
    one, other = truth_vectors(first, second)
    n, only_first, only_second = one.size, int((one & ~other).sum()), int((~one & other).sum())
    columns = _columns(one.astype(np.float64) - other, np.ones(n))
    spread = jackknife(patient_totals(columns, patients), ratio)
    found = difference_of_spread(
        spread,
        n=n,
        name="paired difference of shares, Tango on the effective sample size",
        widest=1.0,
        confidence=confidence,
    )
    if math.isnan(spread.standard_error):
        return found
    size = float(spread.patients)
    if spread.standard_error > NO_SPREAD:
        variance = (only_first + only_second) / n - spread.value**2
        size = min(variance / spread.standard_error**2, n)
    critical = critical_value(confidence, degrees=spread.patients - 1)
    low, high = tango_limits(only_first / n * size, only_second / n * size, size, critical)
    return replace(found, estimate=replace(found.estimate, low=low, high=high))


def ratio(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first of two totals [..., 2] over the second, NaN where the second is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(totals[..., 1] != 0, totals[..., 0] / totals[..., 1], np.nan)


def share_estimate(spread: Spread, *, n: int, confidence: float) -> Estimate:
    """Return a share of `n` regions with the interval of `clustered_share`."""
    method = f"Wilson on the effective sample size, t, {spread.patients} patients"
    if n == 0 or math.isnan(spread.value):
        return undefined(n, method)
    share = spread.value
    if spread.patients < 2:
        return Estimate(share, math.nan, math.nan, n, method)
    is_edge = share * (1 - share) < NO_SPREAD
    if not is_edge and math.isnan(spread.standard_error):
        return Estimate(share, math.nan, math.nan, n, method)
    effective = float(spread.patients) if is_edge else float(n)
    if not is_edge and spread.standard_error > NO_SPREAD:
        effective = min(share * (1 - share) / spread.standard_error**2, n)
    t = critical_value(confidence, degrees=spread.degrees)
    centre = effective * share + t**2 / 2
    half = t * math.sqrt(effective * share * (1 - share) + t**2 / 4)
    low = 0.0 if share < NO_SPREAD else (centre - half) / (effective + t**2)
    high = 1.0 if 1 - share < NO_SPREAD else (centre + half) / (effective + t**2)
    return Estimate(share, low, high, n, method)


def mean_of_spread(spread: Spread, *, n: int, name: str, confidence: float, lowest: float, highest: float) -> Estimate:
    """Return a mean of `n` regions with the interval of t by patients."""
    method = f"{name}, t, {spread.patients} patients"
    if math.isnan(spread.value):
        return undefined(n, method)
    half = math.nan
    if spread.patients > 1:
        half = spread.standard_error * critical_value(confidence, degrees=spread.degrees)
    limits = limits_of(spread.value, half, units=spread.patients, confidence=confidence, lowest=lowest, highest=highest)
    return Estimate(spread.value, *limits, n, method)


def difference_of_spread(spread: Spread, *, n: int, name: str, widest: float, confidence: float) -> Difference:
    """Return a difference, -`widest` to `widest`, with the test that it is 0.

    Where all patients show the same difference, however large, P is that of the sign test of patients, and for the
    interval the share of patients given by `edge_share` differs the other way.
    """
    method = f"{name}, t, {spread.patients} patients"
    value, error = spread.value, spread.standard_error
    if math.isnan(value) or math.isnan(error):
        estimate = undefined(n, method) if math.isnan(value) else Estimate(value, math.nan, math.nan, n, method)
        return Difference(estimate, math.nan, math.nan, math.nan)
    if error < NO_SPREAD:
        other = edge_share(spread.patients, confidence)
        low, high = value * (1 - other) - widest * other, value * (1 - other) + widest * other
        p_value = 1.0 if abs(value) < NO_SPREAD else min(1.0, 2 * 0.5**spread.patients)
        return Difference(Estimate(value, low, min(high, widest), n, method), 0.0, math.nan, p_value)
    degrees = spread.patients - 1
    statistic, p_value = significance(value, error, degrees=degrees)
    half = critical_value(confidence, degrees=degrees) * error
    limits = clipped(value, half, lowest=-widest, highest=widest)
    return Difference(Estimate(value, *limits, n, method), error, statistic, p_value)


def _columns(*columns: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
