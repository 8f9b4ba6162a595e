"""Settings of the detector, a Faster R-CNN with a feature pyramid, in three parts: anchors, heads, optimization.

In files and in ``--set`` they are one flat section, `[detector]`; `DetectorConfig` has all of them as attributes, and a
function that needs one part takes that part.
"""

from dataclasses import dataclass
from typing import Annotated

from tfspine.compat import StrEnum
from tfspine.config.ranges import AboveNone, BelowOne, Count, CountOrNone, NotNegative, OneOf, Positive, Range

RESNETS = (10, 18, 26, 34, 50, 101, 152, 200, 270, 300, 350, 420)
"""Depths that the Model Garden knows (official.vision.modeling.backbones.resnet, RESNET_SPECS)."""

CHECKPOINT_MODULES = ("backbone", "decoder", "rpn_head", "detection_head", "all")
"""Parts of a Faster R-CNN that a checkpoint may give, by the Model Garden's names."""

Steps = Annotated[int, Range(1, unit="steps")]


class Schedule(StrEnum):
    """Course of the detector's learning rate."""

    STEPWISE = "stepwise"
    COSINE = "cosine"


@dataclass(frozen=True)
class Anchors:
    """What the network looks at: the image's size, the pyramid's levels, and the anchors on them.

    A level L of the pyramid has a stride of 2^L pixels: levels 2 to 6 are strides of 4, 8, 16, 32 and 64.
    """

    image_size_px: Annotated[tuple[int, int], Range(16, 8192, unit="px")] = (600, 1024)
    """Rows and columns into which an image is fitted, its aspect kept; the rest is padded to the coarsest stride.

    A square slice becomes 600 x 600 at [600, 1024]. The authors' resizer takes a shorter and a longer side instead,
    which is the same for pictures as wide as high, or wider (docs/paper.md, The authors' own code).
    """

    backbone_depth: Annotated[int, OneOf(RESNETS)] = 101
    """Layers of the ResNet; the paper's is 101."""

    levels: Annotated[tuple[int, int], Range(2, 7)] = (2, 6)
    """Finest and coarsest level of the pyramid; a ResNet gives 2 to 5, the pyramid goes on."""

    anchor_size: Positive = 8.0
    """Side of an anchor, in strides of its level.

    8.0 at level 2, whose stride is 4 pixels, is an anchor of 32 pixels, and one of 64, 128, 256 and 512 pixels at
    levels 3 to 6. Structures of 15 to 40 pixels are found with 2.5 on levels 3 and up: 20, 40, 80 and 160 pixels.
    """

    aspect_ratios: Annotated[tuple[float, ...], Range(0, open_low=True)] = (0.5, 1.0, 2.0)
    """Width over height of the anchors: 0.5 is twice as high as wide."""


@dataclass(frozen=True)
class Heads:
    """From anchors to boxes: proposals, the second stage, and which boxes are given out."""

    proposals: Count = 300
    """Regions of an image that the first stage hands on (docs/paper.md, The authors' own code)."""

    proposal_nms_iou: AboveNone = 0.7
    """Intersection over union from which the weaker of two proposals is dropped."""

    sampled_regions: Count = 64
    """Regions of an image that train the second stage, drawn from its proposals and labelled boxes.

    64 is what the authors' configuration leaves at its default (TensorFlow Object Detection API, faster_rcnn.proto,
    second_stage_batch_size). TensorFlow refuses to draw more than there are: `contradictions.py` counts them.
    """

    head_convolutions: CountOrNone = 0
    """Convolutions of the second stage before its dense layers."""

    head_dense: CountOrNone = 2
    """Dense layers of the second stage (Lin 2017, Feature pyramid networks, section 4.2)."""

    final_nms_iou: AboveNone = 0.6
    """Intersection over union from which the less sure of two boxes of a class is dropped."""

    score_threshold: BelowOne = 0.5
    """Probability from which on a box is given out; an export may choose it (`evaluation.false_boxes_per_image`)."""

    maximum_detections: Count = 20
    """Boxes of an image that are given out at most."""


@dataclass(frozen=True)
class Optimization:
    """How the network is trained: where it begins, batches, learning rate, and what is kept of a run.

    A step is one update of the weights by one batch.
    """

    checkpoint: str = ""
    """What the network starts from: a TensorFlow checkpoint, or the folder of a run; empty trains from scratch."""

    checkpoint_modules: Annotated[tuple[str, ...], OneOf(CHECKPOINT_MODULES)] = ("backbone",)
    """Parts taken from the checkpoint, by the Model Garden's names; of a classifier there is only the backbone."""

    batch_size: Count = 1
    """Images of a step, over all devices, which share them evenly."""

    steps: Steps = 1_500_000
    """Length of the training."""

    schedule: Schedule = Schedule.STEPWISE
    """Course of the learning rate: a tenth after each of `learning_rate_drops`, or along half a cosine to 0."""

    learning_rate: Positive = 3e-4
    """Learning rate after the warm-up; lower it in proportion for smaller batches."""

    learning_rate_drops: Annotated[tuple[int, ...], Range(1, unit="steps")] = (900_000, 1_200_000)
    """Steps after which the stepwise schedule divides the rate by ten."""

    warmup_steps: Annotated[int, Range(0, unit="steps")] = 0
    """Steps over which the rate rises from a tenth of `learning_rate`."""

    momentum: BelowOne = 0.9
    """Share of the previous update in each update of stochastic gradient descent."""

    gradient_norm: Positive = 10.0
    """Euclidean norm of all gradients together, at which they are clipped."""

    weight_decay: NotNegative = 4e-5
    """Factor of the squared weights in the loss."""

    norm_momentum: BelowOne = 0.997
    """Share of the past in the running averages of batch normalisation; at 1 they would never move.

    0.997 needs some thousand steps; a run of a few hundred is better off with 0.9.
    """

    scale_range: Annotated[tuple[float, float], Range(0.1, 10)] = (1.0, 1.0)
    """Least and largest factor by which training images are resized at random: [0.8, 1.25]; [1.0, 1.0] leaves them."""

    shuffle_buffer: Count = 1000
    """Images in memory from which the next one is drawn."""

    steps_between_checkpoints: Steps = 10_000
    """How much work an interrupted training loses at most."""

    steps_between_summaries: Steps = 100
    """How often losses are written to the history."""


@dataclass(frozen=True)
class DetectorConfig(Optimization, Heads, Anchors):
    """`[detector]`: Faster R-CNN."""
