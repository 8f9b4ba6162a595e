"""The loss of the RSNA 2024 Lumbar Spine Degenerative Classification challenge.

Source: the evaluation page of kaggle.com/competitions/rsna-2024-lumbar-spine-degenerative-classification and the
metric published there. The challenge's three grades are normal or mild, moderate, severe; its spinal canal,
subarticular and foraminal conditions are our central canal, lateral recess and neural foramen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import groups, number_array
from tfspine.evaluation.statistics.estimate import Estimate, check_confidence, critical_value, limits_of
from tfspine.evaluation.statistics.ratings import check_probabilities, graded_probabilities
from tfspine.labels import Grade, Region

WEIGHTS = (1.0, 2.0, 4.0)
"""Weight of a region that is normal or mild, moderate, severe in the reference."""

_FLOOR = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1, so that no logarithm is infinite: scikit-learn's choice."""


@dataclass(frozen=True)
class RsnaLoss:
    """The challenge's loss, whose n counts studies, and its terms; a term without data is NaN."""

    loss: Estimate
    central_canal: float
    lateral_recess: float
    neural_foramen: float
    any_severe_canal: float


def rsna_2024_loss(
    probabilities: ArrayLike,
    grades: ArrayLike,
    *,
    regions: Sequence[Region],
    studies: Sequence[object],
    confidence: float = 0.95,
) -> RsnaLoss:
    """Return the challenge's loss: the plain mean of a weighted log loss for each region and one for any severe canal.

    For a region, sum w_i (-log p_i) / sum w_i, with p_i the probability of the true grade and w_i its weight. For any
    severe canal, one row per study: p the largest probability of severe among its canals, y whether one of them is
    severe, w the largest of their weights, and the loss sum w (-y log p - (1 - y) log(1 - p)) / sum w. Terms without
    data are left out of the mean (the challenge has all four). The interval is t with studies as the units, from their
    linearised shares of the mean (delta method), and not below 0; if all studies are alike there is no spread, and as
    a loss has no bound, no interval.

    Args:
        probabilities: float [n, 3] of normal or mild, moderate, severe; `three_grades` makes them of four grades.
        grades: [n], codes 0 to 2 of the reference in that order, NaN where it has none (left out).
        regions: [n], the region of each row; both sides of a paired region count alike.
        studies: [n], names of the studies.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: shapes that do not fit, rows that are not probabilities, an invalid grade or region, or a row
            without a study.
    """
    check_confidence(confidence)
    shares, codes, graded = graded_probabilities(probabilities, grades)
    if shares.shape[1] != len(WEIGHTS):
        raise EvaluationError(f"probabilities of {shares.shape[1]} grades; expected the challenge's 3 (three_grades)")
    region, study, count = _keys(regions, studies, graded)
    weight = np.array(WEIGHTS)[codes]
    loss = -np.log(np.clip(shares[np.arange(codes.size), codes], _FLOOR, 1.0))
    terms = [_term(loss[region == one], weight[region == one], study[region == one], count) for one in Region]
    canal = region == Region.CENTRAL_CANAL
    terms.append(_any_severe(shares[canal, 2], codes[canal], study[canal], count))

    defined = [term for term in terms if not math.isnan(term[0])]
    method = f"RSNA 2024 loss, mean of {len(defined)} terms, linearised by study, t({max(count - 1, 0)})"
    value = float(np.mean([term for term, _ in defined])) if defined else math.nan
    half = math.nan
    if defined and count > 1:
        by_study = np.mean([shares_of_term for _, shares_of_term in defined], axis=0)
        standard_error = math.sqrt(float((by_study**2).sum()) * count / (count - 1))
        half = critical_value(confidence, degrees=count - 1) * standard_error
    limits = limits_of(value, half, units=max(count, 1), confidence=confidence, lowest=0.0, highest=math.inf)
    estimate = Estimate(value, *limits, count, method)
    return RsnaLoss(estimate, *(term for term, _ in terms))


def three_grades(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the challenge's probabilities [n, 3] from ours [n, 4]: normal and mild together.

    Raises:
        EvaluationError: not [n, 4], or not probabilities.
    """
    shares = number_array(probabilities, what="probabilities")
    if shares.ndim != 2 or shares.shape[1] != len(Grade):
        raise EvaluationError(f"probabilities of shape {shares.shape}; expected [n, {len(Grade)}]")
    check_probabilities(shares)
    return np.column_stack([shares[:, : Grade.MODERATE].sum(axis=1), shares[:, Grade.MODERATE :]])


def _keys(
    regions: Sequence[Region], studies: Sequence[object], graded: NDArray[np.bool_]
) -> tuple[NDArray[np.str_], NDArray[np.int64], int]:
    """Return region [m] and position of the study [m] of the graded rows, and how many studies they come from."""
    if not len(regions) == len(studies) == graded.size:
        raise EvaluationError(
            f"{graded.size} grades, {len(regions)} regions and {len(studies)} studies; expected one of each per row"
        )
    unknown = [region for region in regions if region not in list(Region)]
    if unknown:
        raise EvaluationError(f'region "{unknown[0]}"; expected {", ".join(Region)}')
    region = np.array([str(region) for region in regions], np.str_)[graded]
    names, study = np.unique(groups(studies, what="study")[graded], return_inverse=True)
    return region, study, names.size


def _any_severe(
    severe: NDArray[np.float64], codes: NDArray[np.int64], study: NDArray[np.int64], count: int
) -> tuple[float, NDArray[np.float64]]:
    """Return the term of any severe canal, from its rows' probability of severe [m], grades [m] and studies [m]."""
    present = np.unique(study)
    highest, worst = np.zeros(count), np.zeros(count, np.int64)
    np.maximum.at(highest, study, severe)
    np.maximum.at(worst, study, codes)
    highest, worst = highest[present], worst[present]
    of_truth = np.where(worst == len(WEIGHTS) - 1, highest, 1 - highest)
    return _term(-np.log(np.clip(of_truth, _FLOOR, 1.0)), np.array(WEIGHTS)[worst], present, count)


def _term(
    loss: NDArray[np.float64], weight: NDArray[np.float64], study: NDArray[np.int64], count: int
) -> tuple[float, NDArray[np.float64]]:
    """Return the weighted mean loss, and by how much each study [count] moves it (linearised, summing to 0)."""
    if loss.size == 0:
        return math.nan, np.full(count, math.nan)
    value = float((weight * loss).sum() / weight.sum())
    moved = np.bincount(study, weight * (loss - value) / weight.sum(), minlength=count)
    return value, np.asarray(moved, np.float64)
