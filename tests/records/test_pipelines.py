"""The grader's pipeline: which crops, which grades, the same again under the same seed."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from tfspine.config import Experiment, GraderConfig
from tfspine.labels import Plane, Region
from tfspine.records import augmentation
from tfspine.records.crops import crop_regions
from tfspine.records.examples import RecordExample
from tfspine.records.folder import RecordFolder, open_records
from tfspine.records.pipelines import graded_batches, training_batches


@pytest.fixture
def records(
    write: Callable[[list[RecordExample]], Path], examples: list[RecordExample], experiment: Experiment
) -> RecordFolder:
    return open_records(write(examples), plane=Plane.AXIAL, experiment=experiment)


def _epochs(
    records: RecordFolder, config: GraderConfig, seed: int, epochs: int = 2, first_epoch: int = 0
) -> list[NDArray[np.float32]]:
    region = Region.LATERAL_RECESS
    steps = math.ceil(sum(records.grade_counts(region, "train").values()) / config.batch_size)
    dataset = training_batches(records, region=region, config=config, seed=seed, first_epoch=first_epoch)
    batches = [crops.numpy() for crops, _ in dataset.take(epochs * steps)]
    return [np.concatenate(batches[epoch * steps : (epoch + 1) * steps]) for epoch in range(epochs)]


def test_recesses_come_graded_and_the_right_ones_mirrored(
    records: RecordFolder, examples: list[RecordExample], experiment: Experiment
) -> None:
    dataset = graded_batches(records, region=Region.LATERAL_RECESS, split="validation", config=experiment.grader)
    ((crops, grades),) = list(dataset)
    # The right recess is mild, the left one normal: see conftest.
    np.testing.assert_array_equal(grades, [[0, 1, 0, 0], [1, 0, 0, 0]])
    image = np.asarray(Image.open(next(item.image for item in examples if item.key == "study2-axial-01")))
    expected = crop_regions(
        tf.constant(image[np.newaxis, :, :, np.newaxis]),
        tf.constant([(10.0, 8.0, 20.0, 24.0), (10.0, 40.0, 20.0, 56.0)]),
        tf.constant([0, 0]),
        tf.constant([False, False]),
        size_px=16,
    ).numpy()
    np.testing.assert_allclose(crops[0], expected[0, :, ::-1], atol=0.6 / 255)
    np.testing.assert_allclose(crops[1], expected[1], atol=0.6 / 255)


def test_boxes_without_a_grade_and_other_regions_are_left_out(records: RecordFolder, experiment: Experiment) -> None:
    dataset = graded_batches(records, region=Region.CENTRAL_CANAL, split="train", config=experiment.grader)
    grades = np.concatenate([grades.numpy() for _, grades in dataset])
    np.testing.assert_array_equal(grades, [[0, 0, 1, 0]] * 2)


def test_the_same_seed_repeats_every_epoch_and_another_does_not(records: RecordFolder, experiment: Experiment) -> None:
    first, again = (_epochs(records, experiment.grader, seed=3) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(first[0] - first[1]).max() > 0.01
    assert np.abs(first[0] - _epochs(records, experiment.grader, seed=4, epochs=1)[0]).max() > 0.01


def test_a_resumed_training_sees_the_epochs_that_are_left(records: RecordFolder, experiment: Experiment) -> None:
    undisturbed = _epochs(records, experiment.grader, seed=3, epochs=4)
    resumed = _epochs(records, experiment.grader, seed=3, epochs=2, first_epoch=2)
    np.testing.assert_array_equal(resumed, undisturbed[2:])


def test_every_epoch_holds_every_crop_once(records: RecordFolder, experiment: Experiment) -> None:
    still = dataclasses.replace(experiment.grader, shear=0.0, zoom=0.0, rotation_deg=0.0, shift=0.0)
    batches = graded_batches(records, region=Region.LATERAL_RECESS, split="train", config=still)
    expected = np.sort(np.concatenate([crops.numpy() for crops, _ in batches]), axis=0)
    first, second = _epochs(records, still, seed=3)
    assert not np.array_equal(first, second)
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(epoch, axis=0), expected)


def test_augmentation_without_limits_changes_nothing(records: RecordFolder, experiment: Experiment) -> None:
    still = dataclasses.replace(experiment.grader, shear=0.0, zoom=0.0, rotation_deg=0.0, shift=0.0)
    assert not augmentation.is_wanted(still)
    crops = tf.random.stateless_uniform([3, 16, 16, 1], [1, 2])
    moved = augmentation.augment(crops, tf.constant([1, 2], tf.int64), still)
    np.testing.assert_allclose(moved, crops, atol=1e-5)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_augmentation_moves_a_ramp_affinely_about_its_centre(in_pipeline: bool) -> None:
    """An affine map of a linear ramp is linear; without shift the value at the centre stays."""
    config = GraderConfig(shear=0.1, zoom=0.1, rotation_deg=5.0, shift=0.0)
    ramp = np.tile(np.arange(33, dtype=np.float32), (2, 33, 1))[..., np.newaxis]
    seed = tf.constant([7, 8], tf.int64)
    if in_pipeline:
        dataset = tf.data.Dataset.from_tensors(ramp).map(lambda crops: augmentation.augment(crops, seed, config))
        moved = next(iter(dataset)).numpy()
    else:
        moved = augmentation.augment(tf.constant(ramp), seed, config).numpy()
    inner = moved[:, 8:25, 8:25, 0]
    np.testing.assert_allclose(np.diff(inner, n=2, axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(np.diff(inner, n=2, axis=2), 0, atol=1e-4)
    np.testing.assert_allclose(moved[:, 16, 16, 0], 16, atol=1e-4)
    # Zoom and rotation stay within their limits: never a flip.
    steps = np.diff(inner, axis=2)
    assert steps.min() > 0.9 * np.cos(np.radians(5)) - 1e-3
    assert steps.max() < 1.1 + 1e-3
    assert np.abs(steps[0].mean() - steps[1].mean()) > 1e-4
