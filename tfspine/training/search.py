"""The search space of a sweep: read from TOML, and converted into an ordinary experiment for each trial.

A sweep file has ``[tuner]``, which sets the search method, and ``[space]``, which lists settings of the grader and
their possible values: ``{values = [...]}``, or ``{min =, max =}`` with Keras Tuner's ``sampling`` and ``step``.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import keras_tuner

from tfspine.compat import StrEnum
from tfspine.config import Experiment, GraderConfig, as_dict
from tfspine.config.ranges import Count, CountOrNone, Range, out_of_range
from tfspine.config.toml_text import toml_text
from tfspine.errors import ConfigError
from tfspine.experiment_file import build, experiment_from_table, read_toml, unknown_key

SECTION = "grader."
MAY_CHANGE = ("trials", "hours", "wait_s")
"""Settings of `[tuner]` that may change when a sweep goes on, because no trial depends on them."""


class TunerKind(StrEnum):
    """The search methods of Keras Tuner."""

    RANDOM = "random"
    HYPERBAND = "hyperband"
    BAYESIAN = "bayesian"
    GRID = "grid"


class Objective(StrEnum):
    """What the best trial is best in, of its best epoch on the validation patients."""

    AC1 = "val_ac1"
    LOSS = "val_loss"

    @property
    def direction(self) -> str:
        """Whether the largest or the smallest value is the best, in Keras Tuner's words."""
        return "max" if self is Objective.AC1 else "min"

    @property
    def words(self) -> str:
        """What it is called in messages."""
        return "validation AC1" if self is Objective.AC1 else "validation loss"


class Sampling(StrEnum):
    """How values are sampled from a range."""

    LINEAR = "linear"
    LOG = "log"
    REVERSE_LOG = "reverse_log"


@dataclass(frozen=True)
class TunerConfig:
    """`[tuner]`: how to search. Hyperband determines its number of trials from `epochs` and `factor`."""

    kind: TunerKind = TunerKind.HYPERBAND
    """The search method of Keras Tuner."""

    trials: Count = 20
    """Number of trials in a random search or Bayesian optimization; a finished sweep goes on with more of them."""

    hours: Annotated[float, Range(0, unit="hours")] = 0.0
    """No trial starts later than this, counted from each start of the command; 0: no limit."""

    objective: Objective = Objective.AC1
    """What is searched for: the largest AC1 or the smallest loss on validation. Losses compare only where all trials
    have the same `grader.loss`."""

    patience_epochs: Annotated[int, Range(0, unit="epochs")] = 0
    """A trial ends early after so many epochs without a better validation loss; 0: never."""

    wait_s: Annotated[float, Range(1, unit="seconds")] = 300.0
    """How long a worker waits for an answer of the chief, and the chief for a first worker, before it ends."""

    epochs: Annotated[int, Range(1, unit="epochs")] = 30
    """Epochs of a trial unless the space has `grader.epochs`; with Hyperband, epochs of the longest trials."""

    factor: Annotated[int, Range(2)] = 3
    """Hyperband continues one in this many trials after each round (Li 2018, JMLR 18:185, eta)."""

    seed: CountOrNone = 1
    """Seed of the random sequence of settings."""


@dataclass(frozen=True)
class Choice:
    """One of several values, each encoded as JSON, because Keras Tuner does not support lists."""

    encoded: tuple[str, ...]

    def table(self) -> dict[str, Any]:
        """Return the dimension as written in the file."""
        return {"values": [json.loads(item) for item in self.encoded]}


@dataclass(frozen=True)
class Interval:
    """Any value from `low` to `high`, both included; whole numbers if both limits are."""

    low: float
    high: float
    sampling: Sampling
    step: float | None

    def table(self) -> dict[str, Any]:
        """Return the dimension as written in the file, with defaults."""
        step = {} if self.step is None else {"step": self.step}
        return {"min": self.low, "max": self.high, "sampling": self.sampling.value} | step

    @property
    def is_whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Sweep:
    """A sweep file; the keys of `space` are names of grader settings, without their section."""

    source: str
    tuner: TunerConfig
    space: Mapping[str, Choice | Interval]

    def claim(self) -> dict[str, Any]:
        """Return what a folder of this sweep is claimed for: all but what may change when it goes on."""
        tuner = {name: value for name, value in as_dict(self.tuner).items() if name not in MAY_CHANGE}
        return {"tuner": tuner, "space": self.space_table()}

    def space_table(self) -> dict[str, dict[str, Any]]:
        """Return `[space]` as plain values, with the names of the file as keys."""
        return {SECTION + name: dimension.table() for name, dimension in self.space.items()}


def load_sweep(path: Path, base: Experiment) -> Sweep:
    """Read a sweep file and test both ends of every dimension on the base experiment.

    Raises:
        ConfigError: the file cannot be read, or names an unknown grader setting (with a suggestion).
    """
    table = read_toml(path, "sweep file")
    _refuse_unknown(table, ("tuner", "space"), source=str(path), prefix="")
    if not table.get("space"):
        raise ConfigError(f"{path}: [space] is empty; name at least one setting of the grader")
    sweep = Sweep(
        source=str(path),
        tuner=_tuner(table.get("tuner", {}), source=str(path)),
        space={_setting(name, str(path)): _dimension(name, value, str(path)) for name, value in table["space"].items()},
    )
    if "epochs" in sweep.space and sweep.tuner.kind is TunerKind.HYPERBAND:
        raise ConfigError(
            f"{path}: space.grader.epochs has no effect with Hyperband, which determines the epochs of each trial "
            "itself; use another tuner.kind, or remove it"
        )
    for name, dimension in sweep.space.items():
        for value in _ends(dimension):
            trial_experiment(base, {name: value}, source=str(path))
    return sweep


def draw_settings(hp: keras_tuner.HyperParameters, space: Mapping[str, Choice | Interval]) -> dict[str, Any]:
    """Declare every dimension to Keras Tuner and return the values of this trial, as TOML values."""
    values: dict[str, Any] = {}
    for name, dimension in space.items():
        if isinstance(dimension, Choice):
            values[name] = json.loads(hp.Choice(SECTION + name, list(dimension.encoded)))
        else:
            kind = hp.Int if dimension.is_whole else hp.Float
            values[name] = kind(
                SECTION + name,
                min_value=dimension.low,
                max_value=dimension.high,
                step=dimension.step,
                sampling=dimension.sampling,
            )
    return values


def trial_experiment(base: Experiment, values: Mapping[str, Any], *, source: str) -> Experiment:
    """Return the experiment with some settings of its grader replaced.

    Raises:
        ConfigError: a value is not valid for its setting.
    """
    table = as_dict(base)
    table["grader"] |= values
    return experiment_from_table(table, source=source)


def trial_epochs(hp: keras_tuner.HyperParameters, sweep: Sweep) -> int:
    """Return the epochs of a trial: those of its round in Hyperband, of the space, or of `[tuner]`."""
    return int(hp.values.get("tuner/epochs") or hp.values.get(f"{SECTION}epochs") or sweep.tuner.epochs)


def _tuner(table: Mapping[str, Any], *, source: str) -> TunerConfig:
    tuner = build(TunerConfig, table, source=source, prefix="tuner.")
    for _, message in out_of_range(tuner, "tuner."):
        raise ConfigError(f"{source}: {message}")
    return tuner


def _setting(name: str, source: str) -> str:
    known = [SECTION + item.name for item in fields(GraderConfig)]
    _refuse_unknown([name], known, source=source, prefix="space.")
    return name.removeprefix(SECTION)


def _dimension(name: str, value: Any, source: str) -> Choice | Interval:
    where = f"{source}: space.{name} = {toml_text(value)}"
    if not isinstance(value, dict) or not ("values" in value) ^ ("min" in value and "max" in value):
        raise ConfigError(f"{where}; expected {{values = [...]}} or {{min = ..., max = ...}}")
    if "values" in value:
        _refuse_unknown(value, ("values",), source=source, prefix=f"space.{name}.")
        if not isinstance(value["values"], list) or not value["values"]:
            raise ConfigError(f"{where}; expected a list of values")
        return Choice(tuple(json.dumps(item) for item in value["values"]))
    _refuse_unknown(value, ("min", "max", "sampling", "step"), source=source, prefix=f"space.{name}.")
    if value.get("sampling", "linear") not in list(Sampling):
        raise ConfigError(f"{where}: sampling; expected one of {', '.join(Sampling)}")
    dimension = Interval(value["min"], value["max"], Sampling(value.get("sampling", "linear")), value.get("step"))
    numbers = [item for item in (dimension.low, dimension.high, dimension.step) if item is not None]
    if any(type(item) not in (int, float) or not math.isfinite(item) for item in numbers):
        raise ConfigError(f"{where}; expected numbers")
    if dimension.low >= dimension.high or (dimension.sampling is not Sampling.LINEAR and dimension.low <= 0):
        raise ConfigError(f"{where}; expected min below max, and above 0 for {dimension.sampling} sampling")
    return dimension


def _ends(dimension: Choice | Interval) -> list[Any]:
    if isinstance(dimension, Choice):
        return [json.loads(item) for item in dimension.encoded]
    return [dimension.low, dimension.high]


def _refuse_unknown(given: Iterable[str], known: Sequence[str], *, source: str, prefix: str) -> None:
    for key in given:
        if key not in known:
            raise unknown_key(key, known, source=source, prefix=prefix)
