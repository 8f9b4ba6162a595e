"""The grader is the network of docs/paper.md, layer by layer."""

import dataclasses
import itertools
from pathlib import Path

import keras
import numpy as np
import pytest

from tfspine.config import GraderConfig, Precision
from tfspine.errors import ConfigError, ModelError
from tfspine.models.grader import build_grader, load_grader
from tfspine.training.epochs import restore_epoch
from tfspine.training.runtime import KERAS_POLICY

# docs/paper.md, "The authors' published code", written out by hand: (layer, setting, feature map at 150 pixels).
PAPER_LAYERS = [
    ("Conv2D", (32, "valid"), (148, 148, 32)),
    ("BatchNormalization", None, (148, 148, 32)),
    ("MaxPooling2D", (2, 2), (74, 74, 32)),
    ("Dropout", 0.2, (74, 74, 32)),
    ("Conv2D", (64, "valid"), (72, 72, 64)),
    ("BatchNormalization", None, (72, 72, 64)),
    ("MaxPooling2D", (2, 2), (36, 36, 64)),
    ("Conv2D", (64, "valid"), (34, 34, 64)),
    ("BatchNormalization", None, (34, 34, 64)),
    ("MaxPooling2D", (2, 2), (17, 17, 64)),
    ("Conv2D", (64, "valid"), (15, 15, 64)),
    ("BatchNormalization", None, (15, 15, 64)),
    ("MaxPooling2D", (2, 2), (7, 7, 64)),
    ("Conv2D", (32, "same"), (7, 7, 32)),
    ("BatchNormalization", None, (7, 7, 32)),
    ("MaxPooling2D", (2, 2), (3, 3, 32)),
    ("Conv2D", (32, "same"), (3, 3, 32)),
    ("BatchNormalization", None, (3, 3, 32)),
    ("MaxPooling2D", (2, 2), (1, 1, 32)),
    ("Dropout", 0.2, (1, 1, 32)),
    ("Flatten", None, (32,)),
    ("Dense", (512, "relu"), (512,)),
    ("Dropout", 0.2, (512,)),
    ("Dense", (4, "linear"), (4,)),
    ("Activation", "softmax", (4,)),
]

TINY = GraderConfig(crop_size_px=16, filters=(4, 4), dense_units=8, norm_momentum=0.5)


def _setting(layer: keras.Layer) -> object:
    match type(layer).__name__:
        case "Conv2D":
            assert layer.kernel_size == (3, 3)
            assert layer.activation is keras.activations.relu
            return layer.filters, layer.padding
        case "Dense":
            return layer.units, layer.activation.__name__
        case "MaxPooling2D":
            return layer.pool_size
        case "Dropout":
            return layer.rate
        case "Activation":
            return layer.activation.__name__
    return None


def test_layers_are_those_of_the_paper() -> None:
    layers = build_grader(GraderConfig()).layers
    assert [(type(layer).__name__, _setting(layer), tuple(layer.output.shape[1:])) for layer in layers] == PAPER_LAYERS


def test_number_of_weights_is_that_of_hand_arithmetic() -> None:
    channels = [3, 32, 64, 64, 64, 32, 32]
    convolutions = sum(9 * a * b + b + 4 * b for a, b in itertools.pairwise(channels))
    dense = 32 * 512 + 512 + 512 * 4 + 4
    assert build_grader(GraderConfig()).count_params() == convolutions + dense


def test_crops_too_small_for_the_blocks_are_refused() -> None:
    # 60 -> 29 -> 13 -> 5 -> 1 -> 0.
    with pytest.raises(ConfigError, match=r"grader.crop_size_px = 60: nothing is left after block 5 of 6"):
        build_grader(GraderConfig(crop_size_px=60))


@pytest.mark.slow
@pytest.mark.parametrize("precision", list(KERAS_POLICY))
def test_builds_steps_saves_and_answers_the_same_again(precision: Precision, tmp_path: Path) -> None:
    crops = np.random.default_rng(0).random((3, 16, 16, 3), np.float32)
    grades = np.eye(4, dtype=np.float32)[[0, 3, 1]]
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(KERAS_POLICY[precision])
    try:
        model = build_grader(TINY)
        model.compile("adam", "categorical_crossentropy")
        assert np.isfinite(model.train_on_batch(crops, grades))
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    answer = model.predict(crops, verbose=0)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer.sum(-1), 1.0, atol=1e-5)
    assert model.layers[0].compute_dtype == {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}[precision]
    model.save(tmp_path / "grader.keras")
    read = load_grader(tmp_path / "grader.keras").predict(crops, verbose=0)
    np.testing.assert_allclose(read, answer, atol={"fp32": 1e-6, "fp16": 1e-3, "bf16": 1e-2}[precision])
    exact = build_grader(TINY)
    exact.set_weights(model.get_weights())
    np.testing.assert_allclose(read, exact.predict(crops, verbose=0), atol=1e-6)  # float32, whatever it learned in


@pytest.mark.slow
def test_overfits_a_few_crops() -> None:
    keras.utils.set_random_seed(1)
    crops = np.random.default_rng(0).random((32, 16, 16, 3), np.float32)
    grades = np.eye(4, dtype=np.float32)[np.arange(32) % 4]
    model = build_grader(dataclasses.replace(TINY, filters=(8, 16), dense_units=32, dropout=0.0))
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(crops, grades, batch_size=32, epochs=40, verbose=0)
    assert model.evaluate(crops, grades, verbose=0)[1] == 1.0


def test_loading_what_is_not_a_grader_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such grader; train it with tfspine train grader"):
        load_grader(tmp_path / "grader.keras")
    (tmp_path / "grader.keras").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="not a Keras model"):
        load_grader(tmp_path / "grader.keras")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_grader_that_is_cut_short_is_one_line(share: float, tmp_path: Path) -> None:
    path = tmp_path / "grader.keras"
    build_grader(TINY).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r"grader\.keras: not a Keras model that can be read") as refusal:
        load_grader(path)
    assert "\n" not in str(refusal.value)


def test_an_epoch_that_is_cut_short_is_one_line(tmp_path: Path) -> None:
    model = build_grader(TINY)
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    path = tmp_path / "00001.weights.h5"
    model.save_weights(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"00001\.weights\.h5: cannot be read: .*; remove .* to train from the start"):
        restore_epoch(model, tmp_path)
