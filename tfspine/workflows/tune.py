"""A sweep of one grader's settings with Keras Tuner."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.config import Experiment, as_dict
from tfspine.labels import Region


@dataclass(frozen=True)
class TuneOptions:
    """Which grader is searched, and the experiment that the search space overrides."""

    region: Region
    experiment: Experiment = Experiment()


@dataclass(frozen=True)
class BestSettings:
    """What a sweep found.

    Attributes:
        settings: the settings of `[grader]` that are in the search space.
        epochs: `grader.epochs` of its experiment, with which `train` would train it.
        objective: what was searched for, in words: "validation AC1" or "validation loss".
        score: its value.
        importance: the share of the scores' variance that each setting explains alone, the largest first; None where
            there are too few trials.
        file: the experiment with these settings.
    """

    settings: Mapping[str, Any]
    epochs: int
    objective: str
    score: float
    importance: Mapping[str, float | None]
    file: Path


def tune(sweep: Path, records: Path, out: Path, options: TuneOptions) -> BestSettings | None:
    """Search, or continue an interrupted search; None for a worker of a cluster, whose chief returns the result.

    Args:
        sweep: file with the search space, such as experiments/sweep_grader.toml.
        records: folder that `records` wrote.
        out: folder of the sweep.
        options: which grader, and its experiment.

    Raises:
        ConfigError: the search space is invalid.
        ModelError: `out` belongs to another sweep.
    """
    from tfspine.manifest import RunKind
    from tfspine.records.folder import open_records
    from tfspine.training.runs import open_run
    from tfspine.training.search import load_sweep
    from tfspine.training.sweep import sweep_grader
    from tfspine.training.sweep_results import BEST_FILE

    region, experiment = options.region, options.experiment
    wanted = load_sweep(sweep, experiment)
    opened = open_records(records, plane=region.plane, experiment=experiment)
    open_run(
        out,
        trains={"kind": RunKind.SWEEP, "region": region, **wanted.claim()},
        experiment=experiment,
        sections=("grader", "training"),
        records_folder=records,
    )
    found = sweep_grader(opened, region=region, experiment=experiment, sweep=wanted, out=out)
    if found is None:
        return None
    grader = found.experiment.grader
    return BestSettings(
        settings={name: getattr(grader, name) for name in wanted.space},
        epochs=grader.epochs,
        objective=wanted.tuner.objective.words,
        score=found.score,
        importance=found.importance,
        file=out / BEST_FILE,
    )


@dataclass(frozen=True)
class PlannedSweep:
    """What a sweep would do.

    Attributes:
        tuner: the settings of `[tuner]`, with defaults.
        space: the settings that are searched, each as the file may write it.
        first: the settings of the first trials.
    """

    tuner: Mapping[str, Any]
    space: Mapping[str, Any]
    first: Sequence[Mapping[str, Any]]


def plan_sweep(sweep: Path, experiment: Experiment, *, trials: int = 5) -> PlannedSweep:
    """Check a sweep file and draw its first trials without training; nothing is written.

    Raises:
        ConfigError: the search space is invalid.
    """
    from tfspine.training.oracles import first_trials
    from tfspine.training.search import load_sweep

    wanted = load_sweep(sweep, experiment)
    with tempfile.TemporaryDirectory(prefix="tfspine-tune-") as folder:
        first = first_trials(wanted, trials, folder=Path(folder))
    return PlannedSweep(as_dict(wanted.tuner), wanted.space_table(), first)
