"""The RSNA 2024 challenge's loss of every reader with probabilities, on the challenge's unit: each level and side."""

import math

import numpy as np

from tfspine.evaluation.boxes.pairs import PROBABILITIES
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.statistics.rsna_loss import WEIGHTS, rsna_2024_loss, three_grades
from tfspine.evaluation.tables.probabilities import NO_PROBABILITIES
from tfspine.evaluation.tables.regions import NO_LEVELS
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Region


def challenge_table(set_: ReadingSet) -> Table:
    """Return one row per model and term of the loss, from the probabilities of the box that grades each region.

    The challenge requires an answer for every level and side. A region that was not found gets a probability of one
    third for each of the three grades.
    """
    rows = []
    for reader, grades in set_.grades.items():
        regions = grades.regions
        shares = regions[PROBABILITIES].to_numpy(np.float64)
        said = ~np.isnan(shares).any(axis=1)
        if not all(grades.has_levels) or not said.any():
            continue
        three = np.full((len(regions), len(WEIGHTS)), 1 / len(WEIGHTS))
        three[said] = three_grades(shares[said])
        kinds = regions["region"].to_numpy(object)
        found = rsna_2024_loss(
            three,
            np.maximum(regions["truth"].to_numpy(np.float64) - 1, 0),
            regions=[Region(kind) for kind in kinds],
            studies=regions["study"].to_list(),
            confidence=set_.confidence,
        )
        is_canal = kinds == Region.CENTRAL_CANAL.value
        terms = {
            REGION_TITLES[region]: (getattr(found, region.value), kinds == region.value, int((kinds == region).sum()))
            for region in Region
        }
        terms["Any severe canal"] = (found.any_severe_canal, is_canal, regions.loc[is_canal, "study"].nunique())
        method = "RSNA 2024 loss, one term: no interval"
        losses = {"All, mean": (found.loss, np.ones(len(regions), bool))} | {
            name: (Estimate(value, math.nan, math.nan, n, method), of_term)
            for name, (value, of_term, n) in terms.items()
        }
        rows += [
            {"reader": reader, "region": name, "n": loss.n, "not_found": int((~said & of_term).sum()), "loss": loss}
            for name, (loss, of_term) in losses.items()
        ]
    has_probabilities = any(boxes[PROBABILITIES].notna().any(axis=None) for boxes in set_.readers.values())
    return Table(
        "rsna_2024",
        "Loss of the RSNA 2024 challenge, each level and side",
        (
            Column("reader", "Reader"),
            Column("region", "Term"),
            Column("n", "n", Kind.COUNT),
            Column("not_found", "Not found", Kind.COUNT),
            Column("loss", "Loss", Kind.COEFFICIENT),
        ),
        tuple(rows),
        note="By the box that grades a region (see regions); a region not found or without probabilities has one "
        "third for each "
        "of the three grades. n: regions; studies for the mean and any severe canal."
        if rows
        else (NO_LEVELS if has_probabilities else NO_PROBABILITIES),
    )
