"""The order in which a detector's training sees its examples: the same on any number of cores and workers.

The Model Garden's reader leaves the number of files that it interleaves to TensorFlow, which takes it from the number
of cores, and repeats the files before it interleaves them, so that one image may be seen six times before another is
seen once. Here every image is seen once before any is seen again.
"""

from collections.abc import Sequence

import tensorflow as tf


def training_order(files: Sequence[str], *, seed: int, shuffle_buffer: int) -> tf.data.Dataset:
    """Return the serialized examples of `files` without end, string []; each pass has its own order.

    One example of each file is read in turn, then they are shuffled within `shuffle_buffer` examples; the records
    themselves lie in a random order (`writer.write_records`). Of several workers, worker k of n takes the examples k,
    k + n, k + 2n ... of this sequence (`tf.data.Dataset.shard`), so that their batches together are those of one
    process with the same global batch.

    Args:
        files: paths of TFRecord files.
        seed: determines the orders of all passes.
        shuffle_buffer: number of serialized examples in memory from which the next one is drawn.
    """
    examples = tf.data.Dataset.from_tensor_slices(list(files)).interleave(
        tf.data.TFRecordDataset, cycle_length=len(files), block_length=1
    )
    return examples.shuffle(shuffle_buffer, seed=seed, reshuffle_each_iteration=True).repeat()
