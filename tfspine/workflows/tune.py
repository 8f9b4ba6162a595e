"""A sweep of one grader's settings with Keras Tuner."""

from collections.abc import Mapping
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
        epochs: number of epochs of the best trial.
        validation_ac1: Gwet's AC1 on validation.
        file: the experiment with these settings.
    """

    settings: Mapping[str, Any]
    epochs: int
    validation_ac1: float
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
    from tfspine.training.sweep import BEST_FILE, sweep_grader

    region, experiment = options.region, options.experiment
    wanted = load_sweep(sweep, experiment)
    opened = open_records(records, plane=region.plane, experiment=experiment)
    open_run(
        out,
        trains={"kind": RunKind.SWEEP, "region": region, "tuner": as_dict(wanted.tuner), "space": wanted.space_table()},
        experiment=experiment,
        sections=("grader", "training"),
        records_folder=records,
    )
    found = sweep_grader(opened, region=region, experiment=experiment, sweep=wanted, out=out)
    if found is None:
        return None
    best, ac1 = found
    settings = {name: getattr(best.grader, name) for name in wanted.space}
    return BestSettings(settings, best.grader.epochs, ac1, out / BEST_FILE)
