"""Gwet's chance-corrected agreement of two raters: AC1, and AC2 with weights.

Source: K. L. Gwet, "Computing inter-rater reliability and its variance in the presence of high agreement", British
Journal of Mathematical and Statistical Psychology 2008;61:29-48, and his Handbook of Inter-Rater Reliability, 4th
ed. 2014, chapters 3 and 4 (weights). The formulas stand in EVALUATION.md.

Ratings are codes 0 to q - 1 of a scale of q categories; q is the length of the scale, also where a category never
occurs. A missing rating is NaN; a subject with one is left out (listwise).
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tfspine.errors import EvaluationError
from tfspine.evaluation.estimate import Estimate, check_confidence, undefined


class Weights(StrEnum):
    """How much a disagreement of d categories still counts as agreement: 1 for d = 0, less the further apart."""

    IDENTITY = "identity"
    LINEAR = "linear"
    QUADRATIC = "quadratic"
    ORDINAL = "ordinal"


@dataclass(frozen=True)
class Agreement:
    """Gwet's coefficient with its interval, and what it was computed from.

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
    weights: Weights = Weights.IDENTITY,
    confidence: float = 0.95,
) -> Agreement:
    """Return Gwet's coefficient of two vectors of ratings [n]; see `gwet_from_table`.

    Args:
        first: ratings of the first rater, whole numbers 0 to `categories` - 1, NaN where missing.
        second: ratings of the second rater, for the same subjects in the same order.
        categories: length of the scale.
        weights: identity gives AC1, the others AC2.
        confidence: share that the interval is to cover.

    Raises:
        EvaluationError: the vectors differ in length or a rating is not on the scale.
    """
    table = joint_counts(first, second, categories=categories)
    return gwet_from_table(table, weights=weights, confidence=confidence)


def gwet_from_table(counts: ArrayLike, *, weights: Weights = Weights.IDENTITY, confidence: float = 0.95) -> Agreement:
    """Return Gwet's coefficient of a table of counts [q, q], first rater in rows, second in columns.

    The variance is conditional on the raters, over n - 1 (Gwet 2008, equation 17, generalised to weights in the
    Handbook); the interval is t with n - 1 degrees of freedom, clipped to [-1, 1]. Without subjects nothing is
    defined; of one subject only the coefficient is.

    Raises:
        EvaluationError: the table is not square, is smaller than 2 x 2 or holds negative counts.
    """
    check_confidence(confidence)
    table = _checked(counts)
    n, q = int(table.sum()), table.shape[0]
    method = f"Gwet {'AC1' if weights is Weights.IDENTITY else f'AC2 ({weights})'}, t({max(n - 1, 0)})"
    if n == 0:
        return Agreement(undefined(0, method), math.nan, math.nan, math.nan, math.nan)

    weight = weight_matrix(q, weights)
    joint = table / n
    prevalence = (joint.sum(axis=0) + joint.sum(axis=1)) / 2
    observed = float((weight * joint).sum())
    expected = float(weight.sum() * (prevalence * (1 - prevalence)).sum() / (q * (q - 1)))
    gamma = (observed - expected) / (1 - expected)
    if n == 1:
        return Agreement(Estimate(gamma, math.nan, math.nan, 1, method), math.nan, math.nan, observed, expected)

    expected_of_pair = weight.sum() * (2 - prevalence[:, None] - prevalence[None, :]) / (2 * q * (q - 1))
    gamma_of_pair = (weight - expected) / (1 - expected)
    gamma_of_pair -= 2 * (1 - gamma) * (expected_of_pair - expected) / (1 - expected)
    variance = float((joint * (gamma_of_pair - gamma) ** 2).sum()) / (n - 1)
    standard_error = math.sqrt(variance)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * standard_error
    estimate = Estimate(gamma, max(gamma - half, -1.0), min(gamma + half, 1.0), n, method)
    return Agreement(estimate, standard_error, _p_value(gamma, standard_error, n - 1), observed, expected)


def joint_counts(first: ArrayLike, second: ArrayLike, *, categories: int) -> NDArray[np.int64]:
    """Return how often each pair of ratings occurs, int64 [q, q], first rater in rows; NaN pairs are left out.

    Raises:
        EvaluationError: the vectors differ in length or a rating is not on the scale.
    """
    if categories < 2:
        raise EvaluationError(f"a scale of {categories} categories; agreement needs at least 2")
    ratings = [np.asarray(vector, np.float64) for vector in (first, second)]
    if ratings[0].ndim != 1 or ratings[0].shape != ratings[1].shape:
        raise EvaluationError(f"ratings of shapes {ratings[0].shape} and {ratings[1].shape}; expected two equal [n]")
    rows, columns = (vector[~(np.isnan(ratings[0]) | np.isnan(ratings[1]))] for vector in ratings)
    for rating in (*rows, *columns):
        if rating != np.floor(rating) or not 0 <= rating < categories:
            raise EvaluationError(f"rating {rating:g}; expected a whole number from 0 to {categories - 1}")
    table = np.zeros((categories, categories), np.int64)
    np.add.at(table, (rows.astype(int), columns.astype(int)), 1)
    return table


def weight_matrix(categories: int, weights: Weights) -> NDArray[np.float64]:
    """Return the weights, float64 [q, q], of every pair of categories (EVALUATION.md; Handbook, chapter 3)."""
    code = np.arange(categories)
    distance = np.abs(code[:, None] - code[None, :]).astype(np.float64)
    match weights:
        case Weights.IDENTITY:
            weight = (distance == 0).astype(np.float64)
        case Weights.LINEAR:
            weight = 1 - distance / (categories - 1)
        case Weights.QUADRATIC:
            weight = 1 - distance**2 / (categories - 1) ** 2
        case Weights.ORDINAL:
            weight = 1 - distance * (distance + 1) / (categories * (categories - 1))
    return np.asarray(weight)


def _checked(counts: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(counts, np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or table.shape[0] < 2:
        raise EvaluationError(f"a table of shape {table.shape}; expected [q, q] counts with q of at least 2")
    if not np.isfinite(table).all() or (table < 0).any() or (table != np.floor(table)).any():
        raise EvaluationError("a table with negative, broken or missing counts; expected whole numbers from 0")
    return table


def _p_value(gamma: float, standard_error: float, degrees: int) -> float:
    """Two-sided p of gamma = 0. Without spread a coefficient is certain: p is 0, and undefined for exactly 0."""
    if standard_error == 0:
        return 0.0 if gamma else math.nan
    return float(2 * stats.t.sf(abs(gamma) / standard_error, degrees))
