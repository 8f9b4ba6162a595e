"""Shares and rates with intervals, from counts: sensitivity, specificity, recall, wrong boxes per image.

Positive means moderate or severe (docs/paper.md, Results).

The paper counts regions that the reader found; `end_to_end_sensitivity` also counts those that the reader missed, as in
clinical use (docs/statistics.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tfspine.compat import StrEnum
from tfspine.evaluation.statistics.arguments import successes_of, truth_vectors, whole_number
from tfspine.evaluation.statistics.estimate import Estimate, check_confidence, chosen, critical_value, undefined


class ProportionInterval(StrEnum):
    """Interval of a proportion.

    Wilson's has the stated coverage on average (E. B. Wilson, JASA 1927;22:209-212). Clopper and Pearson's always has
    at least that coverage, and so is wider (Biometrika 1934;26:404-413); the paper prints this one.
    """

    WILSON = "Wilson"
    CLOPPER_PEARSON = "Clopper-Pearson"


@dataclass(frozen=True)
class DiagnosticAccuracy:
    """Three proportions. `n` of each is its denominator: positives, negatives, and positives with the missed ones."""

    sensitivity: Estimate
    specificity: Estimate
    end_to_end_sensitivity: Estimate


def diagnostic_accuracy(
    reference: ArrayLike,
    reader: ArrayLike,
    *,
    missed_positives: int,
    interval: ProportionInterval = ProportionInterval.CLOPPER_PEARSON,
    confidence: float = 0.95,
) -> DiagnosticAccuracy:
    """Compare a reader's calls with the reference's.

    Args:
        reference: bool [n] (or 0 and 1), whether the reference calls the region positive.
        reader: bool [n] (or 0 and 1), the same of the reader.
        missed_positives: positives of the reference that the reader never found, and so are in neither vector.
        interval: kind of interval.
        confidence: level of the intervals, 0 to 1.

    Raises:
        EvaluationError: the vectors differ in length, are not of truth values, or `missed_positives` is not a count.
    """
    truth, calls = truth_vectors(reference, reader)
    missed_positives = whole_number(missed_positives, what="missed positives")
    hits, positives = int((truth & calls).sum()), int(truth.sum())
    rejections, negatives = int((~truth & ~calls).sum()), int((~truth).sum())
    return DiagnosticAccuracy(
        sensitivity=proportion(hits, positives, interval=interval, confidence=confidence),
        specificity=proportion(rejections, negatives, interval=interval, confidence=confidence),
        end_to_end_sensitivity=proportion(hits, positives + missed_positives, interval=interval, confidence=confidence),
    )


def proportion(
    successes: int, n: int, *, interval: ProportionInterval = ProportionInterval.WILSON, confidence: float = 0.95
) -> Estimate:
    """Return the share k / n with its interval; undefined for n = 0.

    With z the normal quantile of (1 + confidence) / 2 and a = (1 - confidence) / 2: Wilson's limits are
    (k + z^2/2 -+ z sqrt(k (n - k)/n + z^2/4)) / (n + z^2); Clopper and Pearson's the a-quantile of
    Beta(k, n - k + 1) and the (1 - a)-quantile of Beta(k + 1, n - k). At k = 0 the lower limit is 0, at k = n the
    upper is 1, exactly. Sources: `ProportionInterval`.

    Args:
        successes: k, a whole number from 0 to `n`.
        n: how many units there are.
        interval: kind of interval.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: the counts contradict each other or are not whole numbers.
    """
    check_confidence(confidence)
    successes, n = successes_of(successes, n)
    interval = chosen(ProportionInterval, interval)
    if n == 0:
        return undefined(0, interval.value)
    bounds = _wilson if interval is ProportionInterval.WILSON else _clopper_pearson
    return Estimate(successes / n, *bounds(successes, n, confidence), n, interval.value)


def poisson_rate(events: int, units: int, *, confidence: float = 0.95) -> Estimate:
    """Return events per unit, such as wrong boxes per image, with the exact interval of a Poisson count.

    With a = (1 - confidence) / 2 the limits are the a-quantile of chi-square with 2k degrees of freedom, halved, and
    the (1 - a)-quantile of that with 2k + 2, halved, each over the units (F. Garwood, Biometrika 1936;28:437-442).
    Events are treated as independent; where those of one image cluster, the interval is too narrow.

    Args:
        events: k, a whole number from 0; a unit can have more than one.
        units: how many units there are; for 0 the rate is undefined.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: either is not a whole number from 0.
    """
    check_confidence(confidence)
    events, units = whole_number(events, what="events"), whole_number(units, what="units")
    method, tail = "Poisson, exact", (1 - confidence) / 2
    if units == 0:
        return undefined(0, method)
    low = float(stats.chi2.ppf(tail, 2 * events)) / 2 if events else 0.0
    high = float(stats.chi2.ppf(1 - tail, 2 * events + 2)) / 2
    return Estimate(events / units, low / units, high / units, units, method)


def _wilson(successes: int, n: int, confidence: float) -> tuple[float, float]:
    z = critical_value(confidence)
    centre = successes + z**2 / 2
    half = z * float(np.sqrt(successes * (n - successes) / n + z**2 / 4))
    low = 0.0 if successes == 0 else (centre - half) / (n + z**2)
    high = 1.0 if successes == n else (centre + half) / (n + z**2)
    return low, high


def _clopper_pearson(successes: int, n: int, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(stats.beta.ppf(tail, successes, n - successes + 1))
    high = 1.0 if successes == n else float(stats.beta.ppf(1 - tail, successes + 1, n - successes))
    return low, high
