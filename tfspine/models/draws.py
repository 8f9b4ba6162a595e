"""Random draws that depend on a seed and on the place of an image in the order, and on nothing else.

The Model Garden draws the sizes of images, the anchors and the regions that it learns from with TensorFlow's stateful
generators. No checkpoint holds their state, and each device has its own: a resumed run, or one on other devices, would
draw differently from the first step on. Here the same image at the same place draws the same.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

SEED = "seed"
"""The name under which the seed of an image travels with its labels: int64 [2], or [N, 2] in a batch."""


@contextmanager
def seeded_draws(seeds: tf.Tensor) -> Iterator[None]:
    """Let `tf.random.uniform` and `tf.random.shuffle` draw from `seeds` in what TensorFlow traces in this block.

    The first draw takes the seed of the first image, the second that of the second, and so on; then the first image
    draws for the second time. The Model Garden draws once for each image of a batch, in their order. Other threads are
    not affected: a mirrored strategy traces each device in a thread of its own, in turns.

    Args:
        seeds: int64 [N, 2], one row for each image; N must be known when the block is traced.
    """
    numbers = itertools.count()
    images = seeds.shape[0]

    def next_seed() -> tf.Tensor:
        turn, image = divmod(next(numbers), images)
        return tf.random.experimental.stateless_fold_in(seeds[image], turn)

    _REPLACED.enter(next_seed)
    try:
        yield
    finally:
        _REPLACED.leave()


class _Replaced:
    """TensorFlow's two functions, replaced while any thread is in a block; each thread draws from its own seeds."""

    def __init__(self) -> None:
        self._uniform, self._shuffle = tf.random.uniform, tf.random.shuffle
        self._of_thread = threading.local()
        self._lock, self._blocks = threading.Lock(), 0

    def enter(self, next_seed: Callable[[], tf.Tensor]) -> None:
        self._of_thread.next_seed = next_seed
        with self._lock:
            self._blocks += 1
            tf.random.uniform, tf.random.shuffle = self._seeded_uniform, self._seeded_shuffle

    def leave(self) -> None:
        del self._of_thread.next_seed
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                tf.random.uniform, tf.random.shuffle = self._uniform, self._shuffle

    def _seeded_uniform(
        self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = tf.float32, **others: Any
    ) -> tf.Tensor:
        next_seed = getattr(self._of_thread, "next_seed", None)
        if next_seed is None:
            return self._uniform(shape, minval, maxval, dtype, **others)
        highest = 1 if maxval is None else maxval
        return tf.random.stateless_uniform(shape, next_seed(), minval=minval, maxval=highest, dtype=dtype)

    def _seeded_shuffle(self, value: tf.Tensor, **others: Any) -> tf.Tensor:
        next_seed = getattr(self._of_thread, "next_seed", None)
        if next_seed is None:
            return self._shuffle(value, **others)
        return tf.random.experimental.stateless_shuffle(value, next_seed())


_REPLACED = _Replaced()
