"""Recall together with its cost, the false boxes per image, and recall at a few such rates."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tfspine.evaluation.boxes.detection_curves import detection_curve, found_scores
from tfspine.evaluation.boxes.members import average_estimate
from tfspine.evaluation.boxes.reader_metrics import ReaderMetrics
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.clustered import clustered_share
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.tables.detection import searched_boxes
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Region

RATES = (0.125, 0.25, 0.5, 1.0)
"""False boxes per image at which recall is printed, of those at which a free-response curve is usually read off."""


def recall_cost_table(
    sets: Sequence[ReadingSet],
    metrics: Mapping[str, Mapping[str, ReaderMetrics]],
    *,
    averages: Mapping[str, Sequence[str]],
    told: str,
) -> Table:
    """Return one row per reader and region: recall and false boxes in use, and recall at `RATES`.

    Args:
        sets: the readers, their score thresholds in `score_threshold`.
        metrics: of each set and reader, averages of members included.
        averages: the members behind each average; their mean replaces values that an average lacks.
        told: where the thresholds come from.
    """
    rows = []
    for set_ in sets:
        at_rates = _at_rates(set_)
        for reader, found in metrics[set_.name].items():
            members = averages.get(reader, (reader,))
            for region, of_region in found.regions.items():
                at = min(of_region.detection, key=lambda each: abs(each.threshold - set_.iou))
                of_members = [at_rates[member, region] for member in members if (member, region) in at_rates]
                rows.append(
                    {"set": set_.name, "reader": reader, "region": REGION_TITLES[region]}
                    | {"score": float(np.mean([threshold_in_use(set_, member, region) for member in members]))}
                    | {"recall": at.by_patient.recall, "false_boxes": at.by_patient.false_positives_per_image}
                    | {f"recall_at_{rate:g}": average for rate, average in zip(RATES, _means(of_members), strict=False)}
                )
    return Table(
        "recall_cost",
        "Recall and false boxes per image",
        (
            *((Column("set", "Set"),) if len(sets) > 1 else ()),
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("score", "Score from", Kind.NUMBER),
            Column("recall", "Recall %", Kind.PERCENT),
            Column("false_boxes", "False boxes per image", Kind.COEFFICIENT),
            *(Column(f"recall_at_{rate:g}", f"At {rate:g}", Kind.PERCENT) for rate in RATES),
        ),
        tuple(rows),
        note=f"At IoU > {sets[0].iou:g}. Boxes from that score on count, here and in every table but those over all "
        "scores. At N: recall over all scores, at no more than N false boxes per image; people's boxes have no scores."
        + (f" {told}." if told else ""),
    )


def _at_rates(set_: ReadingSet) -> dict[tuple[str, Region], tuple[Estimate, ...]]:
    """Return recall at each of `RATES`, of every reader and region with scores; intervals by patients.

    The score that gives a rate is read from these same images, as usual; the intervals treat it as fixed.
    """
    found = {}
    for reader, region, reference, boxes, images in searched_boxes(set_):
        curve = detection_curve(reference, boxes, iou=set_.iou, images=images)
        scores = found_scores(reference, boxes, iou=set_.iou)
        patients = set_.patient_of(reference["study"]).to_numpy()
        within = [curve.scores[curve.false_positives_per_image <= rate] for rate in RATES]
        found[reader, region] = tuple(
            clustered_share(scores >= kept.min(initial=np.inf), patients, confidence=set_.confidence) for kept in within
        )
    return found


def _means(of_members: Sequence[tuple[Estimate, ...]]) -> list[Estimate]:
    """Return the mean of each rate over the members of an average; for one model its own; empty for people."""
    if len(of_members) == 1:
        return list(of_members[0])
    return [average_estimate(each) for each in zip(*of_members, strict=True)]


def threshold_in_use(set_: ReadingSet, reader: str, region: Region) -> float:
    """Return the score from which a reader's boxes of a region count, NaN where all count."""
    boxes = set_.readers[reader]
    if "score_threshold" not in boxes:
        return math.nan
    thresholds = boxes.loc[boxes["region"] == region.value, "score_threshold"]
    return float(thresholds.max()) if len(thresholds) else math.nan
