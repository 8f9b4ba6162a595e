"""Agreement by measures that the paper does not print: weighted coefficients, and how well each grade is met."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tfspine.evaluation.accuracy import Interval, proportion
from tfspine.evaluation.agreement import gwet_from_table
from tfspine.evaluation.estimate import Estimate, check_confidence, critical_value, limits_of, undefined
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
                    "macro_f1": macro_f1(region.confusion, confidence=confidence),
                    "exact": proportion(
                        int(np.trace(counts)),
                        int(counts.sum()),
                        interval=Interval.CLOPPER_PEARSON,
                        confidence=confidence,
                    ),
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
            Column("macro_f1", "Macro F1", Kind.COEFFICIENT),
            Column("exact", "Same grade %", Kind.PERCENT),
        ),
        tuple(rows),
    )


def macro_f1(confusion: Sequence[Sequence[int]], *, confidence: float = 0.95) -> Estimate:
    """Return the mean F1 of the grades that the reference gave, 0 to 1; undefined without any.

    F1 of grade i is 2 p_ii / s_i, where s_i = p_i. + p_.i. A grade that the reference never gave has none: it would
    count as 0 or be undefined by whether the reader ever used it. The interval is of z and the delta method over the
    multinomial cells (K. Takahashi and others, Applied Intelligence 2022;52:4961-4972): with the derivative g of the
    mean to each cell the variance is sum p g^2 / n, as sum p g = 0. It takes the grades that occur for granted.

    Args:
        confusion: counts [q, q], the reference in rows.
        confidence: share that the interval is to cover.

    Raises:
        EvaluationError: the table is not square, is smaller than 2 x 2, or holds anything but whole numbers from 0.
    """
    check_confidence(confidence)
    counts = checked_table(confusion)
    given = counts.sum(axis=1)
    kept, n, method = given > 0, int(counts.sum()), "macro F1, delta method, z"
    if not n:
        return undefined(0, method)
    shares = counts / n
    used = (shares.sum(axis=1) + shares.sum(axis=0)).clip(1 / n)
    f1 = 2 * np.diag(shares) / used
    slope = np.where(kept, f1 / used, 0.0)  # of both margins of a grade, downwards
    gradient = (np.diag(np.where(kept, 2 / used, 0.0)) - slope[:, None] - slope[None, :]) / kept.sum()
    half = critical_value(confidence) * math.sqrt(float((shares * gradient**2).sum()) / n)
    value = float(f1[kept].mean())
    limits = limits_of(value, half, units=n, confidence=confidence, lowest=0.0, highest=1.0)
    return Estimate(value, *limits, n, method)
