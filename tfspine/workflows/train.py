"""Trains one detector or one grader in a run folder; continues an interrupted run and skips a complete one."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
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


@dataclass(frozen=True)
class DetectorPlan:
    """What a training of a detector would do.

    Attributes:
        checkpoint: name of the checkpoint from which it would continue, empty if it begins.
        workers: addresses of the processes that train together, the chief first; empty for one process.
        rank: the place of this process among them.
    """

    checkpoint: str
    workers: tuple[str, ...] = ()
    rank: int = 0


def plan_detector(records: Path, out: Path, options: DetectorOptions) -> DetectorPlan:
    """Check records, settings and cluster as `train_detector` does, and return what it would do; nothing is written.

    Raises:
        ConfigError: the cluster is not described.
        RecordError: as `train_detector`.
    """
    from tfspine.records.folder import open_records
    from tfspine.training.cluster import read_cluster
    from tfspine.training.runs import newest_checkpoint

    open_records(records, plane=options.plane, experiment=options.experiment)
    if options.experiment.training.strategy is not Strategy.MULTIWORKER:
        return DetectorPlan(newest_checkpoint(out))
    cluster = read_cluster()
    return DetectorPlan(newest_checkpoint(out), cluster.addresses, cluster.rank)


def train_detector(records: Path, out: Path, options: DetectorOptions) -> TrainedRun:
    """Train the detector of one plane, or continue an interrupted run; a bar on standard error counts the steps.

    Args:
        records: folder that `records` wrote.
        out: run folder.
        options: which detector, and its experiment.

    Raises:
        ConfigError: the devices do not exist, a batch cannot be divided evenly among them, or a worker of the cluster
            did not come in time.
        ModelError: `out` belongs to another training, the initial checkpoint is missing, or the loss diverged.
        RecordError: the records do not belong to this plane and experiment.
    """
    from tfspine.manifest import RunKind
    from tfspine.records.folder import open_records
    from tfspine.training.cluster import read_cluster
    from tfspine.training.runs import DETECTOR_SECTIONS, RunState, hold_run, open_run

    experiment = options.experiment
    # The workers of one cluster train in one folder.
    is_shared = experiment.training.strategy is Strategy.MULTIWORKER
    if is_shared:
        read_cluster()
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
            from tfspine.training.run_checkpoints import set_damaged_aside

            if not is_shared or read_cluster().is_chief:
                set_damaged_aside(out)
            with _peers(experiment, out):
                detector.train_detector(opened, plane=options.plane, experiment=experiment, run_folder=out)
    return TrainedRun(out, is_new=state is not RunState.COMPLETE)


def _peers(experiment: Experiment, out: Path) -> AbstractContextManager[None]:
    """Wait for the other workers of a cluster, if there is one, and end with them."""
    if experiment.training.strategy is not Strategy.MULTIWORKER:
        return nullcontext()
    from tfspine.training.cluster import read_cluster
    from tfspine.training.meeting import meeting
    from tfspine.training.runs import newest_checkpoint

    return meeting(
        read_cluster(),
        checkpoint=partial(newest_checkpoint, out),
        timeout_s=experiment.training.peer_timeout_s,
        go_on=f"start all workers again to continue from the newest checkpoint in {out}",
    )


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
