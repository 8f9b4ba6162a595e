"""The grader's tf.data pipeline: decode and crop once, then shuffle, augment and batch.

The detector uses the Model Garden's own pipeline on the same files.
"""

import tensorflow as tf

from tfspine.config import GraderConfig
from tfspine.labels import GRADES, MIRRORED_SIDE, Region
from tfspine.records import augmentation
from tfspine.records.crops import CHANNELS, crop_regions
from tfspine.records.folder import RecordFolder
from tfspine.records.parsing import is_of_studies, parse_example


def training_batches(
    records: RecordFolder, *, region: Region, config: GraderConfig, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Return the training batches of one region without end: crops float32 [B, S, S, 3] in 0..1, grades [B, 4].

    Boxes without a grade are left out. The crops are kept in memory as one grey byte per pixel: 22 kB each at 150
    pixels. Every epoch holds each crop once. Its order and the augmentation of its batches depend on the seed and on
    its number alone, so that a resumed training sees what it would have seen.

    Args:
        records: the records of the region's plane.
        region: the region.
        config: size of crops and batches, limits of the augmentation.
        seed: determines all epochs.
        first_epoch: number of the first epoch to return, from 0.

    Raises:
        RecordError: the records hold no training image of the region's plane.
    """
    crops, grades = _in_memory(records, region=region, config=config)

    def batches_of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        of_epoch = tf.random.experimental.stateless_fold_in(tf.constant([seed, 0], tf.int64), epoch)
        order = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(grades)[0]), of_epoch)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(config.batch_size).enumerate(1)
        return batches.map(lambda number, rows: (rows, tf.random.experimental.stateless_fold_in(of_epoch, number)))

    def take(rows: tf.Tensor, of_batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        taken = tf.gather(crops, rows)
        if augmentation.is_wanted(config):
            taken = augmentation.augment(tf.cast(taken, tf.float32), of_batch, config)
        return _finish(taken, tf.gather(grades, rows))

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    batches = epochs.flat_map(batches_of_epoch).map(take, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE)


def graded_batches(records: RecordFolder, *, region: Region, split: str, config: GraderConfig) -> tf.data.Dataset:
    """Return the batches of a split once, as they are and in the order of the files; the last may be smaller.

    They are shaped as those of `training_batches`, and cached in memory after the first pass.

    Raises:
        RecordError: the split holds no image of the region's plane.
    """
    batches = _crops(records, region=region, split=split, size_px=config.crop_size_px).cache().batch(config.batch_size)
    return batches.map(_finish, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _in_memory(records: RecordFolder, *, region: Region, config: GraderConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """Return all training crops, uint8 [N, S, S, 1], and their grades, int64 [N]."""
    size_px, graded = config.crop_size_px, sum(records.grade_counts(region, "train").values())
    crops = _crops(records, region=region, split="train", size_px=size_px)
    for all_crops, all_grades in crops.batch(max(graded, 1)):
        return all_crops, all_grades
    return tf.zeros([0, size_px, size_px, 1], tf.uint8), tf.zeros([0], tf.int64)


def _crops(records: RecordFolder, *, region: Region, split: str, size_px: int) -> tf.data.Dataset:
    """Return (crop uint8 [S, S, 1], grade int64) of every graded box of a region, in the order of the files."""

    def boxes_of_slice(serialized: tf.Tensor) -> tuple[tf.Tensor, ...]:
        example = parse_example(serialized)
        wanted = tf.where((example["region"] == str(region)) & (example["grade"] >= 0))[:, 0]
        mirrored = is_mirrored(region, tf.gather(example["side"], wanted))
        images = tf.repeat(example["image"][tf.newaxis], tf.size(wanted), axis=0)
        return images, tf.gather(example["boxes_yxyx_px"], wanted), mirrored, tf.gather(example["grade"], wanted)

    def crop_of_box(image: tf.Tensor, box: tf.Tensor, mirrored: tf.Tensor, grade: tf.Tensor) -> tuple[tf.Tensor, ...]:
        crop = crop_regions(image[tf.newaxis], box[tf.newaxis], tf.constant([0]), mirrored[tf.newaxis], size_px=size_px)
        return tf.cast(tf.round(crop[0, :, :, :1] * 255.0), tf.uint8), grade

    graded = sum(records.grade_counts(region, split).values())
    examples = tf.data.TFRecordDataset(records.files(split))
    if records.studies is not None:
        studies = records.studies[split]
        examples = examples.filter(lambda serialized: is_of_studies(serialized, studies))
    slices = examples.map(boxes_of_slice, num_parallel_calls=tf.data.AUTOTUNE)
    # One box per call: TensorFlow's cost model warns about crops of an unknown number of boxes.
    crops = slices.unbatch().map(crop_of_box, num_parallel_calls=tf.data.AUTOTUNE)
    return crops.apply(tf.data.experimental.assert_cardinality(graded))


def is_mirrored(region: Region, sides: tf.Tensor) -> tf.Tensor:
    """Return for string `sides` [M] whether their crops are mirrored, bool [M]: recesses of one side only."""
    if region is not Region.LATERAL_RECESS:
        return tf.zeros_like(sides, tf.bool)
    return sides == str(MIRRORED_SIDE)


def _finish(crops: tf.Tensor, grades: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    scaled = tf.cast(crops, tf.float32) / 255.0
    return tf.repeat(scaled, CHANNELS, axis=-1), tf.one_hot(grades, len(GRADES))
