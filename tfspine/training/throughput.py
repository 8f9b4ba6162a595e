"""How fast a training runs and what it needs: images a second, the share spent waiting for input, memory."""

import contextlib
import resource
import sys
import time
from typing import Any

import tensorflow as tf
from official.core import base_trainer

INPUT_WAIT = "input_wait_s"
"""Among the values of an interval: seconds spent waiting for the next batch."""

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit of `ru_maxrss` (getrusage(2)): kilobytes on Linux, bytes on macOS."""


class TimedTrainer(base_trainer.Trainer):
    """The Model Garden's trainer, which also measures how long its steps wait for input."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waited_s = tf.Variable(
            0.0, trainable=False, dtype=tf.float64, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )

    def next_train_inputs(self, iterator: Any) -> Any:
        """Return the next batch, and add up the time until it was there."""
        started = tf.timestamp()
        with tf.control_dependencies([started]):
            inputs = super().next_train_inputs(iterator)
        tensors = [item for item in tf.nest.flatten(inputs, expand_composites=True) if tf.is_tensor(item)]
        with tf.control_dependencies(tensors):
            self._waited_s.assign_add(tf.timestamp() - started)
        return inputs

    def train_loop_end(self) -> dict[str, Any]:
        """Return the values of the interval, with the time waited."""
        values: dict[str, Any] = super().train_loop_end()
        values[INPUT_WAIT] = self._waited_s.numpy()
        self._waited_s.assign(0.0)
        return values


class Interval:
    """The time since the interval before, of which each call gives the rates.

    Args:
        size: images in a step.
        done: steps that were done before.
    """

    def __init__(self, size: int, *, done: int) -> None:
        self._size, self._done, self._started = size, done, time.monotonic()

    def rates(self, done: int, *, waited_s: float | None = None) -> dict[str, float]:
        """Return images a second, the share spent waiting where it is known, and memory; begin the next interval."""
        now = time.monotonic()
        seconds, steps = max(now - self._started, 1e-9), done - self._done
        self._started, self._done = now, done
        rates = {"images_per_s": steps * self._size / seconds}
        if waited_s is not None:
            rates["input_wait_share"] = min(waited_s / seconds, 1.0)
        return rates | _memory()


def _memory() -> dict[str, float]:
    found: dict[str, float] = {"memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT}
    if tf.config.list_logical_devices("GPU"):
        # A GPU whose allocator counts nothing is left out.
        with contextlib.suppress(ValueError):
            found["gpu_memory_bytes"] = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return found
