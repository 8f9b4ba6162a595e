"""Settings of the detector, a Faster R-CNN with a feature pyramid, in three parts: anchors, heads, optimization.

In files and in ``--set`` they form one flat section, `[detector]`; `DetectorConfig` has all settings as attributes, and
a function that needs one part takes only that part.
"""

from dataclasses import dataclass
from typing import Annotated

from tfspine.compat import StrEnum
from tfspine.config.ranges import AboveNone, BelowOne, Count, CountOrNone, NotNegative, OneOf, Positive, Range

RESNETS = (10, 18, 26, 34, 50, 101, 152, 200, 270, 300, 350, 420)
"""Depths that the Model Garden supports (official.vision.modeling.backbones.resnet, RESNET_SPECS)."""

CHECKPOINT_MODULES = ("backbone", "decoder", "rpn_head", "detection_head", "all")
"""Parts of a Faster R-CNN that can be initialised from a checkpoint, by the Model Garden's names."""

Steps = Annotated[int, Range(1, unit="steps")]


class Schedule(StrEnum):
    """Schedule of the detector's learning rate."""

    STEPWISE = "stepwise"
    COSINE = "cosine"


@dataclass(frozen=True)
class Anchors:
    """The input and the anchors: the image's size, the pyramid's levels, and the anchors on them.

    A level L of the pyramid has a stride of 2^L pixels: levels 2 to 6 are strides of 4, 8, 16, 32 and 64.
    """

    image_size_px: Annotated[tuple[int, int], Range(16, 8192, unit="px")] = (600, 1024)
    """The shorter side of a resized image, and the most that its longer side may have; the aspect ratio is kept.

    At [600, 1024] a square slice becomes 600 x 600, and 512 x 256 becomes 1024 x 512 (docs/paper.md, The authors' own
    code).
    """

    canvas_px: Annotated[tuple[int, int], Range(0, 8192, unit="px")] = (0, 0)
    """Rows and columns of the network's input, on which resized images lie; multiples of the coarsest stride.

    [0, 0] means the smallest that holds every image of the records once it is resized; a run keeps what was chosen, so
    that the exported detector has the same. An image of another shape that does not fit is shrunk until it does.
    """

    backbone_depth: Annotated[int, OneOf(RESNETS)] = 101
    """Layers of the ResNet; the paper's is 101."""

    levels: Annotated[tuple[int, int], Range(2, 7)] = (2, 6)
    """Finest and coarsest level of the pyramid; a ResNet provides levels 2 to 5, the pyramid adds coarser ones."""

    stride_in_1x1: bool = False
    """Whether stages 3 to 5 halve the size in the first 1x1 convolution instead of the 3x3 after it.

    False is the Model Garden's network; true is that of He 2016 (arXiv:1512.03385), whose weights Keras' applications
    and detectron2 have (`detector.checkpoint`).
    """

    anchor_size: Positive = 8.0
    """Side of an anchor, in strides of its level.

    8.0 at level 2, whose stride is 4 pixels, is an anchor of 32 pixels, and one of 64, 128, 256 and 512 pixels at
    levels 3 to 6. Structures of 15 to 40 pixels are found with 2.5 on levels 3 and up: 20, 40, 80 and 160 pixels.
    """

    aspect_ratios: Annotated[tuple[float, ...], Range(0, open_low=True)] = (0.5, 1.0, 2.0)
    """Width divided by height of the anchors: 0.5 is twice as high as wide."""


@dataclass(frozen=True)
class Heads:
    """From anchors to boxes: proposals, the second stage, and which boxes are returned."""

    proposals: Count = 300
    """Regions per image that the first stage proposes (docs/paper.md, The authors' own code)."""

    proposal_nms_iou: AboveNone = 0.7
    """Intersection over union above which the weaker of two proposals is dropped."""

    sampled_regions: Count = 64
    """Regions per image that train the second stage, sampled from its proposals and labelled boxes.

    64 is what the authors' configuration leaves at its default (TensorFlow Object Detection API, faster_rcnn.proto,
    second_stage_batch_size). TensorFlow refuses to sample more than exist; `contradictions.py` checks this.
    """

    head_convolutions: CountOrNone = 0
    """Convolutions of the second stage before its dense layers."""

    head_dense: CountOrNone = 2
    """Dense layers of the second stage (Lin 2017, Feature pyramid networks, section 4.2)."""

    final_nms_iou: AboveNone = 0.6
    """Intersection over union above which the less probable of two boxes of a class is dropped."""

    score_threshold: BelowOne = 0.5
    """Least probability of a returned box; an export may choose it (`evaluation.false_boxes_per_image`)."""

    maximum_detections: Count = 20
    """Largest number of boxes returned per image."""


class BatchNorm(StrEnum):
    """Moments by which batch normalisation scales activations in training.

    `DEVICE`: those of the images of one device; `SYNCHRONISED`: those of the whole batch over all devices, so that
    several devices compute what one does; `FROZEN`: the running ones of the initial checkpoint, which do not change.
    """

    DEVICE = "device"
    SYNCHRONISED = "synchronised"
    FROZEN = "frozen"


@dataclass(frozen=True)
class Optimization:
    """How the network is trained: initial weights, batches, learning rate, and what is kept of a run.

    A step is one update of the weights from one batch.
    """

    checkpoint: str = ""
    """Initial weights: a TensorFlow checkpoint, a run's folder, `.h5` or `.keras` of Keras, or detectron2's `.npz`.

    Empty trains from scratch. docs/training.md, Fine-tuning, says what is loaded of each.
    """

    checkpoint_modules: Annotated[tuple[str, ...], OneOf(CHECKPOINT_MODULES)] = ("backbone",)
    """Parts taken from the checkpoint, by the Model Garden's names; a classifier has only the backbone."""

    frozen_modules: Annotated[tuple[str, ...], OneOf(CHECKPOINT_MODULES[:-1])] = ()
    """Parts whose weights do not change, by the Model Garden's names; they begin to learn after `frozen_steps`."""

    frozen_steps: CountOrNone = 0
    """Steps for which `frozen_modules` do not change; 0 freezes them for good, and the moments of their normalisations.

    With a number of steps, running moments follow the images, unless `batch_norm` is frozen.
    """

    batch_size: Count = 1
    """Images per step in total; they are divided evenly among the devices."""

    steps: Steps = 1_500_000
    """Length of the training, in steps."""

    schedule: Schedule = Schedule.STEPWISE
    """Schedule of the learning rate: divided by ten after each of `learning_rate_drops`, or half a cosine to 0."""

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
    """Weight of the past in the running averages of batch normalisation; at 1 they would never change.

    0.997 needs some thousand steps; for a run of a few hundred, 0.9 is better.
    """

    batch_norm: BatchNorm = BatchNorm.DEVICE
    """Whose moments normalise activations in training; with few images a device, synchronise or freeze them."""

    accumulated_batches: Count = 1
    """Parts into which each device's share of a batch is divided, to need less memory; the gradient is of the whole."""

    scale_range: Annotated[tuple[float, float], Range(0.1, 10)] = (1.0, 1.0)
    """Least and largest factor of random resizing of training images: [0.8, 1.25]; [1.0, 1.0] turns it off."""

    shuffle_buffer: Count = 1000
    """Size of the shuffle buffer: images in memory from which the next one is drawn at random."""

    steps_between_checkpoints: Steps = 10_000
    """Steps between two checkpoints, which is the most that an interrupted training loses."""

    validation_images: CountOrNone = 200
    """Validation slices on which every checkpoint is measured, so that the best one is kept; 0 keeps the last."""

    steps_between_summaries: Steps = 100
    """Steps between two entries of the losses in the history."""


@dataclass(frozen=True)
class DetectorConfig(Optimization, Heads, Anchors):
    """`[detector]`: Faster R-CNN."""
