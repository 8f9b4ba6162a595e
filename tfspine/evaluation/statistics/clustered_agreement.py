"""Chance-corrected agreement, and differences of it, with intervals clustered by patient.

Gwet's AC1 and AC2 of two raters or more, and Cohen's kappa of two; both are functions of totals, so that patients can
be left out (`patient_jackknife.py`). Formulas: `agreement.py`; those of kappa are of
J. Cohen, Educational and Psychological Measurement 1960;20:37-46 and Psychological Bulletin 1968;70:213-220.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.compat import StrEnum
from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.agreement import Agreement
from tfspine.evaluation.statistics.arguments import groups
from tfspine.evaluation.statistics.clustered import difference_of_spread
from tfspine.evaluation.statistics.estimate import (
    NO_SPREAD,
    Difference,
    Estimate,
    check_confidence,
    chosen,
    critical_value,
    edge_share,
    significance,
    undefined,
)
from tfspine.evaluation.statistics.patient_jackknife import Patients, Spread, jackknife, patient_totals
from tfspine.evaluation.statistics.ratings import category_counts, checked_ratings, complete, rating_matrix
from tfspine.evaluation.statistics.weights import AnyWeights, Weights, is_identity, weight_matrix, weights_name


class Coefficient(StrEnum):
    """Which correction for chance: Gwet's, which is robust where one grade is most common, or Cohen's kappa."""

    GWET = "Gwet"
    COHEN = "Cohen's kappa"


def clustered_agreement(
    first: ArrayLike,
    second: ArrayLike,
    patients: Patients,
    *,
    categories: int,
    weights: AnyWeights = Weights.IDENTITY,
    coefficient: Coefficient = Coefficient.GWET,
    confidence: float = 0.95,
) -> Agreement:
    """Return the agreement of two vectors of ratings [n]; see `clustered_agreement_of_raters`.

    Args:
        first: ratings of the first rater, whole numbers 0 to `categories` - 1, NaN where missing.
        second: ratings of the second rater, for the same subjects; a subject that one did not rate is left out.
        patients: [n].
        categories: length of the scale.
        weights: identity gives AC1 or plain kappa, quadratic AC2 or weighted kappa; or a matrix [q, q].
        coefficient: Gwet's or Cohen's.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: the vectors differ in length, a rating is not on the scale, the weights are invalid, or a
            subject has no patient.
    """
    matrix = rating_matrix([first, second], categories=categories)
    return _agreement(matrix, patients, categories, weights, chosen(Coefficient, coefficient), confidence)


def clustered_agreement_of_raters(
    ratings: ArrayLike,
    patients: Patients,
    *,
    categories: int,
    weights: AnyWeights = Weights.IDENTITY,
    confidence: float = 0.95,
) -> Agreement:
    """Return Gwet's coefficient of any number of raters, of subjects that all of them rated.

    The interval is t by patients on Fisher's scale, tanh(artanh(c) -+ t SE / (1 - c^2)): it stays within -1 and 1 and
    covers well near 1, where that of the coefficient itself does not; P is t of the coefficient over its SE. Where all
    agree on everything there is no spread: the lower limit then allows for the share of patients that may still
    disagree unseen, and there is no P. With a single patient there is no interval.

    Args:
        ratings: [n, raters], whole numbers 0 to `categories` - 1, NaN where missing.
        patients: [n].
        categories: length of the scale.
        weights: identity gives AC1, the others AC2; or a matrix [q, q].
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: fewer than two raters, a rating off the scale, invalid weights, or a subject has no
            patient.
    """
    matrix = checked_ratings(ratings, categories=categories)
    return _agreement(matrix, patients, categories, weights, Coefficient.GWET, confidence)


def clustered_agreement_difference(
    reference: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    patients: Patients,
    *,
    categories: int,
    weights: AnyWeights = Weights.IDENTITY,
    coefficient: Coefficient = Coefficient.GWET,
    confidence: float = 0.95,
) -> Difference:
    """Compare two raters' agreement with one reference: the first's coefficient minus the second's, by t of patients.

    Args:
        reference: ratings [n] of the reference, whole numbers 0 to `categories` - 1, NaN where missing.
        first: ratings of the first rater, for the same subjects.
        second: ratings of the second rater; a subject that one of the three did not rate is left out.
        patients: [n].
        categories: length of the scale.
        weights: as in `clustered_agreement`.
        coefficient: Gwet's or Cohen's.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: the vectors differ in length, a rating is not on the scale, the weights are invalid, or a
            subject has no patient.
    """
    check_confidence(confidence)
    kind = chosen(Coefficient, coefficient)
    matrix = rating_matrix([reference, first, second], categories=categories)
    kept, people = complete(matrix), _people(patients, len(matrix))
    weight = weight_matrix(categories, weights)
    columns, statistic = _FORMS[kind]
    each = [columns(matrix[kept][:, [0, rater]], weight) for rater in (1, 2)]
    width = each[0].shape[1]

    def difference(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(statistic(totals[..., :width], weight)[0] - statistic(totals[..., width:], weight)[0])

    spread = jackknife(patient_totals(np.hstack(each), people[kept]), difference)
    name = f"difference of {_name(kind, weights, weight)}"
    return difference_of_spread(spread, n=int(kept.sum()), name=name, widest=2.0, confidence=confidence)


def _agreement(
    matrix: NDArray[np.float64],
    patients: Patients,
    categories: int,
    weights: AnyWeights,
    kind: Coefficient,
    confidence: float,
) -> Agreement:
    check_confidence(confidence)
    kept, people = complete(matrix), _people(patients, len(matrix))
    weight, n = weight_matrix(categories, weights), int(kept.sum())
    columns, statistic = _FORMS[kind]
    totals = patient_totals(columns(matrix[kept], weight), people[kept])
    spread = jackknife(totals, lambda sums: statistic(sums, weight)[0])
    observed, expected = (float(share) for share in statistic(totals.sum(axis=0), weight)[1:])
    method = f"{_name(kind, weights, weight)}, Fisher's scale, t, {spread.patients} patients"
    if math.isnan(spread.value):
        return Agreement(undefined(n, method), math.nan, math.nan, observed, expected)
    low, high = _limits(spread, expected, confidence)
    p_value = math.nan
    if spread.standard_error > NO_SPREAD:
        p_value = significance(spread.value, spread.standard_error, degrees=spread.degrees)[1]
    estimate = Estimate(spread.value, low, high, n, method)
    return Agreement(estimate, spread.standard_error, p_value, observed, expected)


def _limits(spread: Spread, expected: float, confidence: float) -> tuple[float, float]:
    value, error = spread.value, spread.standard_error
    if math.isnan(error):
        return math.nan, math.nan
    if 1 - value < NO_SPREAD:
        # A share u of disagreement leaves a coefficient of 1 - u / (1 - expected).
        return max(1 - edge_share(spread.patients, confidence) / (1 - expected), -1.0), 1.0
    if error < NO_SPREAD:
        return math.nan, math.nan
    half = critical_value(confidence, degrees=spread.degrees) * error
    if value <= -1:  # AC2 of few subjects can be: Fisher's scale ends there
        return value, min(value + half, 1.0)
    scaled, centre = half / (1 - value**2), math.atanh(value)
    return math.tanh(centre - scaled), math.tanh(centre + scaled)


def _gwet_columns(ratings: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each subject [n, 2 + q]: 1, its weighted share of agreeing pairs, and its shares of the categories."""
    counts, raters = category_counts(ratings, categories=len(weight)), ratings.shape[1]
    agreed = (counts * (counts @ weight - 1)).sum(axis=1) / (raters * (raters - 1))
    return np.column_stack([np.ones(len(ratings)), agreed, counts / raters])


def _gwet(totals: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return coefficient, observed and expected agreement [...] of totals [..., 2 + q]."""
    q = len(weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = totals[..., 1:] / totals[..., :1]
        prevalence = shares[..., 1:]
        expected = weight.sum() * (prevalence * (1 - prevalence)).sum(axis=-1) / (q * (q - 1))
    return _corrected(shares[..., 0], expected)


def _cohen_columns(ratings: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each subject [n, q * q] which pair of ratings it has."""
    q = len(weight)
    return np.asarray((ratings[:, :1] * q + ratings[:, 1:2]) == np.arange(q * q), np.float64)


def _cohen(totals: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return coefficient, observed and expected agreement [...] of totals [..., q * q]."""
    joint = totals.reshape(*totals.shape[:-1], *weight.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        joint = joint / joint.sum(axis=(-2, -1), keepdims=True)
    expected = ((joint.sum(axis=-1) @ weight) * joint.sum(axis=-2)).sum(axis=-1)
    return _corrected((joint * weight).sum(axis=(-2, -1)), expected)


def _corrected(observed: NDArray[np.float64], expected: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    with np.errstate(invalid="ignore", divide="ignore"):
        coefficient = np.where(1 - expected > NO_SPREAD, (observed - expected) / (1 - expected), np.nan)
    return coefficient, observed, expected


_FORMS = {Coefficient.GWET: (_gwet_columns, _gwet), Coefficient.COHEN: (_cohen_columns, _cohen)}
"""What is summed over the subjects, and the coefficient computed from the sums."""


def _name(kind: Coefficient, weights: AnyWeights, weight: NDArray[np.float64]) -> str:
    if kind is Coefficient.COHEN:
        return kind.value if is_identity(weight) else f"{kind.value} ({weights_name(weights)})"
    return f"Gwet {'AC1' if is_identity(weight) else f'AC2 ({weights_name(weights)})'}"


def _people(patients: Patients, n: int) -> NDArray[np.int64]:
    people = groups(patients, what="patient")
    if len(people) != n:
        raise EvaluationError(f"patients of {len(people)} subjects for ratings of {n}; expected one per subject")
    return people
