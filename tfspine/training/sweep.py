"""A Keras Tuner sweep of one grader; each trial trains the ordinary network, the objective is validation AC1.

An interrupted sweep is resumed: finished trials are kept, and the trial in progress continues from its last epoch.
Chief and workers find each other through Keras Tuner's own KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and
KERASTUNER_ORACLE_PORT; all use the same output folder, and the chief writes the result.
"""

import contextlib
import logging
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow as tf
import tomli_w
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError, FatalError

import tfspine
from tfspine.config import Experiment, as_dict
from tfspine.errors import ModelError
from tfspine.formats.csv_rows import csv_text
from tfspine.labels import Region
from tfspine.manifest import RunKind, write_manifest
from tfspine.models.devices import ONE_GPU
from tfspine.outputs import held, write_text
from tfspine.progress import counted
from tfspine.records.folder import RecordFolder
from tfspine.training import runtime
from tfspine.training.callbacks import EpochProgress, StopWhenDiverged, follow_schedule
from tfspine.training.grader import compile_grader, count_steps, datasets
from tfspine.training.oracles import ORACLE_FILE, KeptOracle, make_oracle
from tfspine.training.search import Objective, Sweep, TunerConfig, draw_settings, trial_experiment
from tfspine.training.sweep_workers import (
    Role,
    asking_chief,
    is_worker_alive,
    role_from_environment,
    serve_trials,
    worker_folder,
)

logger = logging.getLogger(__name__)

TUNER_FOLDER = "tuner"
BEST_FILE = "best.toml"
TRIALS_FILE = "trials.csv"
MESSAGE_FILE = "message.txt"
LARGEST_LOSS = 1e4
"""A larger loss is a failed training: guessing has 1.4, and weights of rare grades multiply it by less than 100."""


def sweep_grader(
    records: RecordFolder, *, region: Region, experiment: Experiment, sweep: Sweep, out: Path
) -> tuple[Experiment, float] | None:
    """Search, and write `best.toml`, `trials.csv` and the manifest into `out`; return the best trial and its score.

    A worker of a distributed sweep writes nothing, because the chief does, and returns None.

    Raises:
        ModelError: no trial succeeded (the error includes the message of the last one), or chief and workers lost
            each other.
        OutputError: another process works on the sweep, or has this worker's name.
        RecordError: as `train_grader`.
    """
    role = role_from_environment()
    with held(worker_folder(out, role.name) if role.is_worker else out):
        # Before the records are read, which makes TensorFlow initialise its devices.
        runtime.prepare(experiment, gpus=ONE_GPU)
        datasets(records, region=region, experiment=experiment)
        oracle = make_oracle(sweep)
        tuner = _make_tuner(_GraderTrials(records, region, experiment, sweep), oracle, role, out)
        _search(tuner, oracle, role, wait_s=sweep.tuner.wait_s)
        if role.is_worker:
            return None
        return _write_results(oracle, records, region=region, experiment=experiment, sweep=sweep, out=out)


def _search(tuner: keras_tuner.Tuner, oracle: KeptOracle, role: Role, *, wait_s: float) -> None:
    # Keras Tuner prints its progress to standard output, which is reserved for results.
    with contextlib.redirect_stdout(sys.stderr):
        if role.is_chief:
            tuner.save()
            serve_trials(oracle, role, wait_s=wait_s)
        else:
            with asking_chief(tuner, role, wait_s=wait_s):
                tuner.search(verbose=0)


def _write_results(
    oracle: KeptOracle, records: RecordFolder, *, region: Region, experiment: Experiment, sweep: Sweep, out: Path
) -> tuple[Experiment, float]:
    objective = sweep.tuner.objective
    trials = sorted(oracle.trials.values(), key=lambda trial: (len(trial.trial_id), trial.trial_id))
    messages = {trial.trial_id: _message(trial, out) for trial in trials}
    write_text(out / TRIALS_FILE, _trials_table(trials, messages, objective))
    done = [trial for trial in trials if trial.status == TrialStatus.COMPLETED]
    if not done:
        last = next((text for text in reversed(messages.values()) if text), "no trial left a message")
        raise ModelError(f"{out}: 0 of {len(trials)} trials ended well; {last}")
    best = (max if objective.direction == "max" else min)(done, key=lambda trial: trial.score)
    chosen = trial_experiment(experiment, draw_settings(best.hyperparameters, sweep.space), source=sweep.source)
    write_text(out / BEST_FILE, _best_toml(chosen, best, len(done), sweep=sweep, records=records))
    write_manifest(
        out,
        command="tune",
        config=as_dict(experiment),
        inputs=[records.folder, Path(sweep.source)],
        details={
            "kind": RunKind.SWEEP,
            "region": region,
            "trials": len(trials),
            "completed": len(done),
            objective.value: best.score,
        },
    )
    return chosen, float(best.score)


class _GraderTrials(keras_tuner.HyperModel):
    """Builds and fits the grader of one trial."""

    def __init__(self, records: RecordFolder, region: Region, base: Experiment, sweep: Sweep) -> None:
        super().__init__(name="grader")
        self._records, self._region, self._base, self._sweep = records, region, base, sweep

    def experiment(self, hp: keras_tuner.HyperParameters) -> Experiment:
        return trial_experiment(self._base, draw_settings(hp, self._sweep.space), source=self._sweep.source)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Sequential:
        experiment = self.experiment(hp)
        # Keras Tuner clears the session between trials, which also resets the precision.
        experiment = runtime.prepare(experiment, gpus=ONE_GPU)
        return compile_grader(self._records, region=self._region, experiment=experiment)

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Sequential,
        *,
        trial_id: str,
        backup_folder: Path,
        callbacks: list[keras.callbacks.Callback],
        verbose: int,
        epochs: int | None = None,
        initial_epoch: int = 0,
    ) -> keras.callbacks.History:
        """Fit one trial; Hyperband passes `epochs` and `initial_epoch` to select the part of the training to run."""
        experiment = self.experiment(hp)
        train, validation = datasets(self._records, region=self._region, experiment=experiment)
        tuner = self._sweep.tuner
        epochs = epochs or (experiment.grader.epochs if "epochs" in self._sweep.space else tuner.epochs)
        steps = count_steps(self._records, region=self._region, experiment=experiment)
        title = f"trial {trial_id}"
        with counted(title, epochs * steps) as counter:
            history = model.fit(
                train,
                validation_data=validation,
                epochs=epochs,
                initial_epoch=initial_epoch,
                callbacks=[
                    *callbacks,
                    StopWhenDiverged(),
                    follow_schedule(experiment.grader, epochs=epochs),
                    keras.callbacks.BackupAndRestore(str(backup_folder), double_checkpoint=True),
                    EpochProgress(counter, title, epochs=epochs, steps_per_epoch=steps),
                    *_early_stopping(tuner),
                ],
                shuffle=False,
                verbose=verbose,
            )
        _require_sane(history)
        return history


def _early_stopping(tuner: TunerConfig) -> list[keras.callbacks.Callback]:
    if not tuner.patience_epochs:
        return []
    return [keras.callbacks.EarlyStopping("val_loss", mode="min", patience=tuner.patience_epochs)]


def _require_sane(history: keras.callbacks.History) -> None:
    """Refuse a trial whose last losses are finite but absurd.

    Raises:
        ModelError: a loss is larger than `LARGEST_LOSS`.
    """
    for key, words in (("loss", "loss"), ("val_loss", "validation loss")):
        for loss in history.history.get(key, [])[-1:]:
            if loss > LARGEST_LOSS:
                raise ModelError(
                    f"the {words} diverged ({loss:.3g}, more than {LARGEST_LOSS:g}); lower grader.learning_rate"
                )


class _Tuner(keras_tuner.Hyperband):
    """Runs the trials of any search method, and records why one failed.

    Keras Tuner's Hyperband differs from its other tuners in that it continues trials that went well; without its
    rounds it behaves as they do.
    """

    def __init__(self, oracle: KeptOracle, **kwargs: Any) -> None:
        keras_tuner.Tuner.__init__(self, oracle=oracle, **kwargs)

    def run_trial(self, trial: Trial, **kwargs: Any) -> Any:
        folder = Path(self.get_trial_dir(trial.trial_id))
        try:
            return super().run_trial(trial, trial_id=trial.trial_id, backup_folder=folder / "backup", **kwargs)
        except FatalError:
            raise
        except Exception as error:
            expected = isinstance(error, ModelError | tf.errors.ResourceExhaustedError)
            message = _first_line(str(error)) if expected else f"{type(error).__name__}: {_first_line(str(error))}"
            logger.warning("trial %s failed: %s", trial.trial_id, message)
            # Beside the trial, because a worker's message does not reach the chief.
            write_text(folder / MESSAGE_FILE, message + "\n")
            raise FailedTrialError(message) from error


def _make_tuner(hypermodel: _GraderTrials, oracle: KeptOracle, role: Role, out: Path) -> keras_tuner.Tuner:
    folder = out.resolve() / TUNER_FOLDER
    if not role.is_worker and (folder / ORACLE_FILE).exists():
        # Keras Tuner reads the state only if this file exists, which it first writes when a trial has ended.
        write_text(folder / f"{role.name}.json", "{}")
        if role.is_chief:
            oracle.is_alive = lambda name: is_worker_alive(out, name)
    with contextlib.redirect_stdout(sys.stderr):
        return _Tuner(oracle, hypermodel=hypermodel, directory=str(out.resolve()), project_name=TUNER_FOLDER)


def _best_toml(experiment: Experiment, best: Trial, completed: int, *, sweep: Sweep, records: RecordFolder) -> str:
    heading = (
        f"# Best of {completed} trials: {sweep.tuner.objective.words} {best.score:.4f} (trial {best.trial_id}).\n"
        f"# From tfspine {tfspine.__version__} tune {sweep.source}, records {records.folder}.\n\n"
    )
    return heading + tomli_w.dumps(as_dict(experiment))


def _message(trial: Trial, out: Path) -> str:
    """Return why a trial failed, or an empty text."""
    if trial.status != TrialStatus.FAILED:
        return ""
    try:
        return _first_line((out / TUNER_FOLDER / f"trial_{trial.trial_id}" / MESSAGE_FILE).read_text())
    except (OSError, ValueError):
        return (trial.message or "").strip().rpartition("\n")[2]


def _trials_table(trials: list[Trial], messages: Mapping[str, str], objective: Objective) -> str:
    """Return every trial with its settings; a failed trial has a message instead of a score."""
    names = sorted({name for trial in trials for name in trial.hyperparameters.values})
    rows = []
    for trial in trials:
        score = "" if trial.score is None or not math.isfinite(trial.score) else trial.score
        values = [trial.hyperparameters.values.get(name, "") for name in names]
        rows.append([trial.trial_id, trial.status, score, *values, messages[trial.trial_id]])
    return csv_text(["trial", "status", objective.value, *names, "message"], rows)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
