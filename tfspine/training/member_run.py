"""Training one of several members of a grader, on its own division of the development patients."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import keras

from tfspine.config import Experiment
from tfspine.labels import Region
from tfspine.manifest import RunKind
from tfspine.models.devices import ONE_GPU, use_gpus
from tfspine.records.folder import RecordFolder
from tfspine.records.refold import refold
from tfspine.training.grader import train_grader
from tfspine.training.members import Member, member_folder
from tfspine.training.runs import GRADER_SECTIONS, RunState, hold_run


def train_member(
    records: RecordFolder,
    *,
    region: Region,
    experiment: Experiment,
    member: Member,
    splits: Mapping[str, str],
    run_folder: Path,
) -> None:
    """Train one member, resume it if it was interrupted, or leave it unchanged if it is complete.

    Args:
        records: the records of the region's plane, written once for all divisions.
        region: the region to train a grader for.
        experiment: shared by all members; each member has its own seed.
        member: the member to train.
        splits: the split of every study in the member's division.
        run_folder: the folder of all members.

    Raises:
        ModelError: the folder belongs to another training, or the loss diverged.
        OutputError: another process is training this member.
        RecordError: the division does not fit the records, or leaves a split without a graded box of this region.
    """
    experiment = replace(experiment, seed=member.seed(experiment.seed))
    folder = member_folder(run_folder, member)
    with hold_run(
        folder,
        trains={"kind": RunKind.GRADER, "region": region, "member": member.name},
        experiment=experiment,
        sections=GRADER_SECTIONS,
        records_folder=records.folder,
    ) as state:
        if state is RunState.COMPLETE:
            return
        keras.utils.clear_session()
        # Refolding the records reads them with TensorFlow, which then fixes its choice of devices.
        use_gpus(ONE_GPU)
        train_grader(
            refold(records, splits),
            region=region,
            experiment=experiment,
            run_folder=folder,
            details={"member": member.name, "split": member.split, "repeat": member.repeat},
        )
