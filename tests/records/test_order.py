"""The order of examples depends on the seed alone, and every image is seen once before any is seen again."""

from itertools import islice
from pathlib import Path

import pytest
import tensorflow as tf

from tfspine.records.order import training_order

FILES, EACH = 4, 6
COUNT = FILES * EACH


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Four files of six numbers each; a comma in their path is part of it."""
    folder = tmp_path_factory.mktemp("a,b")
    for file in range(FILES):
        with tf.io.TFRecordWriter(str(folder / f"{file}.tfrecord")) as writer:
            for number in range(EACH):
                writer.write(str(file * EACH + number).encode())
    return [str(path) for path in sorted(Path(folder).glob("*.tfrecord"))]


def taken(dataset: tf.data.Dataset, count: int = 3 * COUNT) -> list[int]:
    return [int(item) for item, _ in islice(dataset.as_numpy_iterator(), count)]


@pytest.mark.parametrize("cores", [1, 2, 16, 64])
def test_the_order_is_the_same_on_any_number_of_cores(cores: int, files: list[str]) -> None:
    """TensorFlow takes its defaults from the threads of the dataset, which are as many as there are cores."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = cores
    order = taken(training_order(files, seed=1, shuffle_buffer=8))
    assert taken(training_order(files, seed=1, shuffle_buffer=8).with_options(options)) == order


def test_every_pass_holds_every_example_once_in_another_order(files: list[str]) -> None:
    order = taken(training_order(files, seed=1, shuffle_buffer=8))
    passes = [order[start : start + COUNT] for start in range(0, len(order), COUNT)]
    assert all(sorted(one) == list(range(COUNT)) for one in passes)
    assert passes[0] != passes[1] != passes[2]


def test_the_seed_determines_the_order(files: list[str]) -> None:
    first, again, other = (taken(training_order(files, seed=seed, shuffle_buffer=8)) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("start", [1, COUNT - 1, COUNT, 2 * COUNT + 7])
def test_a_resumed_training_goes_on_at_the_next_example(start: int, files: list[str]) -> None:
    undisturbed = training_order(files, seed=1, shuffle_buffer=8)
    resumed = training_order(files, seed=1, shuffle_buffer=8, start=start)
    assert taken(resumed, 2 * COUNT) == taken(undisturbed, start + 2 * COUNT)[start:]
    first_seed = next(iter(resumed))[1].numpy().tolist()
    assert first_seed == [1, start]


@pytest.mark.parametrize("workers", [2, 3])
def test_the_batches_of_all_workers_together_are_those_of_one(workers: int, files: list[str]) -> None:
    """Of a global batch of 6, two workers take 3 each and three workers 2 each, without overlap."""
    batch = 6
    order = taken(training_order(files, seed=1, shuffle_buffer=8))
    of_workers = [
        taken(training_order(files, seed=1, shuffle_buffer=8).shard(workers, index), len(order) // workers)
        for index in range(workers)
    ]
    for step in range(len(order) // batch):
        share = batch // workers
        together = [number for worker in of_workers for number in worker[step * share : (step + 1) * share]]
        assert sorted(together) == sorted(order[step * batch : (step + 1) * batch])
