"""The threshold between positive and negative, chosen only on validation.

The score of a region is its probability of moderate or severe. The threshold is where sensitivity plus specificity is
largest (W. J. Youden, Cancer 1950;3:32-35); of equally good ones the highest, which gives the fewest positives. A
threshold chosen on the studies that are reported would make the model seem better than it is.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfspine.evaluation.boxes.pairs import PROBABILITIES
from tfspine.evaluation.statistics.roc import roc_curve
from tfspine.labels import Grade


@dataclass(frozen=True)
class GradedProbabilities:
    """Regions that were found, with the reference's grade and a model's probabilities.

    Attributes:
        rows: int [n], positions in `Pairs.boxes`.
        truth: int [n], 0 to 3.
        probabilities: float [n, 4].
    """

    rows: NDArray[np.int64]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    @property
    def is_positive(self) -> NDArray[np.bool_]:
        """Whether the reference calls each moderate or severe, bool [n]."""
        return np.asarray(self.truth >= Grade.MODERATE)

    @property
    def scores(self) -> NDArray[np.float64]:
        """The probability of moderate or severe, float [n]."""
        return positive_share(self.probabilities)


@dataclass(frozen=True)
class OperatingPoint:
    """A score of `threshold` or more is positive. Both shares are those of the `n` regions it was chosen on."""

    threshold: float
    sensitivity: float
    specificity: float
    n: int


def probabilities_of_boxes(boxes: pd.DataFrame) -> GradedProbabilities:
    """Return the rows of `Pairs.boxes` that have a grade of the reference and probabilities of the reader."""
    shares = boxes[PROBABILITIES].to_numpy(np.float64)
    truth = boxes["truth"].to_numpy(np.float64)
    rows = np.flatnonzero(~np.isnan(shares).any(axis=1) & ~np.isnan(truth))
    return GradedProbabilities(rows, truth[rows].astype(np.int64), shares[rows])


def positive_share(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability of moderate or severe, float [n], of the four grades' [n, 4]."""
    return np.asarray(probabilities[:, Grade.MODERATE :].sum(axis=1))


def choose_operating_point(is_positive: ArrayLike, scores: ArrayLike) -> OperatingPoint | None:
    """Return the point of the largest Youden index; None where one of the two kinds does not occur.

    Args:
        is_positive: bool [n] (or 0 and 1), whether the reference calls each validation region positive.
        scores: float [n], the model's probability of moderate or severe.

    Raises:
        EvaluationError: the two differ in length, `is_positive` has other values, or a score is missing.
    """
    curve = roc_curve(is_positive, scores)
    if np.isnan(curve.true_positive_rate).any() or np.isnan(curve.false_positive_rate).any():
        return None
    # Rounded, since equal sums of fractions may differ in their last digit. The curve's first point, at infinity, is
    # not the score of a region.
    youden = np.round(curve.true_positive_rate - curve.false_positive_rate, 12)[1:]
    best = 1 + int(np.argmax(youden))  # the first of equals: thresholds fall
    return OperatingPoint(
        threshold=float(curve.thresholds[best]),
        sensitivity=float(curve.true_positive_rate[best]),
        specificity=float(1 - curve.false_positive_rate[best]),
        n=np.size(scores),
    )
