"""The score from which a detector's boxes count, chosen on validation for a stated number of false boxes per image.

Each kind of region has a threshold of its own. A threshold chosen on the studies that are reported would make the
detector seem better than it is, and one chosen without a rule has an unknown rate of false boxes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfspine.evaluation.boxes.coverage import Coverage
from tfspine.evaluation.boxes.detection_curves import DetectionCurve, detection_curve
from tfspine.evaluation.boxes.pairs import restrict
from tfspine.labels import Region


@dataclass(frozen=True)
class ScoreThreshold:
    """Boxes of a score of `threshold` or more count.

    `recall` (0 to 1) and `false_boxes_per_image` are those on the `images` with `boxes` that it was chosen on.
    """

    threshold: float
    recall: float
    false_boxes_per_image: float
    boxes: int
    images: int


def choose_score_threshold(curve: DetectionCurve, *, allowed: float) -> ScoreThreshold | None:
    """Return the lowest threshold that gives no more than `allowed` false boxes per image.

    It is the score of a box, or 0 where all boxes together stay within the limit. Where the highest-scoring box alone
    exceeds it, the threshold lies just above that box, in float32, as scores are: then no box counts, and recall is 0.
    None where there is nothing to find or no box was found.

    Args:
        curve: of one kind of region on validation images.
        allowed: false boxes per image, 0 or more.
    """
    if not curve.references or not len(curve.scores):
        return None
    within = np.flatnonzero(curve.false_positives_per_image <= allowed)
    if not len(within):
        above = float(np.nextafter(np.float32(curve.scores[0]), np.float32(2)))
        return ScoreThreshold(above, 0.0, 0.0, curve.references, curve.images)
    at = int(within[-1])
    is_end = at == len(curve.scores) - 1
    return ScoreThreshold(
        threshold=0.0 if is_end else float(curve.scores[at]),
        recall=float(curve.recall[at]),
        false_boxes_per_image=float(curve.false_positives_per_image[at]),
        boxes=curve.references,
        images=curve.images,
    )


def score_thresholds(
    reference: pd.DataFrame,
    boxes: pd.DataFrame,
    *,
    iou: float,
    allowed: float,
    covered: pd.DataFrame | None = None,
    read: Coverage | None = None,
) -> Mapping[Region, ScoreThreshold]:
    """Choose the threshold of every kind of region for which validation allows it.

    Args:
        reference: table with `boxes_csv.BOX_COLUMNS`.
        boxes: the model's, all with a score, at any threshold.
        iou: overlap that a pair must exceed.
        allowed: false boxes per image, 0 or more.
        covered: columns study, slice, plane, the slices that the reference covers; None means those with a box.
        read: what the model read; None means all that is covered.

    Raises:
        EvaluationError: a table that cannot be compared, or a box without a score.
    """
    both = restrict(reference, boxes, covered=covered, read=read)
    chosen = {}
    for region in both.regions:
        if not both.images[region]:
            continue
        left, right = (table[table["region"] == region.value] for table in (both.reference, both.searched))
        curve = detection_curve(
            left.reset_index(drop=True), right.reset_index(drop=True), iou=iou, images=both.images[region]
        )
        found = choose_score_threshold(curve, allowed=allowed)
        if found is not None:
            chosen[region] = found
    return chosen
