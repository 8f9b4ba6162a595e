"""Settings of how readers are compared, and how grades are explained."""

from dataclasses import dataclass
from typing import Annotated

from tfspine.config.ranges import BelowOne, Count, CountOrNone, NotNegative, ProperShare, Range


@dataclass(frozen=True)
class EvaluationConfig:
    """`[evaluation]`: how readers are compared."""

    iou: BelowOne = 0.3
    """Intersection over union above which a box counts as found when grades are compared (docs/paper.md)."""

    confidence: ProperShare = 0.95
    """Confidence level of the intervals: probability with which one covers the true value."""

    margin: ProperShare = 0.05
    """Non-inferiority margin of a model's sensitivity and specificity against a reader: 0.05 is 5 percentage points."""

    replicates: Annotated[int, Range(2)] = 2000
    """Number of samples of a bootstrap over patients."""

    bins: Count = 10
    """Number of equal-width bins of the probabilities for calibration."""

    false_boxes_per_image: NotNegative = 0.25
    """False boxes per image that the score threshold of a detector may allow on validation, for each kind of region.

    An export writes the resulting threshold into the model: 0.25 allows, for example, one false canal in four slices.
    """


@dataclass(frozen=True)
class ExplainConfig:
    """`[explain]`: Integrated Gradients (Sundararajan 2017, ICML)."""

    steps: Annotated[int, Range(1, unit="steps")] = 240
    """Points on the path from a black image to the crop; more points make the completeness gap smaller."""

    batch_size: Count = 32
    """How many of these points are computed at once."""

    regions: CountOrNone = 8
    """How many crops of each region are explained."""
