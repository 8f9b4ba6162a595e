"""Rates of an interval by hand, and the wait of a step for a pipeline of known speed."""

import time

import pytest
import tensorflow as tf

from tfspine.training import throughput
from tfspine.training.throughput import Interval, TimedTrainer


def test_rates_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0, 112.0])
    monkeypatch.setattr(throughput.time, "monotonic", lambda: next(clock))
    interval = Interval(4, done=50)
    first = interval.rates(100, waited_s=2.5)
    assert (first["images_per_s"], first["input_wait_share"]) == (20.0, 0.25)
    second = interval.rates(101)
    assert second["images_per_s"] == 2.0
    assert "input_wait_share" not in second


@pytest.mark.parametrize(("work_s", "least_s", "most_s"), [(0.0, 0.55, 1.5), (0.5, 0.0, 0.5)])
def test_only_the_wait_for_input_is_counted(work_s: float, least_s: float, most_s: float) -> None:
    """Each of six batches takes 0.1 s to come; where a step takes longer, the next batch is there when it is wanted."""

    def slowly(seconds: float, number: tf.Tensor) -> tf.Tensor:
        return tf.py_function(lambda value: (time.sleep(seconds), value)[1], [number], tf.int64)

    trainer = object.__new__(TimedTrainer)
    waited = trainer._waited_s = tf.Variable(0.0, dtype=tf.float64)
    batches = iter(tf.data.Dataset.range(9).map(lambda number: slowly(0.1, number)))

    @tf.function
    def steps() -> None:
        for _ in tf.range(6):
            slowly(work_s, trainer.next_train_inputs(batches))

    steps()
    assert least_s <= waited.numpy() < most_s
