"""The measures of any selection of the reference's boxes: by box, as in the paper, and by patient.

By box the intervals treat all boxes as independent. By patient they account for the correlation between boxes of one
spine (`clustered.py`); the values are the same, and these intervals are shown first.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.evaluation.boxes.pairs import two_grades
from tfspine.evaluation.statistics.accuracy import (
    DiagnosticAccuracy,
    ProportionInterval,
    diagnostic_accuracy,
    proportion,
)
from tfspine.evaluation.statistics.agreement import Agreement, gwet
from tfspine.evaluation.statistics.clustered import clustered_share
from tfspine.evaluation.statistics.clustered_agreement import clustered_agreement
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.statistics.patient_jackknife import Patients
from tfspine.labels import Grade

SENSITIVITY, SPECIFICITY, WITH_MISSED = "sensitivity", "specificity", "sensitivity with missed"


@dataclass(frozen=True)
class ShareMasks:
    """Which boxes or regions count, bool [n], and which of these are called correctly, bool [n]."""

    right: NDArray[np.bool_]
    among: NDArray[np.bool_]


def shares(truth: NDArray[np.float64], calls: NDArray[np.float64]) -> dict[str, ShareMasks]:
    """Return the numerators and denominators of sensitivity and specificity for moderate or severe, for all tables.

    Args:
        truth: grades [n] of the reference, NaN without one.
        calls: grades [n] of the reader, NaN where nothing was found or graded.
    """
    graded, positive, called = ~np.isnan(truth) & ~np.isnan(calls), truth >= Grade.MODERATE, calls >= Grade.MODERATE
    return {
        SENSITIVITY: ShareMasks(positive & called, positive & graded),
        SPECIFICITY: ShareMasks(graded & ~positive & ~called, graded & ~positive),
        WITH_MISSED: ShareMasks(positive & called, positive),
    }


@dataclass(frozen=True)
class Measures:
    """The measures of any selection of the reference's boxes."""

    recall: Estimate
    agreement_four: Agreement
    agreement_two: Agreement
    accuracy: DiagnosticAccuracy

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Each measure by its name in tables."""
        return {
            "recall": self.recall,
            "AC1, four grades": self.agreement_four.coefficient,
            "AC1, two grades": self.agreement_two.coefficient,
            SENSITIVITY: self.accuracy.sensitivity,
            SPECIFICITY: self.accuracy.specificity,
            WITH_MISSED: self.accuracy.end_to_end_sensitivity,
        }


def measure_by_box(boxes: pd.DataFrame, *, confidence: float) -> Measures:
    """Return the measures of some rows of `Pairs.boxes` by box; the grades of boxes that were found are compared."""
    truth, calls = _grades(boxes)
    graded = ~np.isnan(truth) & ~np.isnan(calls)
    positive = truth >= Grade.MODERATE
    return Measures(
        recall=proportion(
            int(boxes["is_found"].sum()), len(boxes), interval=ProportionInterval.CLOPPER_PEARSON, confidence=confidence
        ),
        agreement_four=gwet(truth, calls, categories=len(Grade), confidence=confidence),
        agreement_two=gwet(two_grades(truth), two_grades(calls), categories=2, confidence=confidence),
        accuracy=diagnostic_accuracy(
            positive[graded],
            calls[graded] >= Grade.MODERATE,
            missed_positives=int((positive & ~graded).sum()),
            confidence=confidence,
        ),
    )


def measure_by_patient(boxes: pd.DataFrame, patients: Patients, *, confidence: float) -> Measures:
    """Return the same measures with intervals and P clustered by patient.

    Args:
        boxes: rows of `Pairs.boxes`.
        patients: [n], the patient of each box.
        confidence: level of the intervals, 0 to 1.
    """
    people = np.asarray(patients, object)
    truth, calls = _grades(boxes)
    two = two_grades(truth), two_grades(calls)
    return Measures(
        recall=clustered_share(boxes["is_found"].to_numpy(bool), people, confidence=confidence),
        agreement_four=clustered_agreement(truth, calls, people, categories=len(Grade), confidence=confidence),
        agreement_two=clustered_agreement(*two, people, categories=2, confidence=confidence),
        accuracy=accuracy_by_patient(truth, calls, people, confidence=confidence),
    )


def accuracy_by_patient(
    truth: NDArray[np.float64], calls: NDArray[np.float64], patients: Patients, *, confidence: float
) -> DiagnosticAccuracy:
    """Return sensitivity, specificity and sensitivity with missed boxes, with intervals clustered by patient.

    Args:
        truth: grades [n] of the reference, NaN without one.
        calls: grades [n] of the reader, NaN where a box was not found or not graded.
        patients: [n].
        confidence: level of the intervals, 0 to 1.
    """
    people = np.asarray(patients, object)
    sensitivity, specificity, with_missed = (
        clustered_share(share.right[share.among], people[share.among], confidence=confidence)
        for share in shares(truth, calls).values()
    )
    return DiagnosticAccuracy(sensitivity, specificity, end_to_end_sensitivity=with_missed)


def _grades(boxes: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return boxes["truth"].to_numpy(np.float64), boxes["call"].to_numpy(np.float64)
