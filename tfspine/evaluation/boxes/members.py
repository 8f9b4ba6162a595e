"""Several members of one model: their average, their ensemble, and how useful their disagreement is.

The average is what the paper prints: the mean of the members' statistics and of their limits. It shows how well one
member does, and is not a model that could read a study. The ensemble is one: the mean of the members' probabilities.

Probabilities are float [V, n, q]: those of V members for n regions on a scale of q grades, summing to 1.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.measures import accuracy_by_patient
from tfspine.evaluation.statistics.accuracy import (
    DiagnosticAccuracy,
    ProportionInterval,
    diagnostic_accuracy,
    proportion,
)
from tfspine.evaluation.statistics.agreement import Agreement, gwet
from tfspine.evaluation.statistics.arguments import number_array
from tfspine.evaluation.statistics.clustered import clustered_share
from tfspine.evaluation.statistics.clustered_agreement import clustered_agreement
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.statistics.patient_jackknife import Patients
from tfspine.evaluation.statistics.ratings import check_probabilities
from tfspine.labels import GRADES, Grade

_OF_THE_DATA = re.compile(r"\((?:\d+|nan)\)|\d+ (?=patients|replicates undefined)")
"""Parts of an estimate's method that depend on its data: degrees of freedom, counts of the bootstrap."""

REFUSED_SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class RejectPoint:
    """The accuracy that remains when the most uncertain regions are left to a person.

    Attributes:
        threshold: regions of a larger uncertainty are rejected.
        refused: share of the regions that are rejected, 0 to 1.
        accuracy: share of the kept regions with exactly the reference's grade.
        agreement: Gwet's AC1 on all grades, of the kept regions.
        two_grades: sensitivity and specificity for moderate or severe, of the kept regions; a rejected positive is not
            counted as missed, since a person looks at it.
    """

    threshold: float
    refused: float
    accuracy: Estimate
    agreement: Agreement
    two_grades: DiagnosticAccuracy


def average_estimate(members: Sequence[Estimate]) -> Estimate:
    """Return the mean of the values, of the lower and of the upper limits; n is the mean too, rounded.

    What is undefined for one member is undefined in the average: a mean of the rest would be of other members.

    Raises:
        EvaluationError: no member, or members whose intervals were made in different ways.
    """
    ways = {_OF_THE_DATA.sub("", member.method) for member in members}
    if len(ways) != 1:
        raise EvaluationError(
            f"an average of estimates by {', '.join(sorted(ways)) or 'no method'}; expected one method"
        )
    value, low, high, n = (
        math.fsum(getattr(member, part) for member in members) / len(members) for part in ("value", "low", "high", "n")
    )
    return Estimate(value, low, high, round(n), f"mean of {len(members)}: {members[0].method}")


def ensemble(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the mean of the members, float64 [n, q]; its most probable grade is the ensemble's.

    Raises:
        EvaluationError: not [V, n, q] with a member, or no probabilities.
    """
    return np.asarray(_checked(probabilities).mean(axis=0))


def mutual_information_bits(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return how far the members disagree on each region, float64 [n].

    The entropy of the ensemble minus the mean entropy of the members: the information about the grade gained by knowing
    the member (N. Houlsby et al., arXiv 1112.5745, equation 2). 0 where all agree, also where all are equally
    uncertain; at most log2 of V or q, whichever is smaller, where all are certain, each of another grade. The exported
    models give the same value as `grade_disagreement`.

    Raises:
        EvaluationError: as for `ensemble`.
    """
    shares = _checked(probabilities)
    disagreement = special.entr(shares.mean(axis=0)).sum(axis=-1) - special.entr(shares).sum(axis=-1).mean(axis=0)
    # Rounding may leave a value slightly below 0.
    return np.asarray(np.maximum(disagreement, 0.0) / math.log(2))


def reject_curve(
    reference: ArrayLike,
    grades: ArrayLike,
    uncertainty: ArrayLike,
    *,
    shares: Sequence[float] = REFUSED_SHARES,
    patients: Patients | None = None,
    confidence: float = 0.95,
) -> tuple[RejectPoint, ...]:
    """Return the accuracy of the kept regions when the most uncertain are rejected.

    For each share, the regions rejected are those with a larger uncertainty than the last one that may be kept.
    Regions of equal uncertainty are kept or rejected together, so that fewer may be rejected than wanted, and the order
    of the regions does not matter. If the uncertainty is useful, the curve rises.

    Args:
        reference: int [n], the reference's grades, 0 to 3.
        grades: int [n], the model's, of the same regions.
        uncertainty: float [n], any measure of uncertainty, for example `mutual_information_bits`.
        shares: of the regions to refuse, 0 to less than 1.
        patients: [n], the patient of each region, for clustered intervals; None treats regions as independent.
        confidence: level of the intervals, 0 to 1.

    Raises:
        EvaluationError: nothing to keep, vectors of different lengths, grades off the scale, an uncertainty that is
            not a number, or a share outside 0 to 1.
    """
    truth, calls = number_array(reference, what="reference"), number_array(grades, what="grades")
    doubt = number_array(uncertainty, what="uncertainties")
    if truth.ndim != 1 or not truth.shape == calls.shape == doubt.shape or not len(truth):
        raise EvaluationError(
            f"reference, grades and uncertainty of shapes {truth.shape}, {calls.shape}, {doubt.shape}; expected three "
            "equal [n] with n above 0"
        )
    if np.isnan(np.concatenate([truth, calls, doubt])).any():
        raise EvaluationError(
            "a region without a grade or an uncertainty; leave it out, and report how many there were"
        )
    wrong = [share for share in shares if not 0 <= share < 1]
    if wrong:
        raise EvaluationError(f"share {wrong[0]} to refuse; expected 0 to less than 1")
    people = None if patients is None else np.asarray(patients, object)
    return tuple(_point(truth, calls, doubt, share, people, confidence) for share in shares)


def _point(
    truth: NDArray[np.float64],
    calls: NDArray[np.float64],
    doubt: NDArray[np.float64],
    share: float,
    patients: NDArray[np.object_] | None,
    confidence: float,
) -> RejectPoint:
    # At least this many stay. Rounded first: a product such as 0.9 * 10 may lie slightly above its whole number.
    staying = max(math.ceil(round((1 - share) * len(doubt), 9)), 1)
    threshold = float(np.sort(doubt)[staying - 1])
    kept = doubt <= threshold
    refused, truth, calls = float(1 - kept.mean()), truth[kept], calls[kept]
    if patients is not None:
        people = patients[kept]
        return RejectPoint(
            threshold=threshold,
            refused=refused,
            accuracy=clustered_share(truth == calls, people, confidence=confidence),
            agreement=clustered_agreement(truth, calls, people, categories=len(GRADES), confidence=confidence),
            two_grades=accuracy_by_patient(truth, calls, people, confidence=confidence),
        )
    right = int((truth == calls).sum())
    return RejectPoint(
        threshold=threshold,
        refused=refused,
        accuracy=proportion(right, len(truth), interval=ProportionInterval.WILSON, confidence=confidence),
        agreement=gwet(truth, calls, categories=len(GRADES), confidence=confidence),
        two_grades=diagnostic_accuracy(
            truth >= Grade.MODERATE, calls >= Grade.MODERATE, missed_positives=0, confidence=confidence
        ),
    )


def _checked(probabilities: ArrayLike) -> NDArray[np.float64]:
    shares = number_array(probabilities, what="probabilities")
    if shares.ndim != 3 or not shares.shape[0]:
        raise EvaluationError(f"probabilities of shape {shares.shape}; expected [members, regions, grades]")
    check_probabilities(shares)
    return shares
