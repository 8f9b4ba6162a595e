"""What has no workflow function yet, as a step: the command itself. The last of its kind, and to go."""

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tfspine.config import Experiment, as_dict
from tfspine.errors import TfspineError


@dataclass(frozen=True)
class Named:
    """A path under the name that a table shows, typed as NAME=PATH."""

    name: str
    path: Path

    def __str__(self) -> str:
        return f"{self.name}={self.path}"


Argument = str | Path | Named


def command(verb: str, *arguments: Argument, experiment: Experiment | None = None, workers: int = 0) -> "partial[None]":
    """Return a call of a command, for `steps.Step`.

    Args:
        verb: the command.
        arguments: its words.
        experiment: handed on where the command reads one.
        workers: handed on where it is not 0; how many work at once decides nothing.
    """
    return partial(run_command, verb, arguments, experiment=experiment, workers=workers)


def run_command(
    verb: str, arguments: tuple[Argument, ...], *, experiment: Experiment | None = None, workers: int = 0
) -> None:
    """Run a command in this process, which is one of its own.

    Raises:
        TfspineError: it did not end well.
    """
    words = words_of(verb, arguments, experiment=experiment, workers=workers)
    code = importlib.import_module("tfspine.cli.main").main(words)
    if code:
        raise TfspineError(f"tfspine {verb} ended with exit code {code}; its own message stands above")


def words_of(
    verb: str, arguments: tuple[Argument, ...], *, experiment: Experiment | None = None, workers: int = 0
) -> list[str]:
    """Return the command line of a call."""
    words = [verb, *map(str, arguments)]
    words += ["--workers", str(workers)] if workers else []
    return words + ([word for setting in _settings(experiment) for word in ("--set", setting)] if experiment else [])


def _settings(experiment: Experiment) -> Iterator[str]:
    """Yield all that an experiment says, as ``--set`` takes it."""
    for section, value in as_dict(experiment).items():
        if isinstance(value, Mapping):
            yield from (f"{section}.{key}={_toml(item)}" for key, item in value.items())
        else:
            yield f"{section}={_toml(value)}"


def _toml(value: Any) -> str:
    return json.dumps(value)
