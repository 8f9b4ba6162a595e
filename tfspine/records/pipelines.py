"""The grader's tf.data pipeline: decode and crop once, cache, shuffle, augment, batch.

The detector uses the Model Garden's own pipeline on the same files.
"""

import tensorflow as tf

from tfspine.config import GraderConfig
from tfspine.labels import GRADES, MIRRORED_SIDE, Region
from tfspine.records import augmentation
from tfspine.records.crops import CHANNELS, crop_regions
from tfspine.records.folder import RecordFolder
from tfspine.records.parsing import is_of_studies, parse_example


def grader_dataset(
    records: RecordFolder, *, region: Region, split: str, config: GraderConfig, training: bool, seed: int
) -> tf.data.Dataset:
    """Return batches of (crops float32 [B, S, S, 3] in 0..1, one-hot grades float32 [B, 4]) of one region.

    Boxes without a grade are left out. After the first pass the crops are cached in memory as one grey byte per pixel:
    22 kB each at 150 pixels. In training, order and augmentation change with every pass, and the same seed repeats
    the whole sequence of passes; a newly created dataset starts at the first pass. Otherwise the order is that of
    the files, and the last batch may be smaller.

    Raises:
        RecordError: the split holds no image of the region's plane.
    """
    crops = _cached_crops(records, region=region, split=split, size_px=config.crop_size_px)
    if not training:
        batches = crops.batch(config.batch_size)
        return batches.map(_finish, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    graded = sum(records.grade_counts(region, split).values())
    batches = crops.shuffle(max(graded, 1), seed=seed, reshuffle_each_iteration=True).batch(config.batch_size)
    if augmentation.is_wanted(config):
        seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
        batches = tf.data.Dataset.zip((batches, seeds)).map(
            lambda batch, pair: (augmentation.augment(tf.cast(batch[0], tf.float32), pair, config), batch[1]),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return batches.map(_finish, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _cached_crops(records: RecordFolder, *, region: Region, split: str, size_px: int) -> tf.data.Dataset:
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
    return crops.apply(tf.data.experimental.assert_cardinality(graded)).cache()


def is_mirrored(region: Region, sides: tf.Tensor) -> tf.Tensor:
    """Return for string `sides` [M] whether their crops are mirrored, bool [M]: recesses of one side only."""
    if region is not Region.LATERAL_RECESS:
        return tf.zeros_like(sides, tf.bool)
    return sides == str(MIRRORED_SIDE)


def _finish(crops: tf.Tensor, grades: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    scaled = tf.cast(crops, tf.float32) / 255.0
    return tf.repeat(scaled, CHANNELS, axis=-1), tf.one_hot(grades, len(GRADES))
