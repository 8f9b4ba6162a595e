"""Average precision and recall along the free-response curve, of every reader whose boxes have scores."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.evaluation.boxes.detection_curves import (
    FALSE_POSITIVES_PER_IMAGE,
    DetectionCurve,
    detection_curve,
    rank_boxes,
    recall_at,
)
from tfspine.evaluation.boxes.reader_metrics import THRESHOLDS
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.arguments import groups
from tfspine.evaluation.statistics.bootstrap import patient_bootstrap
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Region

Curves = dict[tuple[str, Region], DetectionCurve]


def detection_table(set_: ReadingSet, *, replicates: int, seed: int) -> Table:
    """Return one row per reader, region and IoU; intervals are of a bootstrap over patients."""
    rows = []
    for reader, region, reference, boxes, images in searched_boxes(set_):
        for threshold in THRESHOLDS:
            curve = detection_curve(reference, boxes, iou=threshold, images=images)
            precision = average_precision_estimate(
                set_, reference, boxes, iou=threshold, replicates=replicates, seed=seed
            )
            rows.append(
                {
                    "reader": reader,
                    "region": REGION_TITLES[region],
                    "threshold": f"{threshold:g}",
                    "boxes": len(reference),
                    "average_precision": precision,
                }
                | {
                    f"recall_at_{rate:g}": recall
                    for rate, recall in zip(FALSE_POSITIVES_PER_IMAGE, recall_at(curve), strict=True)
                }
            )
    return Table(
        "detection",
        "Detection over all scores",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("threshold", "IoU >"),
            Column("boxes", "Boxes", Kind.COUNT),
            Column("average_precision", "Average precision", Kind.COEFFICIENT),
            *(Column(f"recall_at_{rate:g}", f"at {rate:g}", Kind.NUMBER) for rate in FALSE_POSITIVES_PER_IMAGE),
        ),
        tuple(rows),
        note="At N: recall at no more than N false boxes per image."
        if rows
        else "no reader whose boxes all have scores",
    )


def detection_curves(set_: ReadingSet) -> Curves:
    """Return the curve of every reader with scores and every region, at the IoU at which grades are compared."""
    return {
        (reader, region): detection_curve(reference, boxes, iou=set_.iou, images=images)
        for reader, region, reference, boxes, images in searched_boxes(set_)
    }


def average_precision_estimate(
    set_: ReadingSet, reference: pd.DataFrame, boxes: pd.DataFrame, *, iou: float, replicates: int, seed: int
) -> Estimate:
    """Return the average precision of one region with its interval; patients, with all their boxes, are resampled."""
    order, is_hit = rank_boxes(reference, boxes, iou=iou)
    ranked = boxes.iloc[order]
    last = np.flatnonzero(np.diff(ranked["score"].to_numpy(np.float64), append=-np.inf) < 0)
    # The curve changes only at scores with hits: the other scores can be left out.
    last = last[np.diff(np.cumsum(is_hit)[last], prepend=0) > 0]
    person = groups(pd.concat([set_.patient_of(table["study"]) for table in (reference, ranked)]), what="patient")
    people = np.arange(person.max() + 1)
    is_of = person == people[:, None]
    references, found = is_of[:, : len(reference)].sum(axis=1), is_of[:, len(reference) :]
    kept = np.cumsum(found, axis=1)[:, last].astype(np.float64)
    hits = np.cumsum(found & is_hit, axis=1)[:, last].astype(np.float64)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        hit = weights @ hits
        precision = hit / np.maximum(weights @ kept, 1.0)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        with np.errstate(invalid="ignore"):
            return np.asarray((np.diff(hit, prepend=0.0, axis=1) * envelope).sum(axis=1) / (weights @ references))

    # One row per patient instead of per box makes the same draws a hundred times faster.
    estimate = patient_bootstrap(statistic, people, replicates=replicates, seed=seed, confidence=set_.confidence)
    return replace(estimate, n=len(person))


def searched_boxes(set_: ReadingSet) -> list[tuple[str, Region, pd.DataFrame, pd.DataFrame, int]]:
    """Return reader, region, boxes of reference and reader, and images, of every reader whose boxes have scores."""
    found = []
    for name, both in set_.compared.items():
        if both.searched.empty or both.searched["score"].isna().any():
            continue
        for region in both.regions:
            left, right = (
                each[each["region"] == region].reset_index(drop=True) for each in (both.reference, both.searched)
            )
            if both.images[region]:
                found.append((name, region, left, right, both.images[region]))
    return found
