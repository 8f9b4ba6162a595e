"""A Keras Tuner sweep of one grader; each trial trains the ordinary network, measured on the validation patients.

An interrupted sweep is resumed: finished trials are kept, and the trial in progress continues from its last epoch.
Chief and workers find each other through Keras Tuner's own KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and
KERASTUNER_ORACLE_PORT; all use the same output folder, and the chief writes the result.
"""

import contextlib
import sys
from pathlib import Path

import keras
import keras_tuner
from keras_tuner.errors import FatalRuntimeError

from tfspine.config import Experiment
from tfspine.errors import ModelError
from tfspine.labels import Region
from tfspine.models.devices import ONE_GPU
from tfspine.outputs import held, write_text
from tfspine.records.folder import RecordFolder
from tfspine.training import runtime
from tfspine.training.grader import TENSORBOARD_FOLDER, datasets
from tfspine.training.oracles import TRIAL_FILE, KeptOracle, make_oracle
from tfspine.training.search import Sweep
from tfspine.training.sweep_results import TUNER_FOLDER, SweepResult, write_results
from tfspine.training.sweep_trials import GraderTrials, Tuner
from tfspine.training.sweep_workers import (
    Role,
    hold_worker,
    is_worker_alive,
    limit_questions,
    role_from_environment,
    serve_trials,
    take_gpu,
)


def sweep_grader(
    records: RecordFolder, *, region: Region, experiment: Experiment, sweep: Sweep, out: Path
) -> SweepResult | None:
    """Search, and write `best.toml`, `trials.csv` and the manifest into `out`; return the best trial.

    A worker of a distributed sweep writes nothing, because the chief does, and returns None.

    Raises:
        ModelError: no trial succeeded (the error includes the message of the last one), the disk is full, or chief and
            workers lost each other.
        OutputError: another process works on the sweep, or has this worker's name.
        RecordError: as `train_grader`.
    """
    role = role_from_environment()
    with hold_worker(out, role.name) if role.is_worker else held(out):
        # Before the records are read, which makes TensorFlow initialise its devices.
        take_gpu(role)
        runtime.prepare(experiment, gpus=ONE_GPU)
        datasets(records, region=region, experiment=experiment)
        oracle = make_oracle(sweep)
        tuner = _make_tuner(GraderTrials(records, region, experiment, sweep), oracle, role, out)
        _search(tuner, oracle, role, wait_s=sweep.tuner.wait_s, out=out)
        if role.is_worker:
            return None
        return write_results(oracle, records, region=region, experiment=experiment, sweep=sweep, out=out)


def _make_tuner(trials: GraderTrials, oracle: KeptOracle, role: Role, out: Path) -> keras_tuner.Tuner:
    folder = out.resolve() / TUNER_FOLDER
    # Keras Tuner reads the trials only if this file exists, which it first writes when a trial has ended.
    marker = folder / f"{role.name}.json"
    if not role.is_worker and any(folder.glob(f"trial_*/{TRIAL_FILE}")):
        write_text(marker, "{}")
    else:
        marker.unlink(missing_ok=True)
    if role.is_chief:
        oracle.is_alive = lambda name: is_worker_alive(out, name)
    with contextlib.redirect_stdout(sys.stderr):
        return Tuner(oracle, hypermodel=trials, directory=str(out.resolve()), project_name=TUNER_FOLDER)


def _search(tuner: keras_tuner.Tuner, oracle: KeptOracle, role: Role, *, wait_s: float, out: Path) -> None:
    # Keras Tuner prints its progress to standard output, which is reserved for results.
    with contextlib.redirect_stdout(sys.stderr):
        if role.is_chief:
            tuner.save()
            serve_trials(oracle, role, wait_s=wait_s)
            return
        # Keras Tuner gives each trial a folder of its own below this one, and adds its settings (HParams).
        board = keras.callbacks.TensorBoard(str(out / TENSORBOARD_FOLDER), write_graph=False)
        limit_questions(tuner, role, wait_s=wait_s)
        try:
            tuner.search(verbose=0, callbacks=[board])
        except FatalRuntimeError as error:
            raise ModelError(str(error)) from error
