"""Which boxes of a reader are findings: the score threshold in use, its source, and its performance on validation.

A model exported with an operating point states it itself (`score_threshold` in its table). For other models with scores
the thresholds are chosen here, on their boxes of validation studies. Without these all of their boxes count, and the
tables report that. Human readers have no scores: all of their boxes count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tfspine.compat import StrEnum
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.boxes.score_threshold import ScoreThreshold, score_thresholds
from tfspine.labels import Region


class ThresholdSource(StrEnum):
    """Where a reader's thresholds come from."""

    MODEL = "written into the model at export"
    VALIDATION = "chosen here, on validation"
    NONE = "no operating point: every box counts"


@dataclass(frozen=True)
class OperatingBoxes:
    """Thresholds of one reader. `chosen` holds the validation results of those that were chosen here."""

    source: ThresholdSource
    thresholds: Mapping[Region, float]
    chosen: Mapping[Region, ScoreThreshold]


def operating_boxes(set_: ReadingSet, validation: ReadingSet | None, *, allowed: float) -> dict[str, OperatingBoxes]:
    """Return the thresholds of every reader with scores, by name.

    Args:
        set_: the readers.
        validation: the readers on validation studies, or None.
        allowed: false boxes per image on validation.
    """
    return {
        name: _of_reader(name, boxes, validation, allowed)
        for name, boxes in set_.readers.items()
        if len(boxes) and boxes["score"].notna().all()
    }


def at_operating_points(set_: ReadingSet, found: Mapping[str, OperatingBoxes]) -> ReadingSet:
    """Return the set with each reader's thresholds in `score_threshold`, where they were chosen here."""
    readers = {name: _marked(boxes, found.get(name)) for name, boxes in set_.readers.items()}
    return replace(set_, readers=readers)


def told(found: Mapping[str, OperatingBoxes], *, allowed: float, hidden: Sequence[str] = ()) -> str:
    """Return a text on where the readers' thresholds come from; `hidden` readers are left out."""
    names = {
        source: [name for name, item in found.items() if item.source is source and name not in hidden]
        for source in ThresholdSource
    }
    words = {source: f"{', '.join(readers)}: {source}" for source, readers in names.items() if readers}
    if ThresholdSource.VALIDATION in words:
        words[ThresholdSource.VALIDATION] += f", for {allowed:g} false boxes per image"
    return ". ".join(words.values())


def _of_reader(name: str, boxes: pd.DataFrame, validation: ReadingSet | None, allowed: float) -> OperatingBoxes:
    if "score_threshold" in boxes and boxes["score_threshold"].notna().any():
        of_region = boxes.groupby("region")["score_threshold"].max()
        thresholds = {region: float(of_region[region.value]) for region in Region if region.value in of_region.index}
        return OperatingBoxes(ThresholdSource.MODEL, thresholds, {})
    if validation is None or name not in validation.readers or validation.readers[name]["score"].isna().any():
        return OperatingBoxes(ThresholdSource.NONE, {}, {})
    chosen = score_thresholds(
        validation.reference,
        validation.readers[name],
        iou=validation.iou,
        allowed=allowed,
        covered=validation.covered,
        read=validation.read_by(name),
    )
    thresholds = {region: item.threshold for region, item in chosen.items()}
    return OperatingBoxes(ThresholdSource.VALIDATION if chosen else ThresholdSource.NONE, thresholds, chosen)


def _marked(boxes: pd.DataFrame, found: OperatingBoxes | None) -> pd.DataFrame:
    if found is None or found.source is not ThresholdSource.VALIDATION:
        return boxes
    thresholds = {region.value: threshold for region, threshold in found.thresholds.items()}
    return boxes.assign(score_threshold=boxes["region"].map(thresholds).astype(np.float64))
