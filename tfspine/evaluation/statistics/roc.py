"""ROC and precision-recall curves, and the areas below them.

`truth` is bool [n] (or 0 and 1), whether the reference calls a region positive; `scores` is float [n]; higher means
more likely positive. Regions of equal score are taken together, not in random order. An area does not change under an
increasing function of the scores. The intervals treat regions as independent; `bootstrap.py` clusters by patient.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from tfspine.compat import StrEnum
from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import number_array, truth_values
from tfspine.evaluation.statistics.estimate import (
    NO_SPREAD,
    Difference,
    Estimate,
    check_confidence,
    chosen,
    critical_value,
    limits_of,
    significance,
    undefined,
)


class AucInterval(StrEnum):
    """Interval of an area under the ROC curve, both with DeLong's variance.

    Normal is the area -+ z SE, clipped to [0, 1], which most papers print. Logit transforms first and covers better
    near 1; an area of exactly 0 or 1 has no logit interval.
    """

    NORMAL = "DeLong, normal"
    LOGIT = "DeLong, logit"


@dataclass(frozen=True)
class RocCurve:
    """One point for each distinct score, thresholds falling, from (0, 0) at infinity to (1, 1).

    Positive is a score at or above the threshold. A rate without regions (no negatives, no positives) is NaN.
    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def roc_curve(truth: ArrayLike, scores: ArrayLike) -> RocCurve:
    """Return the ROC curve: shares of negatives and of positives at or above every score that occurs.

    Raises:
        EvaluationError: the vectors differ in length, truth is not of truth values, or a score is missing.
    """
    positive, score = _checked(truth, scores)
    thresholds, hits, alarms = _cumulative(positive, score)
    with np.errstate(invalid="ignore"):
        return RocCurve(
            false_positive_rate=np.concatenate([[0], alarms]) / (~positive).sum(),
            true_positive_rate=np.concatenate([[0], hits]) / positive.sum(),
            thresholds=np.concatenate([[np.inf], thresholds]),
        )


def auc(
    truth: ArrayLike, scores: ArrayLike, *, interval: AucInterval = AucInterval.NORMAL, confidence: float = 0.95
) -> Estimate:
    """Return the area under the ROC curve: how often a positive scores above a negative, ties counting half.

    The variance is DeLong's: S10 / m + S01 / n, the spreads (over m - 1 and n - 1) of the m positives' and the n
    negatives' shares of pairs won (E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 1988;44:837-845).
    Without a positive or a negative the area is undefined, with a single one its interval. Perfect separation shows
    no spread: the normal interval then allows for the share that so few positives, or negatives, may still miss
    (`edge_limits`).

    Args:
        truth: bool [n], whether the reference calls the region positive.
        scores: float [n].
        interval: kind of interval.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: the vectors differ in length, truth is not of truth values, or a score is missing.
    """
    check_confidence(confidence)
    positive, score = _checked(truth, scores)
    method = chosen(AucInterval, interval).value
    area, variance = _delong(positive, score[None])
    if math.isnan(area[0]):
        return undefined(score.size, method)
    value, standard_error = float(area[0]), math.sqrt(variance[0, 0])
    if method == AucInterval.NORMAL:
        half = critical_value(confidence) * standard_error
        limits = limits_of(value, half, units=_fewer(positive), confidence=confidence, lowest=0.0, highest=1.0)
    else:
        limits = _logit_limits(value, standard_error, confidence)
    return Estimate(value, *limits, score.size, method)


def auc_difference(
    truth: ArrayLike, first_scores: ArrayLike, second_scores: ArrayLike, *, confidence: float = 0.95
) -> Difference:
    """Compare two scores of the same regions: the first's area under the ROC curve minus the second's.

    DeLong's paired test, by z, with the covariance of the two areas (source: `auc`); clipped to [-1, 1].

    Raises:
        EvaluationError: the vectors differ in length, truth is not of truth values, or a score is missing.
    """
    check_confidence(confidence)
    positive, first = _checked(truth, first_scores)
    second = _checked(truth, second_scores)[1]
    method = "difference of areas, DeLong, paired z"
    area, covariance = _delong(positive, np.stack([first, second]))
    if np.isnan(area).any():
        return Difference(undefined(first.size, method), math.nan, math.nan, math.nan)
    value = float(area[0] - area[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    standard_error = math.sqrt(max(variance, 0.0)) if not math.isnan(variance) else math.nan
    half = critical_value(confidence) * standard_error
    limits = limits_of(value, half, units=_fewer(positive), confidence=confidence, lowest=-1.0, highest=1.0)
    return Difference(
        Estimate(value, *limits, first.size, method), standard_error, *significance(value, standard_error)
    )


def average_precision(truth: ArrayLike, scores: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Return the average precision: the sum over the scores of precision times the gain in recall, not interpolated.

    The interval is the logit one of K. Boyd, K. H. Eng and C. D. Page (ECML PKDD 2013, LNCS 8190:451-466): expit of
    logit(AP) -+ z / sqrt(m AP (1 - AP)) with m positives. An average precision of 1 has none. `n` counts the regions.

    Raises:
        EvaluationError: the vectors differ in length, truth is not of truth values, or a score is missing.
    """
    check_confidence(confidence)
    positive, score = _checked(truth, scores)
    positives, method = int(positive.sum()), "average precision, logit"
    if positives == 0:
        return undefined(score.size, method)
    _, hits, alarms = _cumulative(positive, score)
    value = float((np.diff(hits, prepend=0) * hits / (hits + alarms)).sum() / positives)
    value = min(value, 1.0)
    return Estimate(
        value, *_logit_limits(value, math.sqrt(value * (1 - value) / positives), confidence), score.size, method
    )


def _cumulative(
    positive: NDArray[np.bool_], score: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct scores [k], falling, and how many positives and negatives score at least that."""
    thresholds, position = np.unique(-score, return_inverse=True)
    hits = np.bincount(position[positive], minlength=thresholds.size).cumsum()
    alarms = np.bincount(position[~positive], minlength=thresholds.size).cumsum()
    return -thresholds, hits, alarms


def _delong(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return areas [k] and their covariance [k, k] of scores [k, n], by mid-ranks; NaN where undefined."""
    k, positives, negatives = len(scores), int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return np.full(k, np.nan), np.full((k, k), np.nan)
    rank = stats.rankdata(scores, axis=1)
    above = (rank[:, positive] - stats.rankdata(scores[:, positive], axis=1)) / negatives  # pairs that each wins
    below = (rank[:, ~positive] - stats.rankdata(scores[:, ~positive], axis=1)) / positives  # ... that each loses
    area = above.mean(axis=1)
    if min(positives, negatives) < 2:
        return area, np.full((k, k), np.nan)
    covariance = np.cov(above).reshape(k, k) / positives + np.cov(below).reshape(k, k) / negatives
    return area, covariance


def _fewer(positive: NDArray[np.bool_]) -> int:
    """Return the size of the smaller of the two groups, positives and negatives."""
    return min(int(positive.sum()), int((~positive).sum()))


def _logit_limits(value: float, standard_error: float, confidence: float) -> tuple[float, float]:
    """Return expit(logit(value) -+ z SE / (value (1 - value))), by the delta method."""
    if math.isnan(standard_error) or value * (1 - value) < NO_SPREAD:
        return math.nan, math.nan
    half = critical_value(confidence) * standard_error / (value * (1 - value))
    centre = float(special.logit(value))
    return float(special.expit(centre - half)), float(special.expit(centre + half))


def _checked(truth: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    positive, score = truth_values(truth, what="truth values"), number_array(scores, what="scores")
    if positive.ndim != 1 or positive.shape != score.shape:
        raise EvaluationError(f"truth and scores of shapes {positive.shape} and {score.shape}; expected two equal [n]")
    if not np.isfinite(score).all():
        raise EvaluationError(f"score {score[~np.isfinite(score)][0]}; expected a finite number for every region")
    return positive, score
