"""The fused batch normalisation computes what Keras' own layer does, and leaves no trace in files."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfspine.config import GraderConfig
from tfspine.models.batch_norm import FusedBatchNormalization, with_fused_norms, with_keras_norms
from tfspine.models.grader import build_grader, load_grader

pytestmark = pytest.mark.slow

SMALL = GraderConfig(crop_size_px=16, filters=(8, 8), dense_units=8, dropout=0.0)


@pytest.fixture
def activations() -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).normal(3.0, 2.0, (5, 7, 6, 4)), tf.float32)


def _trained_once(layer: keras.layers.Layer, activations: tf.Tensor) -> list[np.ndarray]:
    """Return outputs, gradients of their cubes, and the running moments after one step."""
    layer.build(activations.shape)
    layer.gamma.assign([0.5, 1.0, 1.5, 2.0])
    layer.beta.assign([0.0, -1.0, 1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(activations)
        outputs = layer(activations, training=True)
        loss = tf.reduce_sum(outputs**3)
    gradients = tape.gradient(loss, [activations, *(weight.value for weight in layer.trainable_weights)])
    return [np.asarray(value) for value in (outputs, *gradients, layer.moving_mean, layer.moving_variance)]


def test_outputs_gradients_and_running_moments_are_those_of_keras(activations: tf.Tensor) -> None:
    theirs = _trained_once(keras.layers.BatchNormalization(momentum=0.9), activations)
    ours = _trained_once(FusedBatchNormalization(momentum=0.9), activations)
    assert len(ours) == 6
    for ours_, theirs_ in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(ours_, theirs_, rtol=2e-4, atol=2e-4)


def test_the_running_variance_is_the_biased_one() -> None:
    layer = FusedBatchNormalization(momentum=0.0)
    layer(tf.reshape(tf.constant([1.0, 3.0]), (2, 1, 1, 1)), training=True)
    assert float(layer.moving_variance[0]) == pytest.approx(1.0)  # unbiased, it would be 2


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_moments_are_float32_under_any_precision(precision: str, activations: tf.Tensor) -> None:
    layer = FusedBatchNormalization(momentum=0.0, dtype=precision)
    outputs = layer(activations, training=True)
    assert outputs.dtype == layer.compute_dtype
    assert layer.moving_mean.dtype == "float32"
    np.testing.assert_allclose(np.asarray(layer.moving_mean), activations.numpy().mean((0, 1, 2)), rtol=5e-3)


def test_a_frozen_layer_uses_its_running_moments(activations: tf.Tensor) -> None:
    layer = FusedBatchNormalization()
    layer.trainable = False
    np.testing.assert_allclose(layer(activations, training=True), activations / np.sqrt(1.001), rtol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(4))


def test_files_hold_layers_of_keras_with_the_same_weights(tmp_path: Path) -> None:
    network = build_grader(SMALL)
    fused = with_fused_norms(network)
    assert [type(layer) for layer in fused.layers if "norm" in layer.name] == [FusedBatchNormalization] * 2
    crops = np.random.default_rng(2).random((3, 16, 16, 3), np.float32)
    fused(crops, training=True)  # moves the running moments away from the original's
    with_keras_norms(fused).save(tmp_path / "grader.keras")
    read = load_grader(tmp_path / "grader.keras")
    assert not [layer for layer in read.layers if isinstance(layer, FusedBatchNormalization)]
    np.testing.assert_allclose(read(crops), fused(crops, training=False), rtol=1e-6)
    assert not np.allclose(read(crops), network(crops, training=False))
