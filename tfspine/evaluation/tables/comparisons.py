"""A model against human readers on the same boxes, by paired tests with patients as the units.

The tests that treat boxes as independent (paired AC1, exact McNemar, Tango's interval) are given too, under keys that
end in ``_by_box``. If a reader's errors in a patient go in one direction, their P is too small and non-inferiority is
shown too easily.

Sensitivity is compared on all positives of the reference, where a box not found is a miss of the reader concerned;
specificity and agreement on boxes that both found and graded. What either of the two never read is not compared.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.evaluation.boxes.grade_threshold import positive_share
from tfspine.evaluation.boxes.measures import SENSITIVITY, SPECIFICITY, WITH_MISSED, shares
from tfspine.evaluation.boxes.pairs import PROBABILITIES
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.agreement import gwet_difference
from tfspine.evaluation.statistics.clustered import clustered_share_difference
from tfspine.evaluation.statistics.clustered_agreement import clustered_agreement_difference
from tfspine.evaluation.statistics.clustered_auc import clustered_auc_difference
from tfspine.evaluation.statistics.estimate import Difference, Estimate
from tfspine.evaluation.statistics.paired_tests import holm, mcnemar, non_inferiority
from tfspine.evaluation.statistics.roc import auc_difference
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Grade


def comparison_table(set_: ReadingSet, *, model: str, margin: float, readers: Sequence[str] | None = None) -> Table:
    """Return one row per other reader, region and measure: the model's minus the reader's, tests, and the verdict.

    Args:
        set_: who read what.
        model: the reader that the others are compared with.
        readers: the others, which may include the model; None means all.
        margin: how much less sensitive or specific the model may be and still count as no worse, as a share.
    """
    rows = [
        {"reader": reader, "region": REGION_TITLES[region]} | row
        for reader in (set_.readers if readers is None else readers)
        if reader != model
        for region in set_.pairs[reader].regions
        for row in _rows(set_, *(set_.pairs[who].of(region).boxes for who in (model, reader)), margin=margin)
    ]
    known = [index for index, row in enumerate(rows) if not np.isnan(row["p"])]
    for index, adjusted in zip(known, holm([rows[index]["p"] for index in known]), strict=True):
        rows[index]["p_holm"] = float(adjusted)
    return Table(
        "comparisons",
        f"{model} against each other reader, on the same boxes",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("measure", "Measure"),
            Column("n", "Boxes", Kind.COUNT),
            Column("difference", "Difference", Kind.COEFFICIENT),
            Column("p", "P", Kind.P),
            Column("p_holm", "P (Holm)", Kind.P),
            Column("non_inferior", "Non-inferior"),
            Column("patients", "Patients", Kind.COUNT),
            Column("difference_by_box", "Difference, by box", Kind.COEFFICIENT),
            Column("p_by_box", "P by box", Kind.P),
            Column("non_inferior_by_box", "Non-inferior by box"),
        ),
        tuple(rows),
        note=f"Difference: {model} minus the reader. P: paired, by t, patients as the units; Holm over all rows. "
        f"Non-inferior: the lower limit lies above -{margin:g}. By box, treating boxes as independent: P of McNemar "
        "(exact), and of t for AC1."
        if rows
        else "no other reader besides members of the model",
    )


def _rows(set_: ReadingSet, model: pd.DataFrame, reader: pd.DataFrame, *, margin: float) -> Iterator[dict[str, Any]]:
    """Yield the measures of one region, on the boxes of the reference where both read."""
    both_read = model.index.intersection(reader.index)
    model, reader = model.loc[both_read], reader.loc[both_read]
    patients = set_.patient_of(model["study"]).to_numpy(object)
    truth = model["truth"].to_numpy(np.float64)
    first, second = (each["call"].to_numpy(np.float64) for each in (model, reader))
    both = ~np.isnan(truth) & ~np.isnan(first) & ~np.isnan(second)
    yield _agreement(truth[both], first[both], second[both], patients[both], confidence=set_.confidence)
    for measure, definition in ((SENSITIVITY, WITH_MISSED), (SPECIFICITY, SPECIFICITY)):
        one, other = (shares(truth, calls)[definition] for calls in (first, second))
        among = one.among & other.among
        calls = one.right[among], other.right[among]
        yield {"measure": measure} | _shares(*calls, patients[among], margin=margin, confidence=set_.confidence)
    yield from _areas(model, reader, patients, confidence=set_.confidence)


def _agreement(
    truth: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    patients: NDArray[np.object_],
    *,
    confidence: float,
) -> dict[str, Any]:
    found = clustered_agreement_difference(truth, first, second, patients, categories=len(Grade), confidence=confidence)
    by_box = gwet_difference(truth, first, second, categories=len(Grade), confidence=confidence)
    return {"measure": "AC1, four grades"} | _both(found, by_box, patients)


def _shares(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    patients: NDArray[np.object_],
    *,
    margin: float,
    confidence: float,
) -> dict[str, Any]:
    if not len(first):
        return {"n": 0, "p": math.nan}
    found = clustered_share_difference(first, second, patients, confidence=confidence)
    test = mcnemar(int((first & ~second).sum()), int((~first & second).sum()))
    by_box = non_inferiority(first, second, margin=margin, confidence=confidence)
    return {
        "n": len(first),
        "patients": len(set(patients)),
        "difference": found.estimate,
        "p": found.p_value,
        "non_inferior": _verdict(found.estimate, margin),
        "difference_by_box": by_box.difference,
        "p_by_box": test.p_value,
        "non_inferior_by_box": _verdict(by_box.difference, margin),
    }


def _areas(
    model: pd.DataFrame, reader: pd.DataFrame, patients: NDArray[np.object_], *, confidence: float
) -> Iterator[dict[str, Any]]:
    """Yield the difference of the areas under the ROC curve, where both gave probabilities."""
    first, second = (each[PROBABILITIES].to_numpy(np.float64) for each in (model, reader))
    truth = model["truth"].to_numpy(np.float64)
    given = ~np.isnan(np.column_stack([truth, first, second])).any(axis=1)
    if not given.any():
        return
    one, other = positive_share(first[given]), positive_share(second[given])
    positive = truth[given] >= Grade.MODERATE
    found = clustered_auc_difference(positive, one, other, patients[given], confidence=confidence)
    by_box = auc_difference(positive, one, other, confidence=confidence)
    yield {"measure": "area under ROC curve"} | _both(found, by_box, patients[given])


def _both(found: Difference, by_box: Difference, patients: NDArray[np.object_]) -> dict[str, Any]:
    return {
        "n": found.estimate.n,
        "patients": len(set(patients)),
        "difference": found.estimate,
        "p": found.p_value,
        "difference_by_box": by_box.estimate,
        "p_by_box": by_box.p_value,
    }


def _verdict(difference: Estimate, margin: float) -> str | None:
    """Return as text whether the lower limit lies above -`margin`; None where there is no limit."""
    return None if math.isnan(difference.low) else "yes" if difference.low > -margin else "no"
