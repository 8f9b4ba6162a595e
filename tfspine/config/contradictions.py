"""Settings that are valid individually and invalid in combination; `experiment_file` checks them when it reads them.

Each check yields the key to name and a message with the values, the reason and what to change. Nothing here needs
TensorFlow: the sizes of feature maps are calculated as the Model Garden and Keras do.
"""

import math
import re
from collections.abc import Iterator

from tfspine.config.detector import CHECKPOINT_MODULES, DetectorConfig
from tfspine.config.experiment import Experiment
from tfspine.config.grader import GraderConfig
from tfspine.config.toml_text import toml_text

GROUND_TRUTH_BOXES = 100
"""Labelled boxes per image that are added to the proposals in training, padded (Model Garden,
Parser.max_num_instances)."""

LEAST_BOTTLENECK_DEPTH = 50
"""From this depth on, a ResNet has blocks of 1x1, 3x3 and 1x1 convolutions (He 2016, table 1)."""

COARSEST_OF_RESNET = 5
"""The last ResNet stage has a stride of 32 pixels (He 2016, table 1); the pyramid must begin at it or before, and may
extend beyond it."""

KERNEL_PX = 3
POOL_PX = 2
SAME_PADDED_BLOCKS = 2
"""How many of the grader's last blocks keep the size before pooling, because the feature map is very small by then."""

DETECTRON2_RATIOS = (0.5, 1.0, 2.0)
"""Aspect ratios of the anchors of detectron2's networks (configs/Base-RCNN-FPN.yaml and config/defaults.py)."""

MEMBERS = re.compile(r"[1-9][0-9]?x[1-9][0-9]?")
"""Divisions x trainings, at most 99 of each."""

DATES = re.compile(r"[0-9]{8}(-([0-9]{8})?)?|-[0-9]{8}")
"""A DICOM date range: from, to, or both."""

Contradiction = tuple[str, str]
"""A key and a message."""


def contradictions(experiment: Experiment) -> Iterator[Contradiction]:
    """Yield a key and a message for each setting that contradicts another."""
    yield from _split(experiment)
    yield from _detector(experiment.detector)
    yield from _converted_weights(experiment.detector)
    yield from _regions(experiment)
    yield from vanishing(experiment.grader)
    members = experiment.paper_study.members
    if not MEMBERS.fullmatch(members):
        yield "paper_study.members", f'paper_study.members = {toml_text(members)}; expected, for example, "3x3"'
    if experiment.serving.server and experiment.serving.model:
        yield (
            "serving.model",
            f'serving.model = "{experiment.serving.model}" beside serving.server; expected one of them',
        )
    data = experiment.data
    if data.pacs_date and not DATES.fullmatch(data.pacs_date):
        yield (
            "data.pacs_date",
            (f'data.pacs_date = "{data.pacs_date}"; expected YYYYMMDD-YYYYMMDD, either end may be left out'),
        )
    if data.pacs and not data.pacs_date and not data.pacs_limit:
        yield (
            "data.pacs",
            f'data.pacs = "{data.pacs}": would fetch all of it; set data.pacs_date or data.pacs_limit',
        )
    if data.dicom and data.pacs:
        yield "data.pacs", f'data.pacs = "{data.pacs}" beside data.dicom; expected one of them'


def vanishing(grader: GraderConfig) -> Iterator[Contradiction]:
    """Calculate the grader's feature map sizes, 150 -> 74 -> 36 -> 17 -> 7 -> 3 -> 1, and report one that reaches 0."""
    size, blocks = grader.crop_size_px, len(grader.filters)
    if not blocks:
        yield "grader.filters", "grader.filters = []; expected one number per block, and at least one block"
    for block in range(blocks):
        size = (size - (0 if is_same_padded(grader, block) else KERNEL_PX - 1)) // POOL_PX
        if size < 1:
            yield (
                "grader.crop_size_px",
                f"grader.crop_size_px = {grader.crop_size_px}: nothing is left after block {block + 1} of "
                f"{blocks}; use larger crops or fewer grader.filters",
            )
            return


def is_same_padded(grader: GraderConfig, block: int) -> bool:
    """Whether a block, counted from 0, pads its input so that the convolution keeps the size."""
    return block >= len(grader.filters) - SAME_PADDED_BLOCKS


def available_regions(detector: DetectorConfig) -> int:
    """Return from how many regions of an image the second stage samples in training: proposals and labelled boxes.

    Small images may have fewer anchors than the requested number of proposals.
    """
    finest, coarsest = detector.levels
    # The canvas is a multiple of the coarsest stride, so that every level divides it; it holds a square image at least.
    shorter = min(detector.image_size_px)
    rows, columns = (math.ceil((size or shorter) / (1 << coarsest)) << coarsest for size in detector.canvas_px)
    anchors = [
        (rows >> level) * (columns >> level) * len(detector.aspect_ratios) for level in range(finest, coarsest + 1)
    ]
    return min(sum(min(count, detector.proposals) for count in anchors), detector.proposals) + GROUND_TRUTH_BOXES


def _split(experiment: Experiment) -> Iterator[Contradiction]:
    split = experiment.split
    if split.validation + split.test >= 1:
        yield (
            "split.validation",
            f"split.validation = {split.validation}, split.test = {split.test}; "
            "expected shares of at least 0 that leave some for training",
        )


def _detector(detector: DetectorConfig) -> Iterator[Contradiction]:
    if detector.levels[0] > detector.levels[1]:
        yield "detector.levels", f"detector.levels = {toml_text(detector.levels)}; expected [finest, coarsest]"
    if detector.levels[0] > COARSEST_OF_RESNET:
        yield (
            "detector.levels",
            f"detector.levels = {toml_text(detector.levels)}; expected a finest level of at most {COARSEST_OF_RESNET}, "
            "the coarsest of a ResNet, on which the pyramid is built",
        )
    if detector.stride_in_1x1 and detector.backbone_depth < LEAST_BOTTLENECK_DEPTH:
        yield (
            "detector.stride_in_1x1",
            f"detector.stride_in_1x1 = true: a ResNet of {detector.backbone_depth} layers has no 1x1 convolutions; "
            f"expected detector.backbone_depth of {LEAST_BOTTLENECK_DEPTH} or more",
        )
    if detector.image_size_px[0] > detector.image_size_px[1]:
        yield (
            "detector.image_size_px",
            f"detector.image_size_px = {toml_text(detector.image_size_px)}; expected [shorter side, longer side]",
        )
    if (detector.canvas_px[0] == 0) != (detector.canvas_px[1] == 0):
        yield (
            "detector.canvas_px",
            f"detector.canvas_px = {toml_text(detector.canvas_px)}; expected rows and columns, or [0, 0] to choose "
            "them by the records",
        )
    if detector.scale_range[0] > detector.scale_range[1]:
        yield (
            "detector.scale_range",
            f"detector.scale_range = {toml_text(detector.scale_range)}; expected [least, largest]",
        )
    if not detector.aspect_ratios:
        yield "detector.aspect_ratios", "detector.aspect_ratios = []; expected one or more, for example [0.5, 1.0, 2.0]"
    drops = detector.learning_rate_drops
    if list(drops) != sorted(set(drops)):
        yield (
            "detector.learning_rate_drops",
            f"detector.learning_rate_drops = {toml_text(drops)}; expected increasing steps",
        )
    smallest = detector.anchor_size * 2 ** detector.levels[0]
    if smallest > min(detector.image_size_px):
        yield (
            "detector.anchor_size",
            f"detector.anchor_size = {detector.anchor_size:g}: the smallest anchor, {smallest:g} px (anchor_size times "
            f"the stride {2 ** detector.levels[0]} of detector.levels), is larger than the image of "
            f"{min(detector.image_size_px)} px; lower it, or raise detector.image_size_px",
        )
    if detector.checkpoint and not detector.checkpoint_modules:
        yield (
            "detector.checkpoint_modules",
            f'detector.checkpoint_modules = []: nothing of detector.checkpoint = "{detector.checkpoint}" would be '
            'loaded; name modules, for example ["backbone", "decoder"]',
        )


def _converted_weights(detector: DetectorConfig) -> Iterator[Contradiction]:
    """Weights of Keras and detectron2 fit only networks that compute as theirs do (models.foreign_weights)."""
    is_whole_detector = detector.checkpoint.endswith(".npz")
    if not is_whole_detector and not detector.checkpoint.endswith((".h5", ".keras")):
        return
    beside = f'beside detector.checkpoint = "{detector.checkpoint}"'
    modules = CHECKPOINT_MODULES if "all" in detector.checkpoint_modules else detector.checkpoint_modules
    if "backbone" in modules and not detector.stride_in_1x1:
        yield (
            "detector.stride_in_1x1",
            f"detector.stride_in_1x1 = false {beside}: its network halves the size in 1x1 convolutions; expected "
            "detector.stride_in_1x1 = true",
        )
    if is_whole_detector and "rpn_head" in modules and detector.aspect_ratios != DETECTRON2_RATIOS:
        yield (
            "detector.aspect_ratios",
            f"detector.aspect_ratios = {toml_text(detector.aspect_ratios)} {beside}: its rpn_head is of other anchors; "
            f"expected {toml_text(DETECTRON2_RATIOS)}, or no rpn_head in detector.checkpoint_modules",
        )
    if is_whole_detector and "detection_head" in modules and detector.head_convolutions:
        yield (
            "detector.head_convolutions",
            f"detector.head_convolutions = {detector.head_convolutions} {beside}: its detection_head has none; "
            "expected 0, or no detection_head in detector.checkpoint_modules",
        )


def _regions(experiment: Experiment) -> Iterator[Contradiction]:
    """The second stage samples from the available regions, and TensorFlow refuses to sample more than there are."""
    # With overrides of the region generation this count may not hold, so the check is left to the user.
    changed = ("task.model.roi_", "task.model.anchor", "task.train_data.parser.max_num_instances")
    detector = experiment.detector
    if any(key.startswith(changed) for key in experiment.dotted_overrides) or not detector.aspect_ratios:
        return
    there = available_regions(detector)
    if detector.sampled_regions > there:
        yield (
            "detector.sampled_regions",
            f"detector.sampled_regions = {detector.sampled_regions}: an image has at most {there} to draw from, "
            f"{there - GROUND_TRUTH_BOXES} proposals (detector.proposals = {detector.proposals}) and "
            f"{GROUND_TRUTH_BOXES} labelled boxes; lower it, or raise detector.proposals",
        )
