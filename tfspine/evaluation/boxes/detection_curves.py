"""Detection over all scores: free-response curve (FROC) and average precision.

Boxes are ranked by falling score over all images. Each in turn takes the box of the reference, not yet taken and of the
same study, image, region and side, that it overlaps most, if the IoU is above the threshold; otherwise it is a false
positive, as in COCO (T.-Y. Lin et al., ECCV 2014, LNCS 8693:740-755). In Pascal VOC a box is compared with the one it
overlaps most, taken or not, and a second one on it is false. `matching.py` differs: it matches all boxes at once,
without a rank.
The area is Pascal VOC's: all points, precision made monotone (M. Everingham et al., Int J Comput Vis 2010;88:303-338).
A curve has a point wherever the score changes: boxes of equal score are added together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.matching import find_candidates, take_in_turn
from tfspine.evaluation.boxes.pairs import LABEL
from tfspine.evaluation.statistics.arguments import whole_number

FALSE_POSITIVES_PER_IMAGE = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Rates at which a free-response curve is usually read (LUNA16: Setio et al., Med Image Anal 2017;42:1-13)."""


@dataclass(frozen=True)
class DetectionCurve:
    """Recall and precision as the score falls.

    Attributes:
        scores: float [K], falling: boxes of this score and above are kept.
        recall: float [K], 0 to 1.
        precision: float [K], 0 to 1.
        false_positives_per_image: float [K].
        references: how many boxes there are to find.
        images: how many images were searched.
    """

    scores: NDArray[np.float64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    false_positives_per_image: NDArray[np.float64]
    references: int
    images: int


def detection_curve(reference: pd.DataFrame, reader: pd.DataFrame, *, iou: float, images: int) -> DetectionCurve:
    """Return the curve of one region.

    Args:
        reference: boxes to find, with the columns study, slice, region, side and the four of the box.
        reader: boxes found, with a score each.
        iou: overlap that a box must exceed.
        images: how many images were searched, those without a box included.

    Raises:
        EvaluationError: a box without a score, no image, or an IoU out of range.
    """
    scores = reader["score"].to_numpy(np.float64)
    if np.isnan(scores).any():
        raise EvaluationError("a box without a score; expected a model's boxes: people's boxes have no curve")
    images = whole_number(images, what="images", least=1)
    order, is_hit = rank_boxes(reference, reader, iou=iou)
    ranked = scores[order]
    hits, extras = np.cumsum(is_hit), np.cumsum(~is_hit)
    last = np.flatnonzero(np.diff(ranked, append=-np.inf) < 0)  # the last box of each score
    found = hits[last].astype(np.float64)
    return DetectionCurve(
        scores=ranked[last],
        recall=found / len(reference) if len(reference) else np.full(len(last), np.nan),
        precision=found / (last + 1),
        false_positives_per_image=extras[last] / images,
        references=len(reference),
        images=images,
    )


def rank_boxes(
    reference: pd.DataFrame, reader: pd.DataFrame, *, iou: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rows of `reader` by falling score (of equal ones the earlier first), and which rows are hits.

    Raises:
        EvaluationError: an IoU out of range.
    """
    order, _, readers = _pairs_in_rank(reference, reader, iou=iou)
    is_hit = np.zeros(len(order), bool)
    is_hit[np.argsort(order, kind="stable")[readers]] = True
    return order, is_hit


def found_scores(reference: pd.DataFrame, reader: pd.DataFrame, *, iou: float) -> NDArray[np.float64]:
    """Return the score from which each box of the reference is found, float [n], NaN if it is never found.

    Boxes of lower scores do not change which boxes those of higher scores take, so this holds at every threshold.

    Raises:
        EvaluationError: an IoU out of range.
    """
    _, references, readers = _pairs_in_rank(reference, reader, iou=iou)
    scores = np.full(len(reference), np.nan)
    scores[references] = reader["score"].to_numpy(np.float64)[readers]
    return scores


def _pairs_in_rank(
    reference: pd.DataFrame, reader: pd.DataFrame, *, iou: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of `reader` by falling score, and the matched rows of `reference` and `reader`."""
    candidates = find_candidates(reference, reader, threshold=iou, label=LABEL)
    order = np.argsort(-reader["score"].to_numpy(np.float64), kind="stable")
    rank = np.argsort(order, kind="stable")[candidates.reader]
    # The last key of lexsort has priority.
    taken = take_in_turn(candidates, np.lexsort((candidates.reference, -candidates.iou, rank)))
    return order, candidates.reference[taken], candidates.reader[taken]


def recall_at(curve: DetectionCurve, allowed: Sequence[float] = FALSE_POSITIVES_PER_IMAGE) -> tuple[float, ...]:
    """Return the highest recall at no more than each number of false positives per image, 0 if none qualifies."""
    if not curve.references:
        return tuple(float("nan") for _ in allowed)
    return tuple(float(curve.recall[curve.false_positives_per_image <= limit].max(initial=0.0)) for limit in allowed)


def average_precision(curve: DetectionCurve) -> float:
    """Return the area under precision over recall, precision made monotone from the right; NaN without references.

    Recall that is never reached adds nothing: boxes that a score threshold removed cost area.
    """
    if not curve.references:
        return float("nan")
    envelope = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return float((np.diff(curve.recall, prepend=0.0) * envelope).sum())
