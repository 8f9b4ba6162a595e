"""A model against random readers, and conditions under which the same readers read, such as with and without help.

Other comparisons apply to the readers who took part; these generalise to other readers like them, and other patients
(`multi_reader.py`). Covariances come from the patient jackknife, so that a patient's regions may be alike. Figures are
of the reference's boxes that all readers compared read: agreement, area and specificity of those that all found and
graded, sensitivity of all positives, where one that was not found is a miss.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.agreement import gwet_of_counts
from tfspine.evaluation.statistics.arguments import groups
from tfspine.evaluation.statistics.clustered import ratio
from tfspine.evaluation.statistics.clustered_auc import areas_without
from tfspine.evaluation.statistics.multi_reader import obuchowski_rockette, random_readers
from tfspine.evaluation.statistics.patient_jackknife import patient_totals
from tfspine.evaluation.statistics.ratings import category_counts
from tfspine.evaluation.statistics.weights import Weights, weight_matrix
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Grade, Region

Arms = Mapping[str, Sequence[str]]
"""Readers for each name of a condition under which they read; the same people in the same order for each."""

MEASURES = ("area under ROC curve of the grades", "AC1, four grades", "sensitivity", "specificity")

Figures = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Figures [k] of k readers, and those without each of m patients [k, m]."""


def multi_reader_table(set_: ReadingSet, *, model: str, readers: Sequence[str], arms: Arms) -> Table:
    """Return one row per comparison, region and measure: difference, F, degrees of freedom and P.

    Args:
        set_: who read what.
        model: the reader that represents the model.
        readers: the people with whom the model is compared, two or more; those of arms are not among them.
        arms: conditions that are compared with one another, two or more, or empty.
    """
    rows = []
    for region in Region:
        where = {"region": REGION_TITLES[region]}
        if len(readers) > 1:
            title = f"{model} minus the mean of {len(readers)} readers"
            rows += [{"comparison": title} | where | row for row in _model_rows(set_, model, readers, region)]
        if len(arms) > 1:
            rows += [where | row for row in _arm_rows(set_, arms, region)]
    return Table(
        "multi_reader",
        "Readers and patients as random effects",
        (
            Column("comparison", "Comparison"),
            Column("region", "Region"),
            Column("measure", "Measure"),
            Column("readers", "Readers", Kind.COUNT),
            Column("n", "Boxes", Kind.COUNT),
            Column("patients", "Patients", Kind.COUNT),
            Column("first", "First", Kind.NUMBER),
            Column("second", "Second", Kind.NUMBER),
            Column("difference", "Difference", Kind.COEFFICIENT),
            Column("f", "F", Kind.NUMBER),
            Column("numerator_degrees", "df 1", Kind.NUMBER),
            Column("denominator_degrees", "df 2", Kind.NUMBER),
            Column("p", "P", Kind.P),
        ),
        tuple(rows),
        note="Obuchowski and Rockette, Hillis's degrees of freedom; covariances by leaving out patients. Results hold "
        "for other readers and patients like these. F: that all conditions are equal; P: of the difference."
        if rows
        else "needs two people or more beside the model, or --arm for conditions",
    )


def _model_rows(set_: ReadingSet, model: str, readers: Sequence[str], region: Region) -> Iterator[dict[str, Any]]:
    for measure in MEASURES:
        found = _figures(set_, (model, *readers), region, measure)
        if found is None:
            continue
        (values, without), sizes = found
        gaps, changes = values[0] - values[1:], without[0] - without[1:]
        difference = random_readers(
            gaps, _covariance(gaps, changes), name="difference from readers", confidence=set_.confidence
        )
        yield {
            "measure": measure,
            "readers": len(readers),
            **sizes,
            "first": float(values[0]),
            "second": float(values[1:].mean()),
            "difference": difference.estimate,
            "p": difference.p_value,
        }


def _arm_rows(set_: ReadingSet, arms: Arms, region: Region) -> Iterator[dict[str, Any]]:
    names, t, r = list(arms), len(arms), len(next(iter(arms.values())))
    pairs = [(first, second) for first in range(t) for second in range(first + 1, t)]
    for measure in MEASURES:
        found = _figures(set_, [reader for readers in arms.values() for reader in readers], region, measure)
        if found is None:
            continue
        (values, without), sizes = found
        covariance = _covariance(values, without).reshape(t, r, t, r)
        compared = obuchowski_rockette(values.reshape(t, r), covariance, confidence=set_.confidence)
        for (first, second), difference in zip(pairs, compared.differences, strict=True):
            yield {
                "comparison": f"{names[first]} less {names[second]}",
                "measure": measure,
                "readers": r,
                **sizes,
                "first": compared.means[first].value,
                "second": compared.means[second].value,
                "difference": difference.estimate,
                "f": compared.f,
                "numerator_degrees": compared.degrees[0],
                "denominator_degrees": compared.degrees[1],
                "p": difference.p_value,
            }


def _figures(
    set_: ReadingSet, readers: Sequence[str], region: Region, measure: str
) -> tuple[Figures, dict[str, int]] | None:
    """Return the figures of all readers, and the number of boxes and patients; None where one is undefined."""
    tables = [set_.pairs[reader].of(region).boxes for reader in readers]
    common = sorted(set.intersection(*(set(table.index) for table in tables)))
    if not common:
        return None
    truth = tables[0].loc[common, "truth"].to_numpy(np.float64)
    calls = np.stack([table.loc[common, "call"].to_numpy(np.float64) for table in tables])
    kept = truth >= Grade.MODERATE if measure == "sensitivity" else ~np.isnan(truth) & ~np.isnan(calls).any(axis=0)
    if measure == "specificity":
        kept &= truth < Grade.MODERATE
    if not kept.any():
        return None
    person = groups(set_.patient_of(tables[0].loc[common, "study"]).to_numpy(object)[kept], what="patient")
    each = [_figure(measure, truth[kept], call[kept], person) for call in calls]
    values, without = np.array([value for value, _ in each]), np.stack([left for _, left in each])
    if without.shape[1] < 2 or np.isnan(values).any() or np.isnan(without).any():
        return None
    return (values, without), {"n": int(kept.sum()), "patients": without.shape[1]}


def _figure(
    measure: str, truth: NDArray[np.float64], calls: NDArray[np.float64], person: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64]]:
    """Return the figure of one reader, and without each patient [m]."""
    if measure == MEASURES[0]:
        return areas_without(truth >= Grade.MODERATE, calls, person)
    if measure == MEASURES[1]:
        q = len(Grade)
        cells = np.asarray((truth * q + calls)[:, None] == np.arange(q * q), np.float64)
        totals = patient_totals(cells, person)
        pair = category_counts(np.stack(np.divmod(np.arange(q * q, dtype=np.float64), q), axis=1), categories=q)
        weight = weight_matrix(q, Weights.IDENTITY)
        coefficients = gwet_of_counts(pair, np.vstack([totals.sum(axis=0), totals.sum(axis=0) - totals]), weight)[0]
        return float(coefficients[0]), coefficients[1:]
    right = (truth >= Grade.MODERATE) == (calls >= Grade.MODERATE)
    totals = patient_totals(np.stack([right, np.ones(right.size)], axis=1).astype(np.float64), person)
    return float(ratio(totals.sum(axis=0))), ratio(totals.sum(axis=0) - totals)


def _covariance(values: NDArray[np.float64], without: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the jackknife covariances [k, k] of figures [k], from those without each of m patients [k, m]."""
    changes, m = without - values[:, None], without.shape[1]
    return np.asarray((m - 1) / m * changes @ changes.T)
