"""Which box grades a region: one grade for each level and side, though a region is boxed on several slices.

The rule is the worst box: of the boxes of one region at one level and side the most severe grade counts, and of equal
grades the most probable box. A model's boxes of doubtful score have no say: such a box mostly lies beside the region,
on a slice where what it shows looks narrow. Boxes of people have no score and count alike. A study is assembled by this
rule, and a reference and its readers are compared by it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SURE_SHARE = 0.9
"""Of the boxes of one region those with less than this share of its best score do not grade it."""


def grading_box(grades: ArrayLike, scores: ArrayLike, probabilities: ArrayLike) -> int | None:
    """Return which box of one region, counted from 0, gives its grade; None where no box has a grade.

    Args:
        grades: float [n], 0 to 3, NaN of a box without a grade, which then cannot be the one.
        scores: float [n], 0 to 1; NaN, as of people, counts as 1.
        probabilities: float [n], of each box's own grade; NaN counts as 1. Of equals the first is taken.
    """
    grade = np.asarray(grades, np.float64)
    score = np.nan_to_num(np.asarray(scores, np.float64), nan=1.0)
    share = np.nan_to_num(np.asarray(probabilities, np.float64), nan=1.0)
    graded = np.flatnonzero(~np.isnan(grade))
    if not len(graded):
        return None
    sure = graded[score[graded] >= SURE_SHARE * score[graded].max()]
    # Of the keys of lexsort the last counts first; the sort is stable.
    return int(sure[np.lexsort((-share[sure], -grade[sure]))[0]])


def is_counted(scores: ArrayLike, score_thresholds: ArrayLike) -> NDArray[np.bool_]:
    """Return which boxes, bool [n], are findings: those whose score reaches the model's operating point.

    Args:
        scores: float [n], NaN of people.
        score_thresholds: float [n], NaN where there is no operating point; every box counts then.
    """
    score, threshold = np.asarray(scores, np.float64), np.asarray(score_thresholds, np.float64)
    return np.asarray(np.isnan(threshold) | np.isnan(score) | (score >= threshold))
