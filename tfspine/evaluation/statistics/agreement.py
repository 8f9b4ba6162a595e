"""Gwet's chance-corrected agreement of two or more raters: AC1, and AC2 with weights.

Source: K. L. Gwet, "Computing inter-rater reliability and its variance in the presence of high agreement", British
Journal of Mathematical and Statistical Psychology 2008;61:29-48, and his Handbook of Inter-Rater Reliability, 4th
ed. 2014, chapters 3 and 4 (weights), 5 (variance). The formulas are in docs/statistics.md.

Everything here uses one formula. A subject, or a kind of subject that occurs `frequency` times, is represented by its
number of ratings in each category, r_k with r = sum r_k. With w the weights and T_w their sum:

- observed agreement of a subject with two ratings or more: sum r_k (sum_l w_kl r_l - 1) / (r (r - 1)), averaged
  over those subjects;
- prevalence pi_k: mean of r_k / r over all subjects; chance agreement pe = T_w sum pi_k (1 - pi_k) / (q (q - 1));
- the coefficient (pa - pe) / (1 - pe).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.evaluation.statistics.estimate import (
    NO_SPREAD,
    Difference,
    Estimate,
    check_confidence,
    chosen,
    critical_value,
    edge_share,
    limits_of,
    significance,
    standard_error_of_mean,
    undefined,
)
from tfspine.evaluation.statistics.ratings import (
    Missing,
    category_counts,
    checked_ratings,
    complete,
    rating_matrix,
)
from tfspine.evaluation.statistics.weights import AnyWeights, Weights, is_identity, weight_matrix, weights_name


@dataclass(frozen=True)
class Agreement:
    """A chance-corrected coefficient with its interval, and the quantities it was computed from.

    `observed` and `expected` are the weighted shares of agreement found and due to chance; `p_value` is two-sided
    against a coefficient of 0.
    """

    coefficient: Estimate
    standard_error: float
    p_value: float
    observed: float
    expected: float


def gwet(
    first: ArrayLike,
    second: ArrayLike,
    *,
    categories: int,
    weights: AnyWeights = Weights.IDENTITY,
    missing: Missing = Missing.LISTWISE,
    confidence: float = 0.95,
) -> Agreement:
    """Return Gwet's coefficient of two vectors of ratings [n]; see `gwet_of_raters`.

    Args:
        first: ratings of the first rater, whole numbers 0 to `categories` - 1, NaN where missing.
        second: ratings of the second rater, for the same subjects in the same order.
        categories: length of the scale.
        weights: identity gives AC1, the others AC2; or a matrix [q, q].
        missing: how subjects that one rater did not rate are treated.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: the vectors differ in length, a rating is not on the scale, or the weights are invalid.
    """
    matrix = rating_matrix([first, second], categories=categories)
    return gwet_of_raters(matrix, categories=categories, weights=weights, missing=missing, confidence=confidence)


def gwet_of_raters(
    ratings: ArrayLike,
    *,
    categories: int,
    weights: AnyWeights = Weights.IDENTITY,
    missing: Missing = Missing.LISTWISE,
    confidence: float = 0.95,
) -> Agreement:
    """Return Gwet's coefficient of any number of raters.

    The variance is conditional on the raters, over n - 1 (Gwet 2008, equation 17, generalised to weights in the
    Handbook); the interval is t with n - 1 degrees of freedom, clipped to [-1, 1]. AC2 of few subjects can lie
    below -1: then it is its own lower limit. Without subjects nothing is defined; for one subject only the
    coefficient is. Where all agree there is no spread and no p, and the lower limit allows for the share of subjects
    that may still disagree unseen (`agreement_limits`).

    n are the subjects that count: listwise, those that every rater rated; available, those with at least one rating
    (two for the observed agreement). With available ratings the variance treats the number rated twice as fixed, which
    makes it slightly too large and the interval conservative.

    Args:
        ratings: [n, raters], whole numbers 0 to `categories` - 1, NaN where missing.
        categories: length of the scale.
        weights: identity gives AC1, the others AC2; or a matrix [q, q].
        missing: how subjects that not every rater rated are treated.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: fewer than two raters, a rating off the scale, or invalid weights.
    """
    matrix = checked_ratings(ratings, categories=categories)
    kept = complete(matrix) if chosen(Missing, missing) is Missing.LISTWISE else ~np.isnan(matrix).all(axis=1)
    counts = category_counts(matrix[kept], categories=categories)
    return _agreement(counts, np.ones(len(counts)), weights, confidence)


def gwet_difference(
    reference: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    categories: int,
    weights: AnyWeights = Weights.IDENTITY,
    confidence: float = 0.95,
) -> Difference:
    """Compare two raters' agreement with one reference: the first's coefficient minus the second's.

    Both coefficients are means of values of the subjects (`_linearised`), so their difference is the mean of the
    subjects' differences: a paired t test of n - 1 degrees of freedom, clipped to [-2, 2] (K. L. Gwet, Educational
    and Psychological Measurement 2016;76:609-637). Subjects that one of the three did not rate are left out.

    Args:
        reference: ratings [n] of the reference, whole numbers 0 to `categories` - 1, NaN where missing.
        first: ratings of the first rater, for the same subjects.
        second: ratings of the second rater.
        categories: length of the scale.
        weights: as in `gwet`.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: the vectors differ in length, a rating is not on the scale, or the weights are invalid.
    """
    check_confidence(confidence)
    matrix = rating_matrix([reference, first, second], categories=categories)
    matrix = matrix[complete(matrix)]
    weight, n = weight_matrix(categories, weights), len(matrix)
    method = f"difference of Gwet's {_name(weights, weight)}, paired t({max(n - 1, 0)})"
    if n == 0:
        return Difference(undefined(0, method), math.nan, math.nan, math.nan)

    values = []
    for rater in (1, 2):
        counts = category_counts(matrix[:, [0, rater]], categories=categories)
        values.append(_linearised(counts, np.ones(n), weight))
    by_subject = values[0] - values[1]
    difference = float(by_subject.mean())
    standard_error = standard_error_of_mean(by_subject) if n > 1 else math.nan
    statistic, p_value = significance(difference, standard_error, degrees=n - 1)
    half = critical_value(confidence, degrees=n - 1) * standard_error if n > 1 else math.nan
    limits = limits_of(difference, half, units=n, confidence=confidence, lowest=-2.0, highest=2.0)
    estimate = Estimate(difference, *limits, n, method)
    return Difference(estimate, standard_error, statistic, p_value)


def gwet_of_counts(
    counts: NDArray[np.float64], frequency: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return coefficient [...], observed [...] and chance agreement [...] and prevalence [..., q], NaN if undefined.

    Args:
        counts: float64 [m, q], ratings in each category of m subjects or kinds of subject, at least one each.
        frequency: float64 [..., m], how often each occurs.
        weight: float64 [q, q].
    """
    q, raters = counts.shape[1], counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = frequency @ _agreed(counts, weight) / (frequency @ (raters >= 2).astype(np.float64))
        prevalence = frequency @ (counts / raters[:, None]) / frequency.sum(axis=-1)[..., None]
        expected = weight.sum() * (prevalence * (1 - prevalence)).sum(axis=-1) / (q * (q - 1))
        gamma = np.where(1 - expected > NO_SPREAD, (observed - expected) / (1 - expected), np.nan)
    return gamma, observed, expected, prevalence


def agreement_limits(
    coefficient: float, half: float, expected: float, *, units: int, confidence: float
) -> tuple[float, float]:
    """Return the limits of a chance-corrected coefficient, -1 to 1, valid also where all agree.

    A share u of disagreement leaves a coefficient of 1 - u / (1 - expected); `edge_share` is the largest u that
    `units` without any disagreement allow.
    """
    if half < NO_SPREAD and 1 - coefficient < NO_SPREAD:
        return max(1 - edge_share(units, confidence) / (1 - expected), -1.0), 1.0
    return limits_of(coefficient, half, units=units, confidence=confidence, lowest=-1.0, highest=1.0)


def _agreement(
    counts: NDArray[np.float64], frequency: NDArray[np.float64], weights: AnyWeights, confidence: float
) -> Agreement:
    check_confidence(confidence)
    weight, n = weight_matrix(counts.shape[1], weights), int(frequency.sum())
    method = f"Gwet {_name(weights, weight)}, t({max(n - 1, 0)})"
    gamma, observed, expected = (float(value) for value in gwet_of_counts(counts, frequency, weight)[:3])
    if math.isnan(gamma):
        return Agreement(undefined(n, method), math.nan, math.nan, observed, expected)
    if n == 1:
        return Agreement(Estimate(gamma, math.nan, math.nan, 1, method), math.nan, math.nan, observed, expected)

    spread = frequency @ (_linearised(counts, frequency, weight) - gamma) ** 2
    standard_error = math.sqrt(float(spread) / (n * (n - 1)))
    half = critical_value(confidence, degrees=n - 1) * standard_error
    estimate = Estimate(gamma, *agreement_limits(gamma, half, expected, units=n, confidence=confidence), n, method)
    p_value = significance(gamma, standard_error, degrees=n - 1)[1]
    return Agreement(estimate, standard_error, p_value, observed, expected)


def _linearised(
    counts: NDArray[np.float64], frequency: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a value [m] for each subject; their mean is the coefficient, and their spread gives its variance.

    Gwet's subject-level value: n / n2 (pa_i - pe) / (1 - pe) - 2 (1 - gamma) (pe_i - pe) / (1 - pe), the first term
    only of the n2 subjects with two ratings or more, with pe_i = T_w sum_k r_ik (1 - pi_k) / (r_i q (q - 1)). Of two
    ratings (k, l) it is the gamma_kl of docs/statistics.md.
    """
    q, raters = counts.shape[1], counts.sum(axis=1)
    gamma, _, expected, prevalence = gwet_of_counts(counts, frequency, weight)
    twice = raters >= 2
    by_chance = weight.sum() * (counts @ (1 - prevalence)) / (raters * q * (q - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = frequency.sum() / (frequency @ twice.astype(np.float64))
        value = share * np.where(twice, _agreed(counts, weight) - expected, 0) / (1 - expected)
        return np.asarray(value - 2 * (1 - gamma) * (by_chance - expected) / (1 - expected))


def _agreed(counts: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted share [m] of the pairs of ratings of each subject that agree; 0 for a single rating."""
    raters = counts.sum(axis=1)
    return np.asarray((counts * (counts @ weight - 1)).sum(axis=1) / np.maximum(raters * (raters - 1), 1))


def _name(weights: AnyWeights, weight: NDArray[np.float64]) -> str:
    return "AC1" if is_identity(weight) else f"AC2 ({weights_name(weights)})"
