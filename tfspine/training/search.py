"""The search space of a sweep: read from TOML, and turned into the ordinary experiment of each trial.

A sweep file has ``[tuner]``, which says how to search, and ``[space]``, which names settings of the grader and what
they may be: ``{values = [...]}``, or ``{min =, max =}`` with ``sampling`` and ``step`` as Keras Tuner knows them.
"""

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import keras_tuner

from tfspine.compat import StrEnum, tomllib
from tfspine.config import Experiment, GraderConfig, as_dict
from tfspine.errors import ConfigError
from tfspine.experiment_file import experiment_from_table

SECTION = "grader."


class TunerKind(StrEnum):
    """Keras Tuner's ways to search."""

    RANDOM = "random"
    HYPERBAND = "hyperband"
    BAYESIAN = "bayesian"


class Sampling(StrEnum):
    """How a range is drawn from."""

    LINEAR = "linear"
    LOG = "log"
    REVERSE_LOG = "reverse_log"


@dataclass(frozen=True)
class TunerConfig:
    """How to search. Hyperband decides on its number of trials itself, from `epochs` and `factor`."""

    kind: TunerKind = TunerKind.HYPERBAND
    trials: int = 20
    epochs: int = 30
    factor: int = 3
    seed: int = 1


@dataclass(frozen=True)
class Choice:
    """One of several values, each as JSON: Keras Tuner knows no lists."""

    encoded: tuple[str, ...]


@dataclass(frozen=True)
class Range:
    """Any value from `low` to `high`, both included; whole numbers where both are."""

    low: float
    high: float
    sampling: Sampling
    step: float | None

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Sweep:
    """A sweep file; `space` goes by the name of the grader's setting, without its section."""

    source: str
    tuner: TunerConfig
    space: Mapping[str, Choice | Range]


def load_sweep(path: Path, base: Experiment) -> Sweep:
    """Read a sweep file and try both ends of every dimension on the experiment it starts from.

    Raises:
        ConfigError: the file cannot be read, or names something that no grader has, with a suggestion.
    """
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable sweep file: {error}; see experiments/sweep_grader.toml") from None
    _refuse_unknown(table, ("tuner", "space"), source=str(path), prefix="")
    if not table.get("space"):
        raise ConfigError(f"{path}: [space] is empty; name at least one setting of the grader")
    sweep = Sweep(
        source=str(path),
        tuner=_tuner(table.get("tuner", {}), source=str(path)),
        space={_setting(name, str(path)): _dimension(name, value, str(path)) for name, value in table["space"].items()},
    )
    for name, dimension in sweep.space.items():
        for value in _ends(dimension):
            trial_experiment(base, {name: value}, source=str(path))
    return sweep


def draw(hp: keras_tuner.HyperParameters, space: Mapping[str, Choice | Range]) -> dict[str, Any]:
    """Declare every dimension to Keras Tuner and return the values of this trial, as TOML would hold them."""
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
    """Return the experiment with settings of its grader replaced.

    Raises:
        ConfigError: a value that the setting cannot take.
    """
    table = as_dict(base)
    table["grader"] |= values
    return experiment_from_table(table, source=source)


def _tuner(table: Mapping[str, Any], *, source: str) -> TunerConfig:
    _refuse_unknown(table, tuple(item.name for item in fields(TunerConfig)), source=source, prefix="tuner.")
    try:
        values = dict(table) | {"kind": TunerKind(table.get("kind", TunerKind.HYPERBAND))}
    except ValueError:
        raise ConfigError(f"{source}: tuner.kind = {table['kind']!r}; expected one of {', '.join(TunerKind)}") from None
    for name, value in values.items():
        if name != "kind" and (type(value) is not int or value < 1):
            raise ConfigError(f"{source}: tuner.{name} = {value!r}; expected a whole number above 0")
    return TunerConfig(**values)


def _setting(name: str, source: str) -> str:
    known = [SECTION + item.name for item in fields(GraderConfig)]
    _refuse_unknown([name], known, source=source, prefix="space.")
    return name.removeprefix(SECTION)


def _dimension(name: str, value: Any, source: str) -> Choice | Range:
    where = f"{source}: space.{name} = {value!r}"
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
    dimension = Range(value["min"], value["max"], Sampling(value.get("sampling", "linear")), value.get("step"))
    numbers = [item for item in (dimension.low, dimension.high, dimension.step) if item is not None]
    if any(type(item) not in (int, float) or not math.isfinite(item) for item in numbers):
        raise ConfigError(f"{where}; expected numbers")
    if dimension.low >= dimension.high or (dimension.sampling is not Sampling.LINEAR and dimension.low <= 0):
        raise ConfigError(f"{where}; expected min below max, and above 0 for {dimension.sampling} sampling")
    return dimension


def _ends(dimension: Choice | Range) -> list[Any]:
    if isinstance(dimension, Choice):
        return [json.loads(item) for item in dimension.encoded]
    return [dimension.low, dimension.high]


def _refuse_unknown(given: Any, known: Any, *, source: str, prefix: str) -> None:
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f'did you mean "{prefix}{close[0]}"?' if close else f"expected one of {', '.join(known)}"
            raise ConfigError(f'{source}: unknown key "{prefix}{key}"; {hint}')
