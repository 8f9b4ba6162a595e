"""Intervals clustered by patient: whole patients are drawn, because regions of one spine are not independent.

Source: B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval).

A statistic is a function of weights. It takes float64 [replicates, n], how often each of the n regions was drawn
(whole numbers; all 1 for the original data), and returns float64 [replicates], NaN where a draw leaves it undefined.
All replicates are computed in a few matrix products; `gwet_statistic` and `share_statistic` make the usual ones, and
a difference of two readers is ``lambda weights: first(weights) - second(weights)``, which keeps the pairs together.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.agreement import gwet_of_counts
from tfspine.evaluation.statistics.arguments import groups, number_array, truth_vectors, whole_number
from tfspine.evaluation.statistics.estimate import NO_SPREAD, Estimate, check_confidence, undefined
from tfspine.evaluation.statistics.ratings import category_counts, complete, rating_matrix
from tfspine.evaluation.statistics.weights import AnyWeights, Weights, weight_matrix

StatisticOfWeights: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From weights [replicates, n] to values [replicates]."""

_CHUNK = 8_000_000
"""Weights handled at a time, so that memory stays near 64 MB for any number of regions."""


def patient_bootstrap(
    statistic: StatisticOfWeights,
    patients: Sequence[object] | NDArray[np.generic],
    *,
    replicates: int = 2000,
    seed: int,
    confidence: float = 0.95,
) -> Estimate:
    """Return a statistic of the data with the percentile interval of a bootstrap over patients.

    Patients are drawn with replacement, as many as there are, each with all of its regions. The limits are the
    quantiles (linear interpolation) of the replicates that define the statistic; `method` counts the others. For a
    single patient, without any defined replicate, and where no draw changes anything, there is no interval. `n` counts
    the regions. With few patients (below about 30) a percentile interval is too narrow.

    Args:
        statistic: function of weights, see the module.
        patients: [n], names or numbers of the patients, one per region.
        replicates: number of draws, at least 2.
        seed: of the draws, a whole number from 0; equal seeds give equal intervals.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: the patients are not [n] or one is missing, fewer than two draws, an invalid seed, or a
            statistic of other regions or that returns another shape.
    """
    check_confidence(confidence)
    patient = groups(patients, what="patient")
    replicates = whole_number(replicates, what="replicates", least=2)
    seed = whole_number(seed, what="as the seed")
    n, method = patient.size, f"patient bootstrap, percentile, {replicates} replicates, seed {seed}"
    if n == 0:
        return undefined(0, method)
    people = int(patient.max()) + 1
    value = float(_values(statistic, np.ones((1, n)))[0])
    if people == 1:
        return Estimate(value, math.nan, math.nan, n, f"{method}: one patient gives no interval")

    draws = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=replicates)
    step = max(1, _CHUNK // n)
    values = np.concatenate(
        [
            _values(statistic, draws[start : start + step, patient].astype(np.float64))
            for start in range(0, replicates, step)
        ]
    )
    defined = values[~np.isnan(values)]
    method = f"{method}, {people} patients, {replicates - defined.size} replicates undefined"
    if math.isnan(value) or defined.size == 0:
        return Estimate(value, math.nan, math.nan, n, method)
    if np.ptp(defined) < NO_SPREAD:
        return Estimate(value, math.nan, math.nan, n, method)
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(low), float(high), n, method)


def gwet_statistic(
    first: ArrayLike, second: ArrayLike, *, categories: int, weights: AnyWeights = Weights.IDENTITY
) -> StatisticOfWeights:
    """Return Gwet's coefficient (`agreement.gwet`, listwise) of two raters [n] as a function of weights.

    Raises:
        EvaluationError: the vectors differ in length, a rating is not on the scale, or the weights are invalid.
    """
    matrix = rating_matrix([first, second], categories=categories)
    rated = complete(matrix)
    counts, weight = category_counts(matrix[rated], categories=categories), weight_matrix(categories, weights)

    def coefficient(draws: NDArray[np.float64]) -> NDArray[np.float64]:
        _check_fit(draws, len(matrix))
        return gwet_of_counts(counts, draws[:, rated], weight)[0]

    return coefficient


def share_statistic(successes: ArrayLike, among: ArrayLike) -> StatisticOfWeights:
    """Return the share of successes among some of the regions as a function of weights.

    Sensitivity is ``share_statistic(calls & truth, truth)``, specificity ``share_statistic(~calls & ~truth, ~truth)``.

    Args:
        successes: bool [n] (or 0 and 1), the regions of the numerator, all of them also in `among`.
        among: bool [n] (or 0 and 1), the regions of the denominator.

    Raises:
        EvaluationError: vectors that differ in length, are not of truth values, or a success outside `among`.
    """
    above, below = truth_vectors(successes, among, what="successes and regions")
    if (above & ~below).any():
        raise EvaluationError("a success outside the regions that count; expected successes among them")
    columns = np.stack([above, below], axis=1).astype(np.float64)

    def share(draws: NDArray[np.float64]) -> NDArray[np.float64]:
        _check_fit(draws, len(columns))
        hits, regions = (draws @ columns).T
        with np.errstate(invalid="ignore"):
            return np.asarray(hits / regions)

    return share


def rate_statistic(events: ArrayLike, units: ArrayLike) -> StatisticOfWeights:
    """Return events per unit, such as false boxes per image, as a function of weights.

    Args:
        events: float [n], counts of a part.
        units: float [n], how many units the part has.
    """
    columns = np.stack([number_array(events, what="events"), number_array(units, what="units")], axis=1)

    def rate(draws: NDArray[np.float64]) -> NDArray[np.float64]:
        _check_fit(draws, len(columns))
        counted, among = (draws @ columns).T
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(among > 0, counted / among, np.nan))

    return rate


def _check_fit(draws: NDArray[np.float64], n: int) -> None:
    if draws.shape[1] != n:
        raise EvaluationError(f"patients of {draws.shape[1]} regions for a statistic of {n}; expected one per region")


def _values(statistic: StatisticOfWeights, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.asarray(statistic(weights), np.float64)
    if values.shape != weights.shape[:1]:
        raise EvaluationError(
            f"a statistic of shape {values.shape} for weights {weights.shape}; expected one per replicate"
        )
    return values
