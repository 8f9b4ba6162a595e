"""How much each box counts, from the order of the scores alone.

Scores of detectors are not calibrated: one detector's never exceed 0.4, another's never fall below it. Only their
order within a study is used, so that any change of the scores that keeps their order keeps the levels. A box of score
0 has the weight 0.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

LEAST_WEIGHT = 0.2
"""Weight of the lowest box that is counted; from the median upwards boxes have the weight 1."""


def weights_by_rank(scores: ArrayLike, *, expected: int) -> NDArray[np.float64]:
    """Return the weight of each box, float64 [N], in 0 to 1.

    Args:
        scores: float [N], in any unit.
        expected: how many boxes there would be if all were true; beyond this number the lowest have the weight 0, and
            boxes of equal score have equal weights.
    """
    values = np.asarray(scores, np.float64)
    if not len(values):
        return np.zeros(0)
    least = np.sort(values)[::-1][min(expected, len(values)) - 1]
    is_counted = (values >= least) & (values > 0)
    weights = np.zeros(len(values))
    if is_counted.any():
        # The middle of the ranks of equal scores, as a share of all: 0.5 for the median.
        share = rankdata(values[is_counted]) / (is_counted.sum() + 1)
        weights[is_counted] = LEAST_WEIGHT + (1.0 - LEAST_WEIGHT) * np.minimum(1.0, 2.0 * share)
    return weights
