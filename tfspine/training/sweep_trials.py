"""The trials of a sweep: each fits the ordinary grader with the settings drawn; why one failed is recorded."""

import logging
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow as tf
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FailedTrialError, FatalError, FatalRuntimeError

from tfspine.config import Experiment
from tfspine.disk import disk_refusal
from tfspine.errors import ModelError
from tfspine.labels import Region
from tfspine.models.devices import ONE_GPU
from tfspine.outputs import write_text
from tfspine.progress import counted
from tfspine.records.folder import RecordFolder
from tfspine.training import runtime
from tfspine.training.callbacks import LARGEST_LOSS, EpochProgress, StopWhenDiverged, follow_schedule
from tfspine.training.grader import BACKUP_FOLDER, compile_grader, count_steps, datasets
from tfspine.training.oracles import KeptOracle
from tfspine.training.search import Sweep, TunerConfig, draw_settings, trial_epochs, trial_experiment

logger = logging.getLogger(__name__)

MESSAGE_FILE = "message.txt"
"""Why a trial failed, in its folder, because a worker's message does not reach the chief."""


class GraderTrials(keras_tuner.HyperModel):
    """Builds and fits the grader of one trial."""

    def __init__(self, records: RecordFolder, region: Region, base: Experiment, sweep: Sweep) -> None:
        super().__init__(name="grader")
        self._records, self._region, self._base, self._sweep = records, region, base, sweep

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Sequential:
        """Return the compiled network with the settings drawn."""
        # Keras Tuner clears the session between trials, which also resets the precision.
        experiment = runtime.prepare(self._experiment(hp), gpus=ONE_GPU)
        return compile_grader(self._records, region=self._region, experiment=experiment)

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Sequential,
        *,
        trial_id: str,
        folder: Path,
        callbacks: list[keras.callbacks.Callback],
        initial_epoch: int = 0,
        **_: Any,
    ) -> keras.callbacks.History:
        """Fit one trial, from `initial_epoch` if Hyperband continues an earlier one.

        Raises:
            ModelError: a loss is not finite, or larger than `LARGEST_LOSS` at the end.
        """
        experiment = self._experiment(hp)
        train, validation = datasets(
            self._records, region=self._region, experiment=experiment, first_epoch=initial_epoch
        )
        epochs = trial_epochs(hp, self._sweep)
        steps = count_steps(self._records, region=self._region, experiment=experiment)
        title = f"trial {trial_id}"
        with counted(title, epochs * steps) as counter:
            history = model.fit(
                train,
                validation_data=validation,
                epochs=epochs,
                initial_epoch=initial_epoch,
                steps_per_epoch=steps,
                shuffle=False,
                callbacks=[
                    *callbacks,
                    StopWhenDiverged(),
                    follow_schedule(experiment.grader, epochs=epochs),
                    keras.callbacks.BackupAndRestore(str(folder / BACKUP_FOLDER), double_checkpoint=True),
                    EpochProgress(counter, title, epochs=epochs, steps_per_epoch=steps),
                    *_early_stopping(self._sweep.tuner),
                ],
                verbose=0,
            )
        _require_plausible(history)
        return history

    def _experiment(self, hp: keras_tuner.HyperParameters) -> Experiment:
        return trial_experiment(self._base, draw_settings(hp, self._sweep.space), source=self._sweep.source)


class Tuner(keras_tuner.Hyperband):
    """Runs the trials of any search method, and records why one failed.

    Keras Tuner's Hyperband differs from its other tuners in that it continues trials that went well; without its
    rounds it behaves as they do.
    """

    def __init__(self, oracle: KeptOracle, **kwargs: Any) -> None:
        keras_tuner.Tuner.__init__(self, oracle=oracle, **kwargs)

    def run_trial(self, trial: Trial, **kwargs: Any) -> Any:
        """Train one trial.

        Raises:
            FailedTrialError: it failed; the sweep goes on.
            FatalError: nothing can go on, because the disk is full or the chief does not answer.
        """
        folder = Path(self.get_trial_dir(trial.trial_id))
        try:
            return super().run_trial(trial, trial_id=trial.trial_id, folder=folder, **kwargs)
        except FatalError:
            raise
        except Exception as error:
            if reason := disk_refusal(error):
                raise FatalRuntimeError(
                    f"{folder}: cannot be written: {reason}; free space, then run it again"
                ) from error
            text = str(error).strip().partition("\n")[0]
            expected = isinstance(error, ModelError | tf.errors.ResourceExhaustedError)
            message = text if expected else f"{type(error).__name__}: {text}"
            logger.warning("trial %s failed: %s", trial.trial_id, message)
            write_text(folder / MESSAGE_FILE, message + "\n")
            raise FailedTrialError(message) from error


def _early_stopping(tuner: TunerConfig) -> list[keras.callbacks.Callback]:
    if not tuner.patience_epochs:
        return []
    return [keras.callbacks.EarlyStopping("val_loss", mode="min", patience=tuner.patience_epochs)]


def _require_plausible(history: keras.callbacks.History) -> None:
    for key, words in (("loss", "loss"), ("val_loss", "validation loss")):
        for loss in history.history.get(key, [])[-1:]:
            if loss > LARGEST_LOSS:
                raise ModelError(
                    f"the {words} diverged ({loss:.3g}, more than {LARGEST_LOSS:g}); lower grader.learning_rate"
                )
