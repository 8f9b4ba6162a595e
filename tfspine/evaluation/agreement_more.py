"""Agreement by measures that the paper does not print: weighted coefficients, and how well each grade is met."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tfspine.evaluation.agreement import gwet_from_table
from tfspine.evaluation.kappa import cohen_kappa_from_table
from tfspine.evaluation.ratings import checked_table
from tfspine.evaluation.study_evaluation import ReaderMetrics
from tfspine.evaluation.tables import REGION_TITLES, Column, Kind, Table
from tfspine.evaluation.weights import Weights


def weighted_table(readers: Mapping[str, ReaderMetrics], *, confidence: float) -> Table:
    """Return one row per reader and region: Gwet's AC2 and Cohen's kappa with quadratic weights, macro F1, accuracy."""
    rows = []
    for reader, metrics in readers.items():
        for region in metrics.regions.values():
            counts = np.array(region.confusion)
            rows.append(
                {
                    "reader": reader,
                    "region": REGION_TITLES[region.region],
                    "pairs": int(counts.sum()),
                    "ac2": gwet_from_table(counts, weights=Weights.QUADRATIC, confidence=confidence).coefficient,
                    "kappa": cohen_kappa_from_table(
                        counts, weights=Weights.QUADRATIC, confidence=confidence
                    ).coefficient,
                    "macro_f1": macro_f1(region.confusion),
                    "exact": float(np.trace(counts) / counts.sum()) if counts.sum() else math.nan,
                }
            )
    return Table(
        "agreement_weighted",
        "Agreement that counts near misses",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("pairs", "Pairs", Kind.COUNT),
            Column("ac2", "Gwet AC2, quadratic", Kind.COEFFICIENT),
            Column("kappa", "Cohen kappa, quadratic", Kind.COEFFICIENT),
            Column("macro_f1", "Macro F1", Kind.NUMBER),
            Column("exact", "Same grade %", Kind.SHARE),
        ),
        tuple(rows),
    )


def macro_f1(confusion: Sequence[Sequence[int]]) -> float:
    """Return the mean F1 of the grades that the reference gave, NaN without any.

    F1 of a grade is 2 hits / (given by the reference + given by the reader). A grade that the reference never gave has
    none: it would count as 0 or be undefined by whether the reader ever used it.

    Args:
        confusion: counts [q, q], the reference in rows.

    Raises:
        EvaluationError: the table is not square, is smaller than 2 x 2, or holds anything but whole numbers from 0.
    """
    counts = checked_table(confusion)
    given = counts.sum(axis=1)
    kept = given > 0
    if not kept.any():
        return math.nan
    return float(np.mean((2 * np.diag(counts) / (given + counts.sum(axis=0)).clip(1))[kept]))
