"""How good a grader's probabilities are: Brier score and calibration. The RSNA 2024 loss is in `rsna_loss.py`.

`probabilities` is float [n, q], 0 to 1, each row summing to 1; `grades` is [n], codes 0 to q - 1 of the reference.
Rows with a NaN grade (the reference has none) are left out. Nothing is rescaled: a row that does not sum to 1 is an
error.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.evaluation.statistics.accuracy import ProportionInterval, proportion
from tfspine.evaluation.statistics.arguments import whole_number
from tfspine.evaluation.statistics.clustered import clustered_mean
from tfspine.evaluation.statistics.estimate import (
    Estimate,
    check_confidence,
    critical_value,
    limits_of,
    mean_estimate,
    standard_error_of_mean,
    undefined,
)
from tfspine.evaluation.statistics.patient_jackknife import Patients
from tfspine.evaluation.statistics.ratings import graded_probabilities


@dataclass(frozen=True)
class ReliabilityBin:
    """The regions whose top probability lies above `low` and up to `high` (the first bin includes 0).

    `confidence` is their mean top probability, NaN without regions; `accuracy` the share of right calls, Wilson's
    interval, with their number as n. A calibrated grader's two numbers are equal.
    """

    low: float
    high: float
    confidence: float
    accuracy: Estimate


def brier(
    probabilities: ArrayLike, grades: ArrayLike, *, patients: Patients | None = None, confidence: float = 0.95
) -> Estimate:
    """Return Brier's score: mean over regions of sum_k (p_k - y_k)^2, 0 (perfect) to 2 (certain and wrong).

    For two grades this is twice the score that uses only the positive grade's probability. The interval is of a
    mean, t with n - 1 degrees of freedom, clipped to [0, 2]. Source: G. W. Brier, Monthly Weather Review 1950;78:1-3.

    Args:
        probabilities: float [n, q].
        grades: [n], codes 0 to q - 1, NaN where the reference has none.
        patients: [n], the patient of each region, for a clustered interval; None treats regions as independent.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: shapes that do not fit, no probabilities, or a grade off the scale.
    """
    check_confidence(confidence)
    shares, codes, graded = graded_probabilities(probabilities, grades)
    errors = ((shares - np.eye(shares.shape[1])[codes]) ** 2).sum(axis=1)
    if patients is not None:
        people = np.asarray(patients, object)[graded]
        return clustered_mean(errors, people, name="Brier score", confidence=confidence, lowest=0.0, highest=2.0)
    return mean_estimate(errors, name="Brier score", confidence=confidence, lowest=0.0, highest=2.0)


def expected_calibration_error(
    probabilities: ArrayLike,
    grades: ArrayLike,
    *,
    bins: int = 15,
    patients: Patients | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Return the expected calibration error: sum over bins of n_b / n |accuracy_b - confidence_b|, 0 to 1.

    Bins are of equal width over the probability of the likeliest grade (C. Guo and others, ICML 2017, equation 3).
    The interval treats bins and the signs of their gaps as given, so that the error is a mean over regions, and z
    applies. Noise alone causes gaps, so the error of a well calibrated grader is overestimated, and so is its
    interval; it is valid where gaps are large compared with their noise.

    Args:
        probabilities: float [n, q].
        grades: [n], codes 0 to q - 1, NaN where the reference has none.
        bins: number of bins, at least 1.
        patients: [n], the patient of each region, for a clustered interval; None treats regions as independent.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: as in `brier`, or no bins.
    """
    check_confidence(confidence)
    bins = whole_number(bins, what="bins", least=1)
    shares, codes, graded = graded_probabilities(probabilities, grades)
    method, n = f"expected calibration error, {bins} bins, z", codes.size
    top, right, position = _binned(shares, codes, bins)
    if n == 0:
        return undefined(0, method)
    gaps = np.bincount(position, right - top, minlength=bins)
    signed = np.sign(gaps)[position] * (right - top)
    if patients is not None:
        name, people = f"expected calibration error, {bins} bins", np.asarray(patients, object)[graded]
        return clustered_mean(signed, people, name=name, confidence=confidence, lowest=0.0, highest=1.0)
    value = float(np.abs(gaps).sum() / n)
    half = critical_value(confidence) * standard_error_of_mean(signed) if n > 1 else math.nan
    limits = limits_of(value, half, units=n, confidence=confidence, lowest=0.0, highest=1.0)
    return Estimate(value, *limits, n, method)


def reliability(
    probabilities: ArrayLike, grades: ArrayLike, *, bins: int = 15, confidence: float = 0.95
) -> tuple[ReliabilityBin, ...]:
    """Return the bins of a reliability diagram, from 0 to 1, also the empty ones.

    Raises:
        EvaluationError: as in `brier`, or no bins.
    """
    check_confidence(confidence)
    bins = whole_number(bins, what="bins", least=1)
    shares, codes, _ = graded_probabilities(probabilities, grades)
    top, right, position = _binned(shares, codes, bins)
    rows = []
    for index in range(bins):
        inside = position == index
        accuracy = proportion(
            int(right[inside].sum()), int(inside.sum()), interval=ProportionInterval.WILSON, confidence=confidence
        )
        mean = float(top[inside].mean()) if inside.any() else math.nan
        rows.append(ReliabilityBin(index / bins, (index + 1) / bins, mean, accuracy))
    return tuple(rows)


def _binned(
    shares: NDArray[np.float64], codes: NDArray[np.int64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return top probability, whether its grade is right (1 or 0), and the bin, all [n]; of a tie, the lower grade."""
    top = shares.max(axis=1) if codes.size else np.zeros(0)
    right = (shares.argmax(axis=1) == codes).astype(np.float64) if codes.size else np.zeros(0)
    edges = np.arange(1, bins) / bins
    return top, right, np.searchsorted(edges, top, side="left")
