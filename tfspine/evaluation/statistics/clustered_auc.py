"""Areas under the ROC curve, and under precision over recall, with intervals clustered by patient.

The standard error is the jackknife over patients (`patient_jackknife.py`); for many patients its variance is that of N.
A. Obuchowski, Biometrics 1997;53:567-578, and with one region per patient about DeLong's. A patient may have regions of
both kinds.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import groups, number_array, truth_values
from tfspine.evaluation.statistics.clustered import difference_of_spread
from tfspine.evaluation.statistics.estimate import (
    NO_SPREAD,
    Difference,
    Estimate,
    check_confidence,
    critical_value,
    undefined,
)
from tfspine.evaluation.statistics.patient_jackknife import Patients, Spread, spread_of


def clustered_auc(truth: ArrayLike, scores: ArrayLike, patients: Patients, *, confidence: float = 0.95) -> Estimate:
    """Return the area under the ROC curve with a logit interval of t by patients; an area of 0 or 1 has none.

    Args:
        truth: bool [n], whether the reference calls the region positive.
        scores: float [n]; higher means more likely positive.
        patients: [n].
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: vectors that differ in length, truth not of truth values, a score missing, or a region without
            a patient.
    """
    check_confidence(confidence)
    positive, score, person = _checked(truth, scores, patients)
    spread = spread_of(*areas_without(positive, score, person))
    return _logit_estimate(spread, n=score.size, name="area under the ROC curve", confidence=confidence)


def clustered_auc_difference(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, patients: Patients, *, confidence: float = 0.95
) -> Difference:
    """Compare two scores of the same regions: the first's area minus the second's, by t of patients.

    Raises:
        EvaluationError: as `clustered_auc`.
    """
    check_confidence(confidence)
    positive, one, person = _checked(truth, first, patients)
    other = _checked(truth, second, patients)[1]
    (value, without), (other_value, other_without) = (areas_without(positive, each, person) for each in (one, other))
    spread = spread_of(value - other_value, without - other_without)
    return difference_of_spread(
        spread, n=one.size, name="difference of areas under ROC curves", widest=1.0, confidence=confidence
    )


def clustered_average_precision(
    truth: ArrayLike, scores: ArrayLike, patients: Patients, *, confidence: float = 0.95
) -> Estimate:
    """Return the average precision (`curves.average_precision`) with a logit interval of t by patients.

    Raises:
        EvaluationError: as `clustered_auc`.
    """
    check_confidence(confidence)
    positive, score, person = _checked(truth, scores, patients)
    m = int(person.max()) + 1 if person.size else 0
    kept = np.vstack([np.ones((1, score.size)), person != np.arange(m)[:, None]])
    values = _average_precision(positive, score, kept)
    spread = spread_of(float(values[0]), values[1:])
    return _logit_estimate(spread, n=score.size, name="average precision", confidence=confidence)


def areas_without(
    positive: NDArray[np.bool_], score: NDArray[np.float64], person: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64]]:
    """Return the area under the ROC curve of all regions, and [m] without each of m patients; NaN where undefined.

    For each patient, the pairs won or lost by their regions are subtracted: those of their positives with all negatives
    and of their negatives with all positives, minus those among their own, which are in both.

    Args:
        positive: bool [n].
        score: float [n].
        person: int [n], counted from 0.
    """
    m = int(person.max()) + 1 if person.size else 0
    wins = _wins(positive, score)
    # Ranks within a patient: patients are moved so far apart that no pair of two patients counts as a win.
    place = stats.rankdata(score, method="dense")
    own = _wins(positive, place + person * (place.size + 1.0))
    positives, negatives = (np.bincount(person[kind], minlength=m) for kind in (positive, ~positive))
    earlier = np.cumsum(negatives) - negatives
    within = np.bincount(person[positive], own[positive] - earlier[person[positive]], minlength=m)
    of_patient = np.bincount(person, wins, minlength=m)
    total, all_positives, all_negatives = wins[positive].sum(), positives.sum(), negatives.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = (all_positives - positives) * (all_negatives - negatives)
        without = np.where(pairs > 0, (total - of_patient + within) / pairs, np.nan)
    if not all_positives or not all_negatives:
        return math.nan, without
    return float(total / (all_positives * all_negatives)), without


def _wins(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each region [n] the number of won pairs with regions of the other kind, ties counting half."""
    rank = stats.rankdata(score)
    wins = np.empty(score.size)
    wins[positive] = rank[positive] - stats.rankdata(score[positive])
    wins[~positive] = positive.sum() - (rank[~positive] - stats.rankdata(score[~positive]))
    return wins


def _average_precision(
    positive: NDArray[np.bool_], score: NDArray[np.float64], kept: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the average precision [k] of the regions that each row of `kept` [k, n] keeps."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(-score[order], append=np.inf) > 0)
    weight = kept[:, order]
    regions = np.cumsum(weight, axis=1)[:, last]
    hits = np.cumsum(weight * positive[order], axis=1)[:, last]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(regions > 0, hits / regions, 0.0)
        return np.asarray((np.diff(hits, prepend=0.0, axis=1) * precision).sum(axis=1) / (kept @ positive))


def _logit_estimate(spread: Spread, *, n: int, name: str, confidence: float) -> Estimate:
    method, value = f"{name}, logit, t, {spread.patients} patients", spread.value
    if math.isnan(value):
        return undefined(n, method)
    if math.isnan(spread.standard_error) or value * (1 - value) < NO_SPREAD:
        return Estimate(value, math.nan, math.nan, n, method)
    half = critical_value(confidence, degrees=spread.degrees) * spread.standard_error / (value * (1 - value))
    centre = float(special.logit(value))
    return Estimate(value, float(special.expit(centre - half)), float(special.expit(centre + half)), n, method)


def _checked(
    truth: ArrayLike, scores: ArrayLike, patients: Patients
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    positive, score = truth_values(truth, what="truth values"), number_array(scores, what="scores")
    person = groups(patients, what="patient")
    if positive.ndim != 1 or not positive.shape == score.shape == person.shape:
        raise EvaluationError(
            f"truth, scores and patients of shapes {positive.shape}, {score.shape} and {person.shape}; expected three "
            "equal [n]"
        )
    if not np.isfinite(score).all():
        raise EvaluationError(f"score {score[~np.isfinite(score)][0]}; expected a finite number for every region")
    return positive, score, person
