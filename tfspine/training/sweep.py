"""A Keras Tuner sweep of one grader; each trial trains the ordinary network, the objective is validation AC1.

An interrupted sweep is resumed: finished trials are kept, and the trial in progress continues from its last epoch.
Chief and workers find each other through Keras Tuner's own KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and
KERASTUNER_ORACLE_PORT; all use the same output folder, and the chief writes the result.
"""

import contextlib
import logging
import math
import os
import sys
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow as tf
import tomli_w
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from tfspine.config import Experiment, as_dict
from tfspine.errors import ModelError
from tfspine.formats.csv_rows import csv_text
from tfspine.labels import Region
from tfspine.manifest import RunKind, write_manifest
from tfspine.models.devices import ONE_GPU
from tfspine.outputs import write_text
from tfspine.progress import counted
from tfspine.records.folder import RecordFolder
from tfspine.training import runtime
from tfspine.training.callbacks import EpochProgress, StopWhenDiverged, follow_schedule
from tfspine.training.grader import compile_grader, count_steps, datasets
from tfspine.training.search import Sweep, TunerConfig, TunerKind, draw_settings, trial_experiment

logger = logging.getLogger(__name__)

TUNER_FOLDER = "tuner"
BEST_FILE = "best.toml"
TRIALS_FILE = "trials.csv"
OBJECTIVE = keras_tuner.Objective("val_ac1", "max")


def sweep_grader(
    records: RecordFolder, *, region: Region, experiment: Experiment, sweep: Sweep, out: Path
) -> tuple[Experiment, float] | None:
    """Search, and write `best.toml`, `trials.csv` and the manifest into `out`; return the best trial and its AC1.

    A worker of a distributed sweep writes nothing, because the chief does, and returns None.

    Raises:
        ModelError: no trial succeeded, or too many in a row failed; the error includes the message of the last one.
        RecordError: as `train_grader`.
    """
    # Before the records are read, which makes TensorFlow initialise its devices.
    runtime.prepare(experiment, gpus=ONE_GPU)
    datasets(records, region=region, experiment=experiment)
    tuner = _make_tuner(_GraderTrials(records, region, experiment, sweep), sweep.tuner, out)
    gave_up = _search(tuner)
    if _is_worker():
        return None
    trials = sorted(tuner.oracle.trials.values(), key=lambda trial: (len(trial.trial_id), trial.trial_id))
    write_text(out / TRIALS_FILE, _trials_table(trials))
    done = [trial for trial in trials if trial.status == TrialStatus.COMPLETED]
    if gave_up or not done:
        raise ModelError(f"{out}: {len(done)} of {len(trials)} trials ended well; {_last_message(trials)}")
    best = max(done, key=lambda trial: trial.score)
    chosen = trial_experiment(experiment, draw_settings(best.hyperparameters, sweep.space), source=sweep.source)
    write_text(out / BEST_FILE, _best_toml(chosen, best, len(done)))
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
            "val_ac1": best.score,
        },
    )
    return chosen, float(best.score)


def _search(tuner: keras_tuner.Tuner) -> bool:
    """Run the trials; return whether Keras Tuner gave up because too many failed in a row."""
    # Keras Tuner prints its progress to standard output, which is reserved for results.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            tuner.search(verbose=0)
        except RuntimeError as error:
            if "consecutive failures" not in str(error):
                raise
            return True
    return False


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
        epochs = epochs or self._sweep.tuner.epochs
        steps = count_steps(self._records, region=self._region, experiment=experiment)
        title = f"trial {trial_id}"
        with counted(title, epochs * steps) as counter:
            return model.fit(
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
                ],
                shuffle=False,
                verbose=verbose,
            )


class _TellsWhatFailed:
    """Reports the failure of a trial: Keras Tuner itself only marks it as invalid and continues."""

    def run_trial(self, trial: Trial, **kwargs: Any) -> Any:
        folder = Path(self.get_trial_dir(trial.trial_id)) / "backup"  # type: ignore[attr-defined]
        try:
            return super().run_trial(trial, trial_id=trial.trial_id, backup_folder=folder, **kwargs)  # type: ignore[misc]
        except (ModelError, tf.errors.ResourceExhaustedError) as error:
            logger.warning("trial %s failed: %s", trial.trial_id, _first_line(str(error)))
            raise FailedTrialError(str(error)) from error
        except Exception as error:
            logger.warning("trial %s is invalid: %s: %s", trial.trial_id, type(error).__name__, _first_line(str(error)))
            raise


class _RandomSearch(_TellsWhatFailed, keras_tuner.RandomSearch):
    pass


class _Hyperband(_TellsWhatFailed, keras_tuner.Hyperband):
    pass


class _BayesianOptimization(_TellsWhatFailed, keras_tuner.BayesianOptimization):
    pass


def _make_tuner(hypermodel: _GraderTrials, config: TunerConfig, out: Path) -> keras_tuner.Tuner:
    shared = {
        "objective": OBJECTIVE,
        "seed": config.seed,
        "directory": str(out.resolve()),
        "project_name": TUNER_FOLDER,
        "overwrite": False,
    }
    with contextlib.redirect_stdout(sys.stderr):
        match config.kind:
            case TunerKind.HYPERBAND:
                return _Hyperband(hypermodel, max_epochs=config.epochs, factor=config.factor, **shared)
            case TunerKind.BAYESIAN:
                return _BayesianOptimization(hypermodel, max_trials=config.trials, **shared)
            case TunerKind.RANDOM:
                return _RandomSearch(hypermodel, max_trials=config.trials, **shared)


def _is_worker() -> bool:
    return "KERASTUNER_ORACLE_IP" in os.environ and "chief" not in os.environ.get("KERASTUNER_TUNER_ID", "")


def _best_toml(experiment: Experiment, best: Trial, completed: int) -> str:
    heading = f"# Best of {completed} trials: validation AC1 {best.score:.4f} (trial {best.trial_id}).\n\n"
    return heading + tomli_w.dumps(as_dict(experiment))


def _trials_table(trials: list[Trial]) -> str:
    """Return every trial with its settings; a failed trial has a message instead of a score."""
    names = sorted({name for trial in trials for name in trial.hyperparameters.values})
    rows = []
    for trial in trials:
        score = "" if trial.score is None or not math.isfinite(trial.score) else trial.score
        values = [trial.hyperparameters.values.get(name, "") for name in names]
        rows.append([trial.trial_id, trial.status, score, *values, _last_line(trial.message or "")])
    return csv_text(["trial", "status", "val_ac1", *names, "message"], rows)


def _last_message(trials: list[Trial]) -> str:
    messages = [trial.message for trial in trials if trial.message]
    return _last_line(messages[-1]) if messages else "no trial left a message"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
