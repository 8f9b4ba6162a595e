"""Settings of a grader, the Keras Sequential network that assigns one of four grades to a region's crop."""

from dataclasses import dataclass
from typing import Annotated

from tfspine.compat import StrEnum
from tfspine.config.ranges import BelowOne, Count, Positive, ProperShare, Range, Share

Epochs = Annotated[int, Range(1, unit="epochs")]


class GraderSchedule(StrEnum):
    """Schedule of a grader's learning rate over the epochs.

    `PLATEAU`, the paper's, multiplies it by `learning_rate_factor` after `patience_epochs` without a smaller validation
    loss; `COSINE` lowers it along half a cosine that ends with the last epoch, which suits short trainings.
    """

    PLATEAU = "plateau"
    COSINE = "cosine"


class GraderLoss(StrEnum):
    """How rare grades are weighted: the paper's weight by true grade and argmax, class weights, or not at all."""

    PUBLISHED = "published"
    CLASS_WEIGHTS = "class_weights"
    PLAIN = "plain"


@dataclass(frozen=True)
class GraderConfig:
    """`[grader]`: six convolution blocks, two dense layers, softmax over four grades (docs/paper.md, Model)."""

    crop_size_px: Annotated[int, Range(1, 2048, unit="px")] = 150
    """Rows and columns of a crop: the box enlarged to 150 %, resized."""

    filters: Annotated[tuple[int, ...], Range(1)] = (32, 64, 64, 64, 32, 32)
    """Filters of each block, which halves the size: six blocks leave 150 -> 74 -> 36 -> 17 -> 7 -> 3 -> 1 pixel."""

    dense_units: Count = 512
    """Units of the layer before the softmax."""

    dropout: BelowOne = 0.2
    """Dropout: share of the units left out at random in training."""

    norm_momentum: BelowOne = 0.99
    """Weight of the past in the running averages of batch normalisation; at 1 they would never change."""

    loss: GraderLoss = GraderLoss.PUBLISHED
    """How rare grades are weighted."""

    batch_size: Count = 128
    """Crops per step."""

    epochs: Epochs = 100
    """Number of passes over all training crops."""

    learning_rate: Positive = 1e-3
    """Learning rate of Adam in the first epoch."""

    schedule: GraderSchedule = GraderSchedule.PLATEAU
    """Schedule of the learning rate: lowered when the validation loss stops falling, or along half a cosine."""

    patience_epochs: Epochs = 10
    """Epochs without a smaller validation loss after which the plateau schedule lowers the rate."""

    learning_rate_factor: ProperShare = 0.5
    """Factor by which the plateau schedule multiplies the rate."""

    shear: Share = 0.1
    """Largest random shear of training crops, columns per row: 0.1 moves the last of 150 rows by 15 columns."""

    zoom: BelowOne = 0.1
    """Largest random change of their height and width, independently: 0.1 is 90 to 110 %."""

    rotation_deg: Annotated[float, Range(0, 180, unit="degrees")] = 5.0
    """Largest random rotation."""

    shift: Share = 0.0
    """Largest random shift, as a share of the crop's size: 0.1 makes graders robust to slightly displaced boxes."""
