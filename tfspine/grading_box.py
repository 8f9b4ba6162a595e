"""Which box grades a region: one grade for each level and side, although a region has boxes on several slices.

The worst box counts: among the boxes of one region at one level and side, the one with the most severe grade, and
among equal grades the most probable one. A model's boxes with a low score are ignored: they usually lie beside the
region, where the anatomy looks narrow. Boxes drawn by people have no score and count equally. This rule is used to
assemble a study, and to compare readers with a reference.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SURE_SHARE = 0.9
"""Boxes with less than this share of the region's best score do not grade it."""


def grading_box(grades: ArrayLike, scores: ArrayLike, probabilities: ArrayLike) -> int | None:
    """Return which box of one region, counted from 0, gives its grade; None where no box has a grade.

    Args:
        grades: float [n], 0 to 3; NaN for a box without a grade, which is never chosen.
        scores: float [n], 0 to 1; NaN, as for boxes drawn by people, counts as 1.
        probabilities: float [n], of each box's own grade; NaN counts as 1. In a tie the first box is chosen.
    """
    grade = np.asarray(grades, np.float64)
    score = np.nan_to_num(np.asarray(scores, np.float64), nan=1.0)
    share = np.nan_to_num(np.asarray(probabilities, np.float64), nan=1.0)
    graded = np.flatnonzero(~np.isnan(grade))
    if not len(graded):
        return None
    sure = graded[score[graded] >= SURE_SHARE * score[graded].max()]
    # lexsort sorts by its last key first; the sort is stable.
    return int(sure[np.lexsort((-share[sure], -grade[sure]))[0]])


def is_counted(scores: ArrayLike, score_thresholds: ArrayLike) -> NDArray[np.bool_]:
    """Return which boxes, bool [n], are findings: those whose score reaches the model's operating point.

    Args:
        scores: float [n]; NaN for boxes drawn by people.
        score_thresholds: float [n], NaN where there is no operating point; every box counts then.
    """
    score, threshold = np.asarray(scores, np.float64), np.asarray(score_thresholds, np.float64)
    return np.asarray(np.isnan(threshold) | np.isnan(score) | (score >= threshold))
