"""What each setting of an experiment may be, in one table; `experiment_file` looks at it when an experiment is read.

A key is `section.key`; of a list each item has to lie within. Switches and choices have no range: their type says it
all. What several settings forbid together stands in `contradictions.py`.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from tfspine.config import Experiment


@dataclasses.dataclass(frozen=True)
class Range:
    """Finite numbers from `low` to `high`; `open_low` and `open_high` leave the end itself out.

    `unit` is for the reader of a message: "px", "degrees", or nothing for a count or a share.
    """

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    unit: str = ""

    def holds(self, value: float) -> bool:
        """Whether a number lies within."""
        is_above = value > self.low if self.open_low else value >= self.low
        is_below = value < self.high if self.open_high else value <= self.high
        return math.isfinite(value) and is_above and is_below

    def __str__(self) -> str:
        return self._bounds() + (f" {self.unit}" if self.unit else "")

    def _bounds(self) -> str:
        if math.isinf(self.high):
            return f"more than {self.low:g}" if self.open_low else f"{self.low:g} or more"
        if self.open_low and self.open_high:
            return f"a share between {self.low:g} and {self.high:g}"
        if self.open_high:
            return f"{self.low:g} or more and less than {self.high:g}"
        return (
            f"more than {self.low:g} and at most {self.high:g}" if self.open_low else f"{self.low:g} to {self.high:g}"
        )


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Some values, and no other."""

    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return value in self.values

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


COUNT = Range(1)
COUNT_OR_NONE = Range(0)
POSITIVE = Range(0, open_low=True)
NOT_NEGATIVE = Range(0)
SHARE = Range(0, 1)
PROPER_SHARE = Range(0, 1, open_low=True, open_high=True)
BELOW_ONE = Range(0, 1, open_high=True)
ABOVE_NONE = Range(0, 1, open_low=True)

RESNETS = (10, 18, 26, 34, 50, 101, 152, 200, 270, 300, 350, 420)
"""Depths that the Model Garden knows (official.vision.modeling.backbones.resnet, RESNET_SPECS)."""

CHECKPOINT_MODULES = ("backbone", "decoder", "rpn_head", "detection_head", "all")
"""Parts of a Faster R-CNN that a checkpoint may give, by the Model Garden's names."""

RANGES: dict[str, Range | OneOf] = {
    "seed": Range(0, 2**32 - 1),  # what NumPy takes
    "phantom.studies": COUNT,
    "phantom.first_study": COUNT,
    "phantom.workers": COUNT,
    "phantom.matrix_px": Range(0, 4096, unit="px"),  # 0 is the vendor's own; `phantom.study` has the least
    "exclusions.age_years": Range(0, 150, unit="years"),
    "exclusions.metal_ml": Range(0, unit="ml"),
    "exclusions.scoliosis_deg": Range(0, 180, unit="degrees"),
    "exclusions.snr": NOT_NEGATIVE,
    "exclusions.ghosting": SHARE,
    "exclusions.edge_mm": Range(0, unit="mm"),
    "split.validation": BELOW_ONE,
    "split.test": BELOW_ONE,
    "records.shards": COUNT,
    "records.empty_slices": SHARE,
    "detector.image_size_px": Range(16, 8192, unit="px"),
    "detector.backbone_depth": OneOf(RESNETS),
    "detector.checkpoint_modules": OneOf(CHECKPOINT_MODULES),
    "detector.batch_size": COUNT,
    "detector.steps": COUNT,
    "detector.learning_rate": POSITIVE,
    "detector.learning_rate_drops": COUNT,
    "detector.warmup_steps": COUNT_OR_NONE,
    "detector.momentum": BELOW_ONE,
    "detector.gradient_norm": POSITIVE,
    "detector.weight_decay": NOT_NEGATIVE,
    "detector.norm_momentum": BELOW_ONE,  # at 1 the averages of batch normalisation would never move
    "detector.levels": Range(2, 7),  # strides of 4 to 128 pixels; a ResNet gives 2 to 5, the pyramid goes on
    "detector.anchor_size": POSITIVE,
    "detector.aspect_ratios": POSITIVE,
    "detector.sampled_regions": COUNT,
    "detector.proposals": COUNT,
    "detector.proposal_nms_iou": ABOVE_NONE,
    "detector.final_nms_iou": ABOVE_NONE,
    "detector.score_threshold": BELOW_ONE,
    "detector.maximum_detections": COUNT,
    "detector.head_convolutions": COUNT_OR_NONE,
    "detector.head_dense": COUNT_OR_NONE,
    "detector.scale_range": Range(0.1, 10),
    "detector.shuffle_buffer": COUNT,
    "detector.steps_between_checkpoints": COUNT,
    "detector.steps_between_summaries": COUNT,
    "grader.crop_size_px": Range(1, 2048, unit="px"),
    "grader.filters": COUNT,
    "grader.dense_units": COUNT,
    "grader.dropout": BELOW_ONE,
    "grader.norm_momentum": BELOW_ONE,
    "grader.batch_size": COUNT,
    "grader.epochs": COUNT,
    "grader.learning_rate": POSITIVE,
    "grader.patience_epochs": COUNT,
    "grader.learning_rate_factor": PROPER_SHARE,
    "grader.shear": SHARE,  # columns a row
    "grader.zoom": BELOW_ONE,
    "grader.rotation_deg": Range(0, 180, unit="degrees"),
    "grader.shift": SHARE,  # of the crop's extent
    "paper_study.external_studies": COUNT,
    "paper_study.workers": COUNT,
    "data.pacs_limit": COUNT_OR_NONE,
    "evaluation.iou": BELOW_ONE,
    "evaluation.confidence": PROPER_SHARE,
    "evaluation.margin": PROPER_SHARE,
    "evaluation.replicates": Range(2),
    "evaluation.bins": COUNT,
    "evaluation.false_boxes_per_image": NOT_NEGATIVE,
    "explain.steps": COUNT,
    "explain.batch_size": COUNT,
    "explain.regions": COUNT_OR_NONE,
}
"""`tests/test_ranges.py` holds it complete: a number in `config.py` that has no line here fails there."""


def out_of_range(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield the keys whose values lie outside their range, each with the value and what was expected."""
    for key, allowed in RANGES.items():
        value: Any = experiment
        for name in key.split("."):
            value = getattr(value, name)
        items = value if isinstance(value, tuple) else (value,)
        if not all(allowed.holds(item) for item in items):
            shown = list(value) if isinstance(value, tuple) else value
            yield key, f"{key} = {shown}; expected {allowed}"
