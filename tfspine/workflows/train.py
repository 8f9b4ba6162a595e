"""Trains one detector or one grader in a run folder; continues an interrupted run and skips a complete one."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.config import Experiment, Strategy
from tfspine.labels import Plane, Region


@dataclass(frozen=True)
class DetectorOptions:
    """Which detector, and how it is trained: `[detector]`, `[training]` and `[overrides]` of the experiment."""

    plane: Plane
    experiment: Experiment = Experiment()


@dataclass(frozen=True)
class GraderOptions:
    """Which grader, and how it is trained: `[grader]` and `[training]` of the experiment."""

    region: Region
    experiment: Experiment = Experiment()


@dataclass(frozen=True)
class TrainedRun:
    """A run folder that is complete; `is_new` is False where it was complete before the call."""

    folder: Path
    is_new: bool


def train_detector(records: Path, out: Path, options: DetectorOptions) -> TrainedRun:
    """Train the detector of one plane, or continue an interrupted run; a bar on standard error counts the steps.

    Args:
        records: folder that `records` wrote.
        out: run folder.
        options: which detector, and its experiment.

    Raises:
        ConfigError: the devices do not exist, or a batch cannot be divided evenly among them.
        ModelError: `out` belongs to another training, the initial checkpoint is missing, or the loss diverged.
        RecordError: the records do not belong to this plane and experiment.
    """
    from tfspine.manifest import RunKind
    from tfspine.records.folder import open_records
    from tfspine.training.runs import DETECTOR_SECTIONS, RunState, hold_run, open_run
    from tfspine.training.tf_config import require_cluster

    experiment = options.experiment
    # The workers of one cluster train in one folder.
    is_shared = experiment.training.strategy is Strategy.MULTIWORKER
    if is_shared:
        require_cluster()
    opened = open_records(records, plane=options.plane, experiment=experiment)
    claim: dict[str, Any] = {
        "trains": {"kind": RunKind.DETECTOR, "plane": options.plane},
        "experiment": experiment,
        "sections": DETECTOR_SECTIONS,
        "records_folder": records,
    }
    with nullcontext(open_run(out, **claim)) if is_shared else hold_run(out, **claim) as state:
        if state is not RunState.COMPLETE:
            from tfspine.training import detector

            detector.train_detector(opened, plane=options.plane, experiment=experiment, run_folder=out)
    return TrainedRun(out, is_new=state is not RunState.COMPLETE)


def train_grader(records: Path, out: Path, options: GraderOptions) -> TrainedRun:
    """Train the grader of one region, or continue an interrupted run; a bar on standard error counts the steps.

    Args:
        records: folder that `records` wrote.
        out: run folder.
        options: which grader, and its experiment.

    Raises:
        ModelError: `out` belongs to another training, or the loss diverged.
        RecordError: the records do not belong to this plane and experiment, or a split has no graded box.
    """
    from tfspine.manifest import RunKind
    from tfspine.records.folder import open_records
    from tfspine.training.runs import GRADER_SECTIONS, RunState, hold_run

    region, experiment = options.region, options.experiment
    opened = open_records(records, plane=region.plane, experiment=experiment)
    with hold_run(
        out,
        trains={"kind": RunKind.GRADER, "region": region},
        experiment=experiment,
        sections=GRADER_SECTIONS,
        records_folder=records,
    ) as state:
        if state is not RunState.COMPLETE:
            from tfspine.training import grader

            grader.train_grader(opened, region=region, experiment=experiment, run_folder=out)
    return TrainedRun(out, is_new=state is not RunState.COMPLETE)
