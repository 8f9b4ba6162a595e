"""Measures of agreement beyond the paper's: weighted coefficients, and how well each grade is reproduced."""

import numpy as np
from numpy.typing import NDArray

from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.clustered import clustered_share, mean_of_spread
from tfspine.evaluation.statistics.clustered_agreement import Coefficient, clustered_agreement
from tfspine.evaluation.statistics.estimate import Estimate, undefined
from tfspine.evaluation.statistics.patient_jackknife import jackknife, patient_totals
from tfspine.evaluation.statistics.weights import Weights
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Grade


def weighted_table(set_: ReadingSet) -> Table:
    """Return one row per reader and region: Gwet's AC2 and Cohen's kappa with quadratic weights, macro F1, accuracy."""
    rows = []
    for reader, pairs in set_.pairs.items():
        for region in pairs.regions:
            boxes = pairs.of(region).boxes
            graded = boxes[boxes["truth"].notna() & boxes["call"].notna()]
            grades = graded["truth"].to_numpy(np.float64), graded["call"].to_numpy(np.float64)
            people = set_.patient_of(graded["study"]).to_numpy(object)
            ac2, kappa = (
                clustered_agreement(
                    *grades,
                    people,
                    categories=len(Grade),
                    weights=Weights.QUADRATIC,
                    coefficient=coefficient,
                    confidence=set_.confidence,
                ).coefficient
                for coefficient in Coefficient
            )
            rows.append(
                {
                    "reader": reader,
                    "region": REGION_TITLES[region],
                    "pairs": len(graded),
                    "patients": len(set(people)),
                    "ac2": ac2,
                    "kappa": kappa,
                    "macro_f1": macro_f1(*grades, people, confidence=set_.confidence),
                    "exact": clustered_share(grades[0] == grades[1], people, confidence=set_.confidence),
                }
            )
    return Table(
        "agreement_weighted",
        "Agreement with partial credit for near grades",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("pairs", "Pairs", Kind.COUNT),
            Column("patients", "Patients", Kind.COUNT),
            Column("ac2", "Gwet AC2, quadratic", Kind.COEFFICIENT),
            Column("kappa", "Cohen kappa, quadratic", Kind.COEFFICIENT),
            Column("macro_f1", "Macro F1", Kind.COEFFICIENT),
            Column("exact", "Same grade %", Kind.PERCENT),
        ),
        tuple(rows),
        note="Intervals are clustered by patient.",
    )


def macro_f1(
    truth: NDArray[np.float64], calls: NDArray[np.float64], patients: NDArray[np.object_], *, confidence: float
) -> Estimate:
    """Return the mean F1 of the grades that the reference gave, 0 to 1, by patient; undefined without any.

    F1 of grade i is 2 p_ii / s_i, where s_i = p_i. + p_.i. A grade that the reference never gave is left out: it would
    count as 0 or be undefined, depending on whether the reader ever used it. The grades that occur are treated as
    fixed.

    Args:
        truth: grades [n] of the reference, 0 to 3.
        calls: grades [n] of the reader.
        patients: [n], the patient of each box.
        confidence: level of the interval, 0 to 1.
    """
    q = len(Grade)
    cells = np.asarray((truth * q + calls)[:, None] == np.arange(q * q), np.float64)
    totals = patient_totals(cells, patients)
    kept = totals.sum(axis=0).reshape(q, q).sum(axis=1) > 0

    def statistic(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        table = sums.reshape(*sums.shape[:-1], q, q)
        used = table.sum(axis=-1) + table.sum(axis=-2)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((2 * np.diagonal(table, axis1=-2, axis2=-1) / used)[..., kept].mean(axis=-1))

    if not len(truth):
        return undefined(0, "macro F1, t, 0 patients")
    spread = jackknife(totals, statistic)
    return mean_of_spread(spread, n=len(truth), name="macro F1", confidence=confidence, lowest=0.0, highest=1.0)
