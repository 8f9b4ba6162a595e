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
    """Probability with which an interval covers the true value."""

    margin: ProperShare = 0.05
    """How much less sensitive or specific than a reader a model may be and still be no worse: 0.05 is 5 points."""

    replicates: Annotated[int, Range(2)] = 2000
    """Samples of a bootstrap over patients."""

    bins: Count = 10
    """Into how many bins of equal width probabilities are divided for calibration."""

    false_boxes_per_image: NotNegative = 0.25
    """What the score threshold of a detector may cost on validation, of each kind of region.

    An export writes the threshold that it gives into the model: at 0.25, one false canal in four slices.
    """


@dataclass(frozen=True)
class ExplainConfig:
    """`[explain]`: Integrated Gradients (Sundararajan 2017, ICML)."""

    steps: Annotated[int, Range(1, unit="steps")] = 240
    """Points of the path from a black picture to the crop; the gap to completeness shrinks with them."""

    batch_size: Count = 32
    """Of these points, how many are computed at once."""

    regions: CountOrNone = 8
    """How many crops of each region are explained."""
