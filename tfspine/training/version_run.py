"""Training one of several versions of a grader, on its own division of the development patients."""

import contextlib
import fcntl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import keras

from tfspine.config import Experiment
from tfspine.errors import ModelError
from tfspine.labels import Region
from tfspine.records.folder import RecordFolder
from tfspine.records.refold import refold
from tfspine.training.grader import train_grader
from tfspine.training.runs import GRADER_SECTIONS, RunState, open_run
from tfspine.training.versions import Version, version_folder


def train_version(
    records: RecordFolder,
    *,
    region: Region,
    experiment: Experiment,
    version: Version,
    splits: Mapping[str, str],
    run_folder: Path,
) -> None:
    """Train one version, go on with it where it was interrupted, or leave it as it is where it is done.

    Args:
        records: of the region's plane, written once for all divisions.
        region: which grader.
        experiment: of all versions; the version has a seed of its own.
        version: which one.
        splits: the split of every study in the version's division.
        run_folder: of all versions.

    Raises:
        ModelError: another process trains it now, the folder belongs to another training, or the loss diverged.
        RecordError: the division does not fit the records, or leaves a split without a graded box of this region.
    """
    experiment = replace(experiment, seed=version.seed(experiment.seed))
    folder = version_folder(run_folder, version)
    with _held(folder):
        trains = {"kind": "grader", "region": str(region), "version": version.name}
        state = open_run(
            folder, trains=trains, experiment=experiment, sections=GRADER_SECTIONS, records_folder=records.folder
        )
        if state is RunState.COMPLETE:
            return
        keras.utils.clear_session()
        train_grader(
            refold(records, splits),
            region=region,
            experiment=experiment,
            run_folder=folder,
            details={"version": version.name, "split": version.split, "repeat": version.repeat},
        )


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a version's folder against other processes; the system lets go of it when this one ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"{folder}: another process trains this version; wait for it, or end it") from None
        yield
