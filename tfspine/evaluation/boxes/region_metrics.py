"""How accurate a reader's grades of regions are (`region_grades.py`), with all intervals by patient.

Sensitivity, specificity, predictive values and likelihood ratios are of regions that the reader graded. Regions not
found are counted separately; they are misses in `with_missed` and wrong in `right_four` and `right_two`. In these two a
grade counts only if the box that gave it lies at that level: a right grade at a wrong level is wrong.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.evaluation.boxes.measures import SENSITIVITY, SPECIFICITY, WITH_MISSED, shares
from tfspine.evaluation.boxes.pairs import two_grades
from tfspine.evaluation.statistics.clustered import clustered_share
from tfspine.evaluation.statistics.clustered_agreement import Coefficient, clustered_agreement
from tfspine.evaluation.statistics.estimate import Estimate, critical_value, undefined
from tfspine.evaluation.statistics.patient_jackknife import jackknife, patient_totals
from tfspine.evaluation.statistics.weights import Weights
from tfspine.labels import Grade


@dataclass(frozen=True)
class RegionGradeMetrics:
    """One reader and one kind of region. Counts are of regions; every estimate's n is its denominator.

    Attributes:
        regions: that the reference graded.
        not_found: of these, by the reader; found without a grade counts here too.
        over_called: graded more severe than by the reference.
        under_called: graded less severe.
        wrong_level: graded from a box that lies at another level, or where nothing is.
        extra: regions that the reader graded and the reference did not.
        agreement_four: Gwet's AC1 on four grades.
        agreement_two: the same on normal or mild against moderate or severe.
        kappa: Cohen's, quadratic weights, four grades.
        sensitivity: for moderate or severe, of positives that were graded.
        specificity: of negatives that were graded.
        with_missed: sensitivity with positives that were not graded as misses.
        ppv: positive predictive value, at the prevalence of these studies.
        npv: negative predictive value, likewise.
        likelihood_positive: sensitivity / (1 - specificity).
        likelihood_negative: (1 - sensitivity) / specificity.
        right_four: the reference's grade from a box at that level, of all regions.
        right_two: the same on two grades.
    """

    regions: int
    not_found: int
    over_called: int
    under_called: int
    wrong_level: int
    extra: int
    agreement_four: Estimate
    agreement_two: Estimate
    kappa: Estimate
    sensitivity: Estimate
    specificity: Estimate
    with_missed: Estimate
    ppv: Estimate
    npv: Estimate
    likelihood_positive: Estimate
    likelihood_negative: Estimate
    right_four: Estimate
    right_two: Estimate


def region_metrics(
    regions: pd.DataFrame, patients: "pd.Series[str]", *, extra: int, confidence: float
) -> RegionGradeMetrics:
    """Measure some rows of `RegionGrades.regions`.

    Args:
        regions: the rows.
        patients: the patient of each row.
        extra: how many regions only the reader graded.
        confidence: level of the intervals, 0 to 1.
    """
    truth, calls = (regions[name].to_numpy(np.float64) for name in ("truth", "call"))
    patient = patients.to_numpy(object)
    graded, positive, called = ~np.isnan(calls), truth >= Grade.MODERATE, calls >= Grade.MODERATE
    right = shares(truth, calls)
    in_place = graded & regions["is_in_place"].to_numpy(bool)

    def share(successes: NDArray[np.bool_], among: NDArray[np.bool_]) -> Estimate:
        return clustered_share(successes[among], patient[among], confidence=confidence)

    def agreement(categories: int, weights: Weights, coefficient: Coefficient) -> Estimate:
        first, second = (truth, calls) if categories == len(Grade) else (two_grades(truth), two_grades(calls))
        return clustered_agreement(
            first,
            second,
            patient,
            categories=categories,
            weights=weights,
            coefficient=coefficient,
            confidence=confidence,
        ).coefficient

    # Of graded regions. Rows: the call; columns: the truth.
    cells = np.stack([graded & (called == call) & (positive == true) for call in (1, 0) for true in (1, 0)], axis=1)
    totals = patient_totals(cells.astype(np.float64), patient)
    return RegionGradeMetrics(
        regions=len(regions),
        not_found=int((~graded).sum()),
        over_called=int((calls > truth).sum()),
        under_called=int((calls < truth).sum()),
        wrong_level=int((graded & ~in_place).sum()),
        extra=extra,
        agreement_four=agreement(len(Grade), Weights.IDENTITY, Coefficient.GWET),
        agreement_two=agreement(2, Weights.IDENTITY, Coefficient.GWET),
        kappa=agreement(len(Grade), Weights.QUADRATIC, Coefficient.COHEN),
        sensitivity=share(right[SENSITIVITY].right, right[SENSITIVITY].among),
        specificity=share(right[SPECIFICITY].right, right[SPECIFICITY].among),
        with_missed=share(right[WITH_MISSED].right, right[WITH_MISSED].among),
        ppv=share(positive, graded & called),
        npv=share(~positive, graded & ~called),
        likelihood_positive=_likelihood_ratio(totals, is_call=True, confidence=confidence),
        likelihood_negative=_likelihood_ratio(totals, is_call=False, confidence=confidence),
        right_four=share(in_place & (calls == truth), np.ones(len(regions), bool)),
        right_two=share(in_place & (called == positive), np.ones(len(regions), bool)),
    )


def _likelihood_ratio(totals: NDArray[np.float64], *, is_call: bool, confidence: float) -> Estimate:
    """Return how many times more likely a call is for a positive than for a negative region.

    The interval is t by patients on the logarithm (D. L. Simel et al., J Clin Epidemiol 1991;44:763-770). Where no
    negative region gets the call the ratio is infinite, and undefined here; where no positive one gets it, the ratio is
    0 without an interval.

    Args:
        totals: float64 [patients, 4]: of regions called positive the positive and the negative ones, then of those
            called negative.
        is_call: whether the call is positive.
        confidence: level of the interval, 0 to 1.
    """
    true, false = (0, 1) if is_call else (2, 3)

    def logarithm(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(divide="ignore", invalid="ignore"):
            of_positives = sums[..., true] / (sums[..., 0] + sums[..., 2])
            of_negatives = sums[..., false] / (sums[..., 1] + sums[..., 3])
            return np.asarray(np.log(of_positives / of_negatives))

    n = round(float(totals.sum()))
    with np.errstate(invalid="ignore"):
        spread = jackknife(totals, logarithm)
    method = f"likelihood ratio, logarithm, t({max(spread.degrees, 0):.0f}), {spread.patients} patients"
    if math.isnan(spread.value) or spread.value == math.inf:
        return undefined(n, method)
    half = math.nan
    if math.isfinite(spread.value) and math.isfinite(spread.standard_error):
        half = spread.standard_error * critical_value(confidence, degrees=spread.degrees)
    limits = (math.exp(spread.value - half), math.exp(spread.value + half))
    return Estimate(math.exp(spread.value), *limits, n, method)
