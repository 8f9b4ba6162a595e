"""The RSNA 2024 challenge's loss of every reader with probabilities, on the challenge's unit: each level and side."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfspine.evaluation.boxes.pairs import PROBABILITIES
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.boxes.region_grades import RegionGrades
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
    rows = [row for reader, grades in set_.grades.items() for row in _rows(reader, grades, set_.confidence)]
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


def _rows(reader: str, grades: RegionGrades, confidence: float) -> Iterator[dict[str, Any]]:
    """Yield the mean loss and its terms; nothing of a reader without levels or without probabilities."""
    regions = grades.regions
    shares = regions[PROBABILITIES].to_numpy(np.float64)
    said = ~np.isnan(shares).any(axis=1)
    if not all(grades.has_levels) or not said.any():
        return
    three = np.full((len(regions), len(WEIGHTS)), 1 / len(WEIGHTS))
    three[said] = three_grades(shares[said])
    kinds = regions["region"].to_numpy(object)
    found = rsna_2024_loss(
        three,
        np.maximum(regions["truth"].to_numpy(np.float64) - 1, 0),
        regions=[Region(kind) for kind in kinds],
        studies=regions["study"].to_list(),
        confidence=confidence,
    )
    is_canal = kinds == Region.CENTRAL_CANAL.value
    losses = {"All, mean": (found.loss, np.ones(len(regions), bool))}
    for region in Region:
        is_region = kinds == region.value
        losses[REGION_TITLES[region]] = _term(getattr(found, region.value), n=int(is_region.sum())), is_region
    any_severe = _term(found.any_severe_canal, n=regions.loc[is_canal, "study"].nunique())
    losses["Any severe canal"] = any_severe, is_canal
    for name, (loss, of_term) in losses.items():
        not_found = int((~said & of_term).sum())
        yield {"reader": reader, "region": name, "n": loss.n, "not_found": not_found, "loss": loss}


def _term(value: float, *, n: int) -> Estimate:
    return Estimate(value, math.nan, math.nan, n, "RSNA 2024 loss, one term: no interval")
