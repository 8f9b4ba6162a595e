"""MLflow and Weights & Biases, each used where its own environment variables ask for it, and not otherwise.

What is sent: the name of the run folder, the settings, and the numbers of `progress.jsonl`; never an image or a path of
the records. A resumed run continues its record there (`trackers.json` has its number). A tracker that fails, for
example because its server is away, is logged once and left out: the training goes on.
"""

import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tfspine.outputs import write_text

_log = logging.getLogger(__name__)

TRACKERS_FILE = "trackers.json"

MLFLOW_VARIABLES = ("MLFLOW_TRACKING_URI",)

WANDB_VARIABLES = ("WANDB_API_KEY", "WANDB_PROJECT", "WANDB_MODE")

PROJECT = "tfspine"
"""Experiment or project where its own variable (MLFLOW_EXPERIMENT_NAME, WANDB_PROJECT) names none."""

Numbers = Mapping[str, float]

Log = Callable[[Numbers, int], None]
"""Records the numbers of one step or epoch."""


@contextmanager
def open_trackers(run_folder: Path, settings: Mapping[str, Any]) -> Iterator[Log]:
    """Open the trackers that the environment asks for, and yield the function that records numbers of one step.

    Args:
        run_folder: its name is that of the record.
        settings: of the experiment, as ``section.name``.
    """
    opened: dict[str, _Tracker] = {}
    for name, variables, kind in (("mlflow", MLFLOW_VARIABLES, _MLflow), ("wandb", WANDB_VARIABLES, _Wandb)):
        if any(os.environ.get(variable) for variable in variables):
            with _left_out_if_it_fails(name, opened):
                opened[name] = kind(run_folder, settings)

    def log(values: Numbers, step: int) -> None:
        for name in tuple(opened):
            with _left_out_if_it_fails(name, opened):
                opened[name].log(values, step)

    ended = "failed"
    try:
        yield log
        ended = "finished"
    finally:
        for name in tuple(opened):
            with _left_out_if_it_fails(name, opened):
                opened[name].close(ended)


class _Tracker(Protocol):
    def log(self, values: Numbers, step: int) -> None: ...

    def close(self, ended: str) -> None: ...


class _MLflow:
    """A run of MLflow (mlflow.org, Tracking API)."""

    def __init__(self, run_folder: Path, settings: Mapping[str, Any]) -> None:
        import mlflow

        self._mlflow = mlflow
        mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT)
        former = _numbers(run_folder).get("mlflow")
        run = mlflow.start_run(run_id=former, run_name=None if former else run_folder.name)
        if not former:
            mlflow.log_params(dict(settings))
            _remember(run_folder, "mlflow", run.info.run_id)

    def log(self, values: Numbers, step: int) -> None:
        self._mlflow.log_metrics(dict(values), step=step)

    def close(self, ended: str) -> None:
        self._mlflow.end_run(ended.upper())


class _Wandb:
    """A run of Weights & Biases (docs.wandb.ai, wandb.init)."""

    def __init__(self, run_folder: Path, settings: Mapping[str, Any]) -> None:
        import wandb

        number = _numbers(run_folder).get("wandb") or uuid.uuid4().hex
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            name=run_folder.name,
            id=number,
            resume="allow",
            dir=str(run_folder),
            config=dict(settings),
            # Neither the code, nor the machine, nor what is printed belongs to the record.
            settings=wandb.Settings(console="off", disable_git=True, disable_code=True, silent=True),
        )
        _remember(run_folder, "wandb", number)

    def log(self, values: Numbers, step: int) -> None:
        self._run.log(dict(values), step=step)

    def close(self, ended: str) -> None:
        self._run.finish(exit_code=0 if ended == "finished" else 1)


@contextmanager
def _left_out_if_it_fails(name: str, opened: dict[str, _Tracker]) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError:
        _log.warning('%s is asked for by the environment, but not installed: pip install "tfspine[track]"', name)
        opened.pop(name, None)
    except Exception as error:
        _log.warning("%s: %s; the training goes on without it", name, " ".join(str(error).split()))
        opened.pop(name, None)


def _numbers(run_folder: Path) -> dict[str, str]:
    """Return the number of the run in each tracker that has recorded it."""
    path = run_folder / TRACKERS_FILE
    numbers: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}
    return numbers


def _remember(run_folder: Path, name: str, number: str) -> None:
    write_text(run_folder / TRACKERS_FILE, json.dumps(_numbers(run_folder) | {name: number}, indent=2) + "\n")
