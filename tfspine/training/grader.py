"""Training one grader: one region, one network, the best weights by validation loss.

The run folder holds `grader.keras`, `history.csv` (one row per epoch), `validation.csv` (predictions of the best
weights for each validation crop) and `tensorboard/`; during training also `backup/` (`epochs.py`), from which an
interrupted run is resumed, with the order and augmentation of the epochs that are left.
"""

import logging
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfspine.config import DEVELOPMENT, Experiment, as_dict
from tfspine.errors import RecordError
from tfspine.evaluation.statistics.temperature import fit_temperature, is_at_limit
from tfspine.formats.history_csv import EPOCH, HISTORY_FILE, History, read_history, write_history
from tfspine.formats.validation_csv import ValidationRow, write_validation
from tfspine.labels import GRADES, Region
from tfspine.manifest import RunKind, write_manifest
from tfspine.models.batch_norm import with_fused_norms
from tfspine.models.devices import ONE_GPU
from tfspine.models.grader import GRADER_FILE, build_grader, load_grader
from tfspine.models.losses import make_loss
from tfspine.models.metrics import GwetAC1
from tfspine.outputs import write_bytes
from tfspine.progress import counted
from tfspine.records.folder import RecordFolder
from tfspine.records.pipelines import graded_batches, training_batches
from tfspine.training import runtime
from tfspine.training.callbacks import (
    EpochProgress,
    EpochRates,
    SeedEpochs,
    StopOnRequest,
    StopWhenDiverged,
    follow_schedule,
)
from tfspine.training.epochs import KeepEpochs, best_file, done_epochs, drop_damaged, restore_epoch
from tfspine.training.preemption import stop_requests
from tfspine.training.run_log import RunLog, open_run_log

_log = logging.getLogger(__name__)

TENSORBOARD_FOLDER = "tensorboard"
BACKUP_FOLDER = "backup"


def train_grader(
    records: RecordFolder,
    *,
    region: Region,
    experiment: Experiment,
    run_folder: Path,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Train the grader of `region`, or resume a run that was interrupted; write `grader.keras` and the manifest.

    Args:
        records: the records of the region's plane.
        region: the region to train a grader for.
        experiment: settings; the sections `[grader]` and `[training]` are used.
        run_folder: created if it is missing.
        details: additional entries for the manifest.

    Raises:
        RecordError: a split has no graded box of this region.
        ModelError: the loss diverged.
        StoppedError: the process was asked to end; the completed epochs are on disk.
    """
    experiment = runtime.prepare(experiment, gpus=ONE_GPU)
    run_folder.mkdir(parents=True, exist_ok=True)
    drop_damaged(run_folder / BACKUP_FOLDER)
    past = _take_up_history(run_folder)
    model = compile_grader(records, region=region, experiment=experiment)
    restore_epoch(model, run_folder / BACKUP_FOLDER)
    train, validation = datasets(records, region=region, experiment=experiment, first_epoch=len(past))
    epochs = experiment.grader.epochs
    steps = count_steps(records, region=region, experiment=experiment)
    title = f"{region} grader"
    with (
        counted(title, epochs * steps) as counter,
        open_run_log(run_folder, experiment) as log,
        stop_requests() as request,
    ):
        progress = EpochProgress(counter, title, epochs=epochs, steps_per_epoch=steps)
        model.fit(
            train,
            validation_data=validation,
            initial_epoch=len(past),
            epochs=epochs,
            steps_per_epoch=steps,
            shuffle=False,
            callbacks=[progress, StopOnRequest(request, run_folder), *_callbacks(experiment, past, log)],
            verbose=0,
        )
    write_bytes(run_folder / GRADER_FILE, best_file(run_folder / BACKUP_FOLDER).read_bytes())
    temperature = _calibrate(validation, run_folder)
    _write_run_manifest(
        records,
        region=region,
        experiment=experiment,
        run_folder=run_folder,
        details={"temperature": temperature, **(details or {})},
    )
    shutil.rmtree(run_folder / BACKUP_FOLDER)


def compile_grader(records: RecordFolder, *, region: Region, experiment: Experiment) -> keras.Sequential:
    """Return the network with Adam, the configured loss for the grades in training, and AC1.

    Raises:
        RecordError: there is no training crop, or none of a grade that the loss needs.
    """
    counts = records.grade_counts(region, "train")
    model = with_fused_norms(build_grader(experiment.grader))
    model.compile(
        optimizer=keras.optimizers.Adam(experiment.grader.learning_rate),
        loss=make_loss(experiment.grader.loss, counts),
        metrics=[GwetAC1()],
        # On two cores XLA made each epoch a third longer and took ten seconds to compile.
        jit_compile="auto" if tf.config.get_visible_devices("GPU") else False,
    )
    return model


def datasets(
    records: RecordFolder, *, region: Region, experiment: Experiment, first_epoch: int = 0
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Return the training batches of a region, without end from `first_epoch` on, and the validation batches.

    Raises:
        RecordError: one of the splits has no graded box of the region.
    """
    for split in DEVELOPMENT:
        if not sum(records.grade_counts(region, split).values()):
            raise RecordError(
                f'{records.folder}: no graded {region} in split "{split}"; label more patients or change [split]'
            )
    config = experiment.grader
    train = training_batches(records, region=region, config=config, seed=experiment.seed, first_epoch=first_epoch)
    return train, graded_batches(records, region=region, split="validation", config=config)


def count_steps(records: RecordFolder, *, region: Region, experiment: Experiment) -> int:
    """Return how many batches one epoch has."""
    return math.ceil(sum(records.grade_counts(region, "train").values()) / experiment.grader.batch_size)


def _callbacks(experiment: Experiment, past: History, log: RunLog) -> Sequence[keras.callbacks.Callback]:
    losses, run_folder = [row["val_loss"] for row in past], log.run_folder
    return [
        SeedEpochs(experiment.seed),
        StopWhenDiverged(),
        follow_schedule(experiment.grader, epochs=experiment.grader.epochs, past_losses=losses),
        keras.callbacks.CSVLogger(str(run_folder / HISTORY_FILE), append=True),
        EpochRates(log, batch_size=experiment.grader.batch_size),
        keras.callbacks.TensorBoard(str(run_folder / TENSORBOARD_FOLDER), write_graph=False),
        # Last, so that an epoch is marked as done only after all other callbacks have recorded it.
        KeepEpochs(run_folder / BACKUP_FOLDER, past_losses=losses),
    ]


def _take_up_history(run_folder: Path) -> History:
    """Keep the history of the completed epochs, and drop the rows of those that will be trained again.

    If rows of completed epochs are missing, the state is uncertain, and the training starts again from the beginning.
    """
    epochs = done_epochs(run_folder / BACKUP_FOLDER)
    past = [row for row in read_history(run_folder) if row[EPOCH] < epochs]
    if len(past) != epochs:
        past = []
    if not past:
        shutil.rmtree(run_folder / BACKUP_FOLDER, ignore_errors=True)
    write_history(run_folder, past)
    return past


def _calibrate(validation: tf.data.Dataset, run_folder: Path) -> float:
    """Write `validation.csv` with the predictions of the best weights, as they are served; return the temperature."""
    grader = load_grader(run_folder / GRADER_FILE)
    answers = [(grader(crops, training=False).numpy(), grades.numpy().argmax(-1)) for crops, grades in validation]
    probabilities, grades = (np.concatenate(part) for part in zip(*answers, strict=True))
    rows = zip(grades, probabilities.tolist(), strict=True)
    write_validation(run_folder, (ValidationRow(GRADES[grade], tuple(row)) for grade, row in rows))
    temperature = fit_temperature(probabilities, grades)
    if is_at_limit(temperature):
        _log.warning(
            "%s: temperature %.2f is at its limit: %d validation crops are too few, or all graded alike; "
            "do not export it with export.calibrate",
            run_folder,
            temperature,
            len(grades),
        )
    return temperature


def _write_run_manifest(
    records: RecordFolder, *, region: Region, experiment: Experiment, run_folder: Path, details: Mapping[str, Any]
) -> None:
    history = read_history(run_folder)
    best = min(history, key=lambda row: row["val_loss"])
    write_manifest(
        run_folder,
        command="train",
        config=as_dict(experiment),
        inputs=[records.folder],
        details={
            "kind": RunKind.GRADER,
            "region": region,
            "epochs": len(history),
            "best_epoch": int(best["epoch"]) + 1,
            "val_loss": best["val_loss"],
            "val_ac1": best["val_ac1"],
            "crops": {
                split: {grade.word: count for grade, count in records.grade_counts(region, split).items()}
                for split in DEVELOPMENT
            },
            **details,
        },
    )
