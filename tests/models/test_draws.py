"""Draws depend on the seed of an image alone, in whatever batch it comes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from official.vision.modeling.layers.box_sampler import BoxSampler

from tfspine.models.draws import seeded_draws

ANCHORS, SAMPLED = 200, 32


def sampled(seeds: list[list[int]]) -> NDArray[np.int32]:
    """Return which of 200 boxes, the first 20 of them positive, the Model Garden samples for each image."""

    @tf.function
    def step(of_images: tf.Tensor) -> tf.Tensor:
        positive = tf.tile(tf.range(ANCHORS)[tf.newaxis] < 20, [len(seeds), 1])
        with seeded_draws(of_images):
            return BoxSampler(SAMPLED, 0.25)(positive, ~positive, tf.zeros_like(positive))

    return np.sort(step(tf.constant(seeds, tf.int64)).numpy(), axis=-1)


def test_an_image_draws_the_same_in_every_batch_and_process() -> None:
    together = sampled([[1, 5], [1, 6], [1, 7]])
    np.testing.assert_array_equal(together, np.concatenate([sampled([[1, 5]]), sampled([[1, 6], [1, 7]])]))


def test_other_places_and_seeds_draw_others() -> None:
    first, other_place, other_seed = sampled([[1, 5], [1, 6], [2, 5]])
    assert set(first) != set(other_place)
    assert set(first) != set(other_seed)


def test_the_sample_is_balanced_as_the_model_garden_states() -> None:
    """A quarter of the sample is positive, and over many images every box is drawn equally often."""
    drawn = sampled([[3, place] for place in range(400)])
    assert (np.sum(drawn < 20, axis=-1) == SAMPLED // 4).all()
    counts = np.bincount(drawn.ravel(), minlength=ANCHORS)
    # Binomial with 400 trials: 8 of 20 positives (deviation 9.8), 24 of 180 negatives (deviation 6.8).
    np.testing.assert_allclose(counts[:20], 160, atol=5 * 9.8)
    np.testing.assert_allclose(counts[20:], 400 * 24 / 180, atol=5 * 6.8)


def test_draws_repeat_and_differ_from_one_another() -> None:
    def three() -> list[float]:
        with seeded_draws(tf.constant([[1, 2]], tf.int64)):
            return [float(tf.random.uniform([], 2.0, 3.0, seed=1)) for _ in range(3)]

    first = three()
    assert first == three()
    assert len(set(first)) == 3
    assert all(2.0 <= value < 3.0 for value in first)


def test_outside_the_block_nothing_is_changed() -> None:
    before = tf.random.uniform, tf.random.shuffle
    with pytest.raises(RuntimeError), seeded_draws(tf.constant([[1, 2]], tf.int64)):
        raise RuntimeError
    assert (tf.random.uniform, tf.random.shuffle) == before


def test_blocks_of_threads_that_take_turns_do_not_mix() -> None:
    """As a mirrored strategy traces its devices: the first enters, the second enters, the first goes on and leaves."""

    def drawn(place: int, before: threading.Event, after: threading.Event) -> list[float]:
        with seeded_draws(tf.constant([[1, place]], tf.int64)):
            first = float(tf.random.uniform([]))
            after.set()
            before.wait(60.0)
            return [first, float(tf.random.uniform([]))]

    one, other = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        mixed = [pool.submit(drawn, 1, one, other), pool.submit(drawn, 2, other, one)]
        together = [each.result() for each in mixed]
    done = threading.Event()
    done.set()
    assert together == [drawn(1, done, threading.Event()), drawn(2, done, threading.Event())]
