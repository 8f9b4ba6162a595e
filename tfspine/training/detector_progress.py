"""What a detector's training shows while it goes on: a bar with the time left, `history.csv`, and `progress.jsonl`."""

from collections.abc import Mapping, Sequence
from typing import Any

import orbit
import tensorflow as tf

from tfspine.formats.history_csv import DETECTOR_LOSSES, STEP, append_history, forget_history
from tfspine.formats.validated_csv import ValidatedRow
from tfspine.progress import Counter
from tfspine.training.forecast import Forecast
from tfspine.training.run_log import RunLog
from tfspine.training.throughput import INPUT_WAIT, Interval


class DetectorProgress:
    """An Orbit action: after each interval of steps it moves the bar and adds to the files of the run.

    Args:
        counter: the bar.
        title: what is trained.
        total_steps: of the whole training.
        batch_size: images in a step.
        log: of the run; None for a worker that writes none.
    """

    def __init__(self, counter: Counter, title: str, total_steps: int, *, batch_size: int, log: RunLog | None) -> None:
        self._counter, self._title, self._total_steps = counter, title, total_steps
        self._batch_size, self._log = batch_size, log

    @property
    def step(self) -> int:
        """The number of steps that are done."""
        return int(self._global_step.numpy())

    def follow(self, global_step: tf.Variable) -> None:
        """Count with the trainer's own step, which does not start at 0 in a resumed run."""
        self._global_step = global_step
        step = self.step
        self._forecast = Forecast(self._title, total=self._total_steps, done=step)
        self._interval = Interval(self._batch_size, done=step)
        self._counter.at(step)
        if self._log:
            forget_history(self._log.run_folder, after=step)

    def __call__(self, output: Mapping[str, Any]) -> None:
        """Show and write an interval that has ended, whose mean losses and other values are in `output`."""
        values = {name: float(orbit.utils.get_value(value)) for name, value in output.items()}
        step = self.step
        self._counter.at(step, words=f"{self._title}, loss {values['total_loss']:.3f}")
        if self._log is None:
            return
        self._counter.tell(self._forecast.line(step))
        losses = {name: values[name] for name in DETECTOR_LOSSES}
        append_history(self._log.run_folder, {STEP: step} | losses)
        rates = self._interval.rates(step, waited_s=values.get(INPUT_WAIT))
        self._log.write({STEP: step} | losses | {"learning_rate": values["learning_rate"]} | rates)

    def tell_validation(self, rows: Sequence[ValidatedRow]) -> None:
        """Show and write how a checkpoint found the regions of the validation slices."""
        if not rows or self._log is None:
            return
        recalls = ", ".join(f"{row.region} {row.recall:.1%}" for row in rows)
        self._counter.at(self.step, words=f"{self._title}, recall on validation: {recalls}")
        measured = {
            name: {str(row.region): getattr(row, name) for row in rows} for name in ("recall", "average_precision")
        }
        self._log.write({STEP: self.step} | measured)
        self._interval = Interval(self._batch_size, done=self.step)
