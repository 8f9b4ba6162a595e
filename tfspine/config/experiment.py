"""The whole experiment, and the settings that do not belong to a single stage."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

from tfspine.compat import StrEnum
from tfspine.config.data import DataConfig, ExclusionsConfig, PhantomConfig, RecordsConfig, SplitConfig
from tfspine.config.detector import DetectorConfig
from tfspine.config.evaluation import EvaluationConfig, ExplainConfig
from tfspine.config.grader import GraderConfig
from tfspine.config.ranges import Count, Range


class Precision(StrEnum):
    """Arithmetic of the networks in training; softmax, boxes and gradients of explanations stay float32.

    fp32 includes TF32 on NVIDIA GPUs since Ampere, unless `training.tf32` is off. `AUTO` is bf16 where the processor or
    GPU computes it natively, else fp16 on GPUs with tensor cores (V100, T4), else fp32.
    """

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    AUTO = "auto"


class Strategy(StrEnum):
    """How the detector's training is distributed over devices; graders are small and use one.

    `AUTO` uses one device, or, if there are several GPUs, mirrors the detector over as many as divide its batch evenly;
    `ONE` uses the first of the chosen GPUs, or the processor; `MIRRORED` uses all chosen GPUs of this machine;
    `MULTIWORKER` uses those of all machines that TF_CONFIG names.
    """

    AUTO = "auto"
    ONE = "one"
    MIRRORED = "mirrored"
    MULTIWORKER = "multiworker"


DEVICES_VARIABLE = "TFSPINE_DEVICES"
"""Environment variable that ``--devices`` sets, so that child processes inherit it."""


@dataclass(frozen=True)
class TrainingConfig:
    """`[training]`: arithmetic and devices."""

    precision: Precision = Precision.FP32
    """Arithmetic of the networks in training."""

    strategy: Strategy = Strategy.AUTO
    """How the detector's training is distributed over devices."""

    peer_timeout_s: Annotated[float, Range(1, unit="s")] = 600.0
    """How long a worker waits for the others of its cluster before the training begins."""

    tf32: bool = True
    """Whether float32 convolutions and matrix products round their inputs to TF32 (10 bits) on GPUs that have it."""

    deterministic: bool = False
    """Whether only deterministic operations are used: the same training twice gives the same weights, more slowly."""


class Take(StrEnum):
    """Which members of a grader are served: all, or the one with the smallest validation loss of each division."""

    ALL = "all"
    SELECTED = "selected"


@dataclass(frozen=True)
class ExportConfig:
    """`[export]`: what goes into the served graph."""

    calibrate: bool = False
    """Whether each grader's temperature, fitted on validation crops, divides its logits (Guo 2017, ICML)."""


@dataclass(frozen=True)
class PaperStudyConfig:
    """`[paper_study]`: further settings of ``tfspine paper-study``."""

    external_studies: Annotated[int, Range(1, unit="studies")] = 100
    """Number of patients of the second hospital."""

    members: str = "3x3"
    """Divisions x trainings of each grader: three divisions of the development patients, three trainings on each."""

    workers: Count = 1
    """How many of these trainings run at once."""


@dataclass(frozen=True)
class ServingConfig:
    """`[serving]`: what reads the studies of ``tfspine run`` if no model is trained; set one of the two."""

    server: str = ""
    """grpc://HOST:PORT or http://HOST:PORT of a TensorFlow Serving server."""

    model: str = ""
    """A folder that ``tfspine export`` wrote, relative to that of the experiment file."""


@dataclass(frozen=True)
class Experiment:
    """All settings of a run."""

    name: str = "paper"
    """Name of the experiment, which results are labelled with."""

    seed: Annotated[int, Range(0, 2**32 - 1)] = 1
    """Seed of all random numbers; NumPy accepts no larger one."""

    phantom: PhantomConfig = field(default_factory=PhantomConfig)
    exclusions: ExclusionsConfig = field(default_factory=ExclusionsConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    records: RecordsConfig = field(default_factory=RecordsConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    grader: GraderConfig = field(default_factory=GraderConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    paper_study: PaperStudyConfig = field(default_factory=PaperStudyConfig)
    data: DataConfig = field(default_factory=DataConfig)
    serving: ServingConfig = field(default_factory=ServingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    explain: ExplainConfig = field(default_factory=ExplainConfig)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the Model Garden's configuration, for experts: dotted, or as tables; see `dotted_overrides`."""

    @property
    def dotted_overrides(self) -> dict[str, Any]:
        """The overrides by dotted key, whether they were written with dots or as tables."""
        return dict(_dotted(self.overrides))


def _dotted(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def as_dict(config: Any) -> dict[str, Any]:
    """Return an experiment, or a section of one, as plain values for JSON and TOML."""
    return {item.name: _plain(getattr(config, item.name)) for item in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return as_dict(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value
