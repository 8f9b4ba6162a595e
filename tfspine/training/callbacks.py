"""Keras callbacks of a grader's training: progress with time left, learning rate, stop when the loss diverges."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfspine.config import GraderConfig, GraderSchedule
from tfspine.errors import ModelError
from tfspine.formats.history_csv import EPOCH
from tfspine.progress import Counter
from tfspine.training.forecast import Forecast
from tfspine.training.preemption import StopRequest
from tfspine.training.run_log import RunLog
from tfspine.training.throughput import Interval

LARGEST_LOSS = 1e4
"""No cross entropy of float32 probabilities comes near it, whatever the weights of the grades."""


class EpochProgress(keras.callbacks.Callback):
    """Counts the steps of all epochs (`progress.counted`); a resumed run starts where it was interrupted."""

    def __init__(self, counter: Counter, title: str, *, epochs: int, steps_per_epoch: int) -> None:
        super().__init__()
        self._counter = counter
        self._title = title
        self._steps_per_epoch = steps_per_epoch
        self._total = epochs * steps_per_epoch
        self._forecast: Forecast | None = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Start counting at this epoch."""
        if self._forecast is None:
            self._forecast = Forecast(self._title, total=self._total, done=epoch * self._steps_per_epoch)
        self._counter.at(epoch * self._steps_per_epoch)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count one step."""
        self._counter.advance()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Show the validation results and the estimated time left."""
        if self._forecast is not None:
            self._counter.tell(self._forecast.line((epoch + 1) * self._steps_per_epoch))
        logs = logs or {}
        validation = f"validation loss {logs.get('val_loss', math.nan):.3f}, AC1 {logs.get('val_ac1', math.nan):.2f}"
        self._counter.at(words=f"{self._title}: {validation}")


class EpochRates(keras.callbacks.Callback):
    """Writes the numbers of each epoch into the run's log: losses, crops a second, memory.

    Args:
        log: of the run.
        batch_size: crops in a step.
    """

    def __init__(self, log: RunLog, *, batch_size: int) -> None:
        super().__init__()
        self._log, self._batch_size = log, batch_size

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begin to measure."""
        self._interval, self._steps = Interval(self._batch_size, done=0), 0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count one step."""
        self._steps += 1

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Take the rates before the validation."""
        self._rates = self._interval.rates(self._steps)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the line."""
        measured = {name: float(value) for name, value in (logs or {}).items()}
        self._log.write({EPOCH: epoch} | measured | self._rates)


class SeedEpochs(keras.callbacks.Callback):
    """Seeds dropout at the start of each epoch, because Keras does not save how far its generators have come."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Set the state of every layer that draws: a seed that depends on the epoch, and no draws yet."""
        for number, layer in enumerate(self.model.layers):
            if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
                drawn = np.random.default_rng([self._seed, epoch, number]).integers(2**31)
                layer.seed_generator.state.assign([drawn, 0])


class StopOnRequest(keras.callbacks.Callback):
    """Ends a training at the next step after a request; the completed epochs are on disk (`epochs.KeepEpochs`)."""

    def __init__(self, request: StopRequest, run_folder: Path) -> None:
        super().__init__()
        self._request, self._run_folder, self._epoch = request, run_folder, 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note how many epochs are complete."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """End if a request was made."""
        self._request.obey(f"{self._run_folder}: {self._epoch} whole epochs")


def follow_schedule(
    grader: GraderConfig, *, epochs: int, past_losses: Sequence[float] = ()
) -> keras.callbacks.Callback:
    """Return the callback that sets the learning rate of each epoch according to `grader.schedule`.

    Args:
        grader: the initial learning rate and its schedule.
        epochs: number of epochs; the half cosine reaches its end with them (Loshchilov and Hutter, ICLR 2017,
            equation 5, without restarts and with a smallest rate of 0).
        past_losses: validation losses of the epochs before an interruption.
    """
    if grader.schedule is GraderSchedule.COSINE:
        return keras.callbacks.LearningRateScheduler(
            lambda epoch, _: grader.learning_rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
        )
    return LowerOnPlateau(factor=grader.learning_rate_factor, patience=grader.patience_epochs, past_losses=past_losses)


class LowerOnPlateau(keras.callbacks.ReduceLROnPlateau):
    """Lower the learning rate after several epochs without a better validation loss, counted across interruptions.

    Keras restarts the count when a run is resumed; this class restores it from the earlier validation losses. The
    learning rate itself is restored with the optimizer.
    """

    def __init__(self, *, factor: float, patience: int, past_losses: Sequence[float] = ()) -> None:
        super().__init__(monitor="val_loss", mode="min", factor=factor, patience=patience)
        self.best: float | None = None
        self._past_losses = tuple(past_losses)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Count the epochs before the interruption."""
        super().on_train_begin(logs)
        self._set_monitor_op()
        for loss in self._past_losses:
            if self._is_improvement(loss, self.best):
                self.best, self.wait = loss, 0
            else:
                self.wait = (self.wait + 1) % self.patience


class StopWhenDiverged(keras.callbacks.Callback):
    """Ends a training with a clear error at the first batch whose loss is not finite, or absurdly large.

    It must come before the callbacks that save an epoch: what they saved last is what is kept.
    """

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the epoch, for messages."""
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Check the mean loss of the epoch so far.

        Raises:
            ModelError: the loss diverged.
        """
        self._check((logs or {}).get("loss", 0.0), f"epoch {self._epoch}, batch {batch + 1}: the loss")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Check the validation loss.

        Raises:
            ModelError: the loss diverged.
        """
        self._check((logs or {}).get("val_loss", 0.0), f"epoch {self._epoch}: the validation loss")

    def _check(self, loss: float, name: str) -> None:
        if not loss < LARGEST_LOSS:
            raise ModelError(f"{name} diverged ({loss:.3g}); lower grader.learning_rate")
