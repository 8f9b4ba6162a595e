"""Experiments: frozen dataclasses read from TOML, two levels deep, with dotted overrides.

The defaults are the paper's (PAPER.md, Model and The authors' own code); `experiments/*.toml` say what differs.
"""

import copy
import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

from tfspine.errors import ConfigError


class Precision(StrEnum):
    """Arithmetic of the networks in training; softmax, boxes and gradients of explanations stay float32.

    `AUTO` is bf16 where the processor computes it natively, else fp32.
    """

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    AUTO = "auto"


class Strategy(StrEnum):
    """How the detector is spread over devices; graders are small and use one."""

    ONE = "one"
    MIRRORED = "mirrored"
    MULTIWORKER = "multiworker"


class Schedule(StrEnum):
    """Course of the detector's learning rate."""

    STEPWISE = "stepwise"
    COSINE = "cosine"


class GraderLoss(StrEnum):
    """How rare grades are made to count: PAPER.md's weight by true grade and argmax, class weights, or not at all."""

    PUBLISHED = "published"
    CLASS_WEIGHTS = "class_weights"
    PLAIN = "plain"


@dataclass(frozen=True)
class PhantomConfig:
    """Simulated patients. `first_study` shifts the numbering, so that a cohort can be made in parts."""

    studies: int = 24
    first_study: int = 1
    workers: int = 1
    matrix_px: int = 256
    randomize: bool = False


@dataclass(frozen=True)
class SplitConfig:
    """Shares of the patients; the rest trains."""

    validation: float = 0.09
    test: float = 0.11


@dataclass(frozen=True)
class RecordsConfig:
    """TFRecord files: how many shards each plane and split is cut into.

    `empty_slices` is the share kept of the training slices without a box, which most sagittal slices are.
    """

    shards: int = 4
    empty_slices: float = 1.0


@dataclass(frozen=True)
class DetectorConfig:
    """Faster R-CNN. Sizes are (rows, columns) in pixels; schedules count optimizer steps of one batch."""

    image_size_px: tuple[int, int] = (600, 1024)
    backbone_depth: int = 101
    checkpoint: str = ""
    checkpoint_modules: tuple[str, ...] = ("backbone",)
    batch_size: int = 1
    steps: int = 1_500_000
    schedule: Schedule = Schedule.STEPWISE
    learning_rate: float = 3e-4
    learning_rate_drops: tuple[int, ...] = (900_000, 1_200_000)
    warmup_steps: int = 0
    momentum: float = 0.9
    gradient_norm: float = 10.0
    weight_decay: float = 4e-5
    norm_momentum: float = 0.997
    levels: tuple[int, int] = (2, 6)
    anchor_size: float = 8.0
    aspect_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    sampled_regions: int = 512
    proposals: int = 300
    proposal_nms_iou: float = 0.7
    final_nms_iou: float = 0.6
    score_threshold: float = 0.5
    maximum_detections: int = 20
    head_convolutions: int = 0
    head_dense: int = 2
    scale_range: tuple[float, float] = (1.0, 1.0)
    shuffle_buffer: int = 1000
    steps_between_checkpoints: int = 10_000
    steps_between_summaries: int = 100


@dataclass(frozen=True)
class GraderConfig:
    """The Keras Sequential grader: six convolution blocks, two dense layers, softmax over four grades."""

    crop_size_px: int = 150
    filters: tuple[int, ...] = (32, 64, 64, 64, 32, 32)
    dense_units: int = 512
    dropout: float = 0.2
    norm_momentum: float = 0.99
    loss: GraderLoss = GraderLoss.PUBLISHED
    batch_size: int = 128
    epochs: int = 100
    learning_rate: float = 1e-3
    patience_epochs: int = 10
    learning_rate_factor: float = 0.5
    shear: float = 0.1
    zoom: float = 0.1
    rotation_deg: float = 5.0
    shift: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """Arithmetic and devices."""

    precision: Precision = Precision.FP32
    strategy: Strategy = Strategy.ONE


@dataclass(frozen=True)
class EvaluationConfig:
    """`iou` is the overlap above which a box counts as found when grades are compared."""

    iou: float = 0.3
    confidence: float = 0.95


@dataclass(frozen=True)
class ExplainConfig:
    """Integrated Gradients; `regions` is how many crops of each region are explained."""

    steps: int = 240
    batch_size: int = 32
    regions: int = 8


@dataclass(frozen=True)
class Experiment:
    """Everything a run can be told. `overrides` are dotted Model Garden keys, for experts."""

    name: str = "paper"
    seed: int = 1
    phantom: PhantomConfig = field(default_factory=PhantomConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    records: RecordsConfig = field(default_factory=RecordsConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    grader: GraderConfig = field(default_factory=GraderConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    explain: ExplainConfig = field(default_factory=ExplainConfig)
    overrides: Mapping[str, Any] = field(default_factory=dict)


def load_experiment(path: Path | None, settings: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and apply ``section.key=value`` settings on top.

    Args:
        path: a TOML file, or None for the defaults.
        settings: overrides as given to ``--set``; values are TOML, and bare words are strings.

    Raises:
        ConfigError: the file cannot be read, a key is unknown (with a suggestion), or a value has the wrong type.
    """
    table: dict[str, Any] = _read_toml(path) if path else {}
    return experiment_from_table(table, settings, source=str(path) if path else "--set")


def experiment_from_table(table: dict[str, Any], settings: Sequence[str] = (), *, source: str) -> Experiment:
    """Return the experiment that a TOML or a manifest holds as plain values, with settings on top.

    Args:
        table: sections and keys; `as_dict` writes them back.
        settings: as in `load_experiment`.
        source: the file to name in an error.

    Raises:
        ConfigError: as in `load_experiment`.
    """
    table = copy.deepcopy(table)
    for setting in settings:
        dotted, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f'--set "{setting}": expected section.key=value')
        _place(table, dotted.strip(), _parse_value(text.strip()))
    experiment: Experiment = _build(Experiment, table, source, "")
    return experiment


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


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such experiment file; see experiments/") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable TOML file: {error}") from None


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _place(table: dict[str, Any], dotted: str, value: Any) -> None:
    """Put a value at ``section.key``; everything after ``overrides.`` is one Model Garden key."""
    section, dot, key = dotted.partition(".")
    if not dot:
        table[section] = value
        return
    inner = table.setdefault(section, {})
    if not isinstance(inner, dict):
        raise ConfigError(f'--set "{dotted}": {section} is a value, not a section')
    inner[key] = value


def _build(kind: type, table: Mapping[str, Any], source: str, prefix: str) -> Any:
    """Make the dataclass `kind` from a table, refusing what it does not know."""
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in table.items():
        name = prefix + key
        if key not in hints:
            raise ConfigError(f'{source}: unknown key "{name}"{_suggestion(key, hints, prefix)}')
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{source}: {name} = {value!r}; expected a section [{name}]")
            values[key] = _build(typing.cast(type, hints[key]), value, source, f"{name}.")
        else:
            values[key] = _convert(hints[key], value, f"{source}: {name} = {value!r}")
    return kind(**values)


def _suggestion(key: str, known: Mapping[str, Any], prefix: str) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f'; did you mean "{prefix}{close[0]}"?' if close else f"; expected one of {', '.join(known)}"


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Return `value` as the annotated type, or say what was expected."""
    if typing.get_origin(hint) is tuple:
        return _convert_tuple(typing.get_args(hint), value, where)
    if typing.get_origin(hint) is Mapping:
        if isinstance(value, Mapping):
            return types.MappingProxyType(dict(value))
        raise ConfigError(f"{where}; expected a table")
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            raise ConfigError(f"{where}; expected one of {', '.join(item.value for item in hint)}") from None
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{where}; expected {hint.__name__}")
    return value


def _convert_tuple(item_hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}; expected a list")
    if item_hints[-1] is Ellipsis:
        item_hints = item_hints[:1] * len(value)
    if len(value) != len(item_hints):
        raise ConfigError(f"{where}; expected {len(item_hints)} values")
    return tuple(_convert(hint, item, where) for hint, item in zip(item_hints, value, strict=True))
