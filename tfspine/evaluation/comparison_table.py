"""A model against people on the same boxes, by tests that know it: paired AC1, McNemar, non-inferiority.

Sensitivity is compared on all positives of the reference, where a box not found is a miss of whoever did not find it;
specificity and agreement on boxes that both found and graded. What one of the two never read is not compared.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.evaluation.agreement import gwet_difference
from tfspine.evaluation.comparisons import holm, mcnemar, non_inferiority
from tfspine.evaluation.reading_set import ReadingSet
from tfspine.evaluation.tables import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Grade


def comparison_table(set_: ReadingSet, *, model: str, margin: float) -> Table:
    """Return one row per other reader, region and measure: the model's less the reader's, tests, and the verdict.

    Args:
        set_: who read what.
        model: the reader that the others are compared with.
        margin: how much less sensitive or specific the model may be and still count as no worse, as a share.
    """
    rows = [
        {"reader": reader, "region": REGION_TITLES[region]} | row
        for reader, pairs in set_.pairs.items()
        if reader != model
        for region in pairs.regions
        for row in _rows(
            set_.pairs[model].of(region).boxes, pairs.of(region).boxes, margin=margin, confidence=set_.confidence
        )
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
        ),
        tuple(rows),
        note=f"Difference: {model} less the reader. P: McNemar (exact), and t for AC1; Holm over all rows. "
        f"Non-inferior: the lower limit lies above -{margin:g}."
        if rows
        else "no other reader, versions of the model aside",
    )


def _rows(model: pd.DataFrame, reader: pd.DataFrame, *, margin: float, confidence: float) -> Iterator[dict[str, Any]]:
    """Yield the measures of one region, on the boxes of the reference where both read."""
    both_read = model.index.intersection(reader.index)
    model, reader = model.loc[both_read], reader.loc[both_read]
    truth = model["truth"].to_numpy(np.float64)
    first, second = (each["call"].to_numpy(np.float64) for each in (model, reader))
    both = ~np.isnan(truth) & ~np.isnan(first) & ~np.isnan(second)
    found = gwet_difference(truth[both], first[both], second[both], categories=len(Grade), confidence=confidence)
    yield {"measure": "AC1, four grades", "n": int(both.sum()), "difference": found.estimate, "p": found.p_value}
    positive, negative = truth >= Grade.MODERATE, both & (truth < Grade.MODERATE)
    yield _shares("sensitivity", first[positive] >= 2, second[positive] >= 2, margin=margin, confidence=confidence)
    yield _shares("specificity", first[negative] < 2, second[negative] < 2, margin=margin, confidence=confidence)


def _shares(
    measure: str, first: NDArray[np.bool_], second: NDArray[np.bool_], *, margin: float, confidence: float
) -> dict[str, Any]:
    row: dict[str, Any] = {"measure": measure, "n": len(first)}
    if not len(first):
        return row | {"p": float("nan")}
    test = mcnemar(int((first & ~second).sum()), int((~first & second).sum()))
    verdict = non_inferiority(first, second, margin=margin, confidence=confidence)
    return row | {
        "difference": verdict.difference,
        "p": test.p_value,
        "non_inferior": "yes" if verdict.is_non_inferior else "no",
    }
