"""The order in which a detector's training sees its examples: the same on any number of cores and workers.

The Model Garden's reader leaves the number of files that it interleaves to TensorFlow, which takes it from the number
of cores, and repeats the files before it interleaves them, so that one image may be seen six times before another is
seen once. Here every image is seen once before any is seen again, and a resumed training goes on at the next one.
"""

from collections.abc import Sequence

import tensorflow as tf


def training_order(files: Sequence[str], *, seed: int, shuffle_buffer: int, start: int = 0) -> tf.data.Dataset:
    """Return the serialized examples of `files` without end, each with a seed of its own: (string [], int64 [2]).

    One example of each file is read in turn, then they are shuffled within `shuffle_buffer` examples; the records
    themselves lie in a random order (`writer.write_records`). Each pass has its own order, which depends on the seed
    and on its number alone. Of several workers, worker k of n takes the examples k, k + n, k + 2n ... of this sequence
    (`tf.data.Dataset.shard`), so that their batches together are those of one process with the same global batch.

    The seed of an example is (`seed`, its place), for all that is drawn at random for it (`models.draws`).

    Args:
        files: paths of TFRecord files.
        seed: determines the orders of all passes.
        shuffle_buffer: number of serialized examples in memory from which the next one is drawn.
        start: place of the first example to return: how many a resumed training has seen.
    """
    examples = examples_in_turn(files)
    done, rest = divmod(start, max(_count(examples), 1)) if start else (0, 0)

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        of_pass = tf.stack([tf.constant(seed, tf.int64), number])
        drawn = tf.random.stateless_uniform([], of_pass, minval=0, maxval=2**31, dtype=tf.int64)
        return examples.shuffle(shuffle_buffer, seed=drawn, reshuffle_each_iteration=False)

    passes = tf.data.Dataset.range(done, tf.int64.max).flat_map(one_pass)
    seeds = tf.data.Dataset.range(start, tf.int64.max).map(lambda place: tf.stack([tf.constant(seed, tf.int64), place]))
    return tf.data.Dataset.zip((passes.skip(rest), seeds))


def examples_in_turn(files: Sequence[str]) -> tf.data.Dataset:
    """Return the serialized examples of TFRecord files once, string []: one of each file in turn."""
    return tf.data.Dataset.from_tensor_slices(list(files)).interleave(
        tf.data.TFRecordDataset, cycle_length=len(files), block_length=1
    )


def _count(examples: tf.data.Dataset) -> int:
    return int(examples.reduce(tf.constant(0, tf.int64), lambda count, _: count + 1).numpy())
