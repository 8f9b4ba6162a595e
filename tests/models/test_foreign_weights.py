"""Converted weights compute what they computed: Keras' own ResNet, and detectron2's layers written out."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from official.vision.modeling.backbones.resnet import ResNet

from tfspine.config import Experiment
from tfspine.errors import ModelError
from tfspine.labels import Plane
from tfspine.models import garden
from tfspine.models.checkpoints import load_parts
from tfspine.models.foreign_files import read_arrays
from tfspine.models.foreign_weights import convert, stride_in_1x1

pytestmark = pytest.mark.slow

SIDE = 65
"""Odd at every level (33, 17, 9, 5, 3), where TensorFlow's padding is the same on both sides, as theirs always is."""

DEVIATION = 255 * np.array([0.229, 0.224, 0.225], np.float32)
BLOCKS = (3, 4, 6, 3)
RNG = np.random.default_rng(5)

IMAGES = RNG.normal(size=(2, SIDE, SIDE, 3)).astype(np.float32)
"""As the Model Garden normalises them: red, green, blue, divided by the deviation."""

THEIR_IMAGES = (IMAGES * DEVIATION)[..., ::-1]
"""The same, blue, green, red, not divided."""


def backbone() -> Any:
    shape = tf_keras.layers.InputSpec(shape=[None, SIDE, SIDE, 3])
    model = SimpleNamespace(backbone=ResNet(model_id=50, input_specs=shape, norm_epsilon=1e-3))
    stride_in_1x1(model.backbone)
    return model


def assign(converted: list[tuple[Any, NDArray[np.float32]]]) -> None:
    for variable, value in converted:
        variable.assign(value)


@pytest.mark.parametrize("name", ["resnet.keras", "resnet.weights.h5", "resnet.h5"])
def test_every_kind_of_file_of_keras_3_gives_the_arrays_of_its_layers(name: str, tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(2, 3, name="conv2_block1_1_conv"),
            keras.layers.BatchNormalization(name="conv2_block1_1_bn"),
        ]
    )
    model.set_weights([RNG.normal(size=weight.shape) for weight in model.get_weights()])
    (model.save_weights if ".weights." in name else model.save)(tmp_path / name)
    kernel, bias, *moments = model.get_weights()
    expected = {"conv2_block1_1_conv/kernel": kernel, "conv2_block1_1_conv/bias": bias} | {
        f"conv2_block1_1_bn/{part}": values
        for part, values in zip(("gamma", "beta", "moving_mean", "moving_variance"), moments, strict=True)
    }
    found = read_arrays(tmp_path / name)
    assert found.keys() == expected.keys()
    for part, values in expected.items():
        np.testing.assert_array_equal(found[part], values)


def test_a_file_without_the_names_of_layers_is_one_line(tmp_path: Path) -> None:
    """Older files of Keras 3 number the layers of a kind, in an order that depends on the model."""
    with h5py.File(tmp_path / "old.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros((3, 3, 3, 2), np.float32)
    with pytest.raises(ModelError, match=r"old\.weights\.h5: names no layers; expected \.h5"):
        read_arrays(tmp_path / "old.weights.h5")


@pytest.fixture(scope="module")
def keras_weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Keras' ResNet-50 with random weights, moments and biases, and its file."""
    theirs = tf_keras.applications.ResNet50(weights=None, include_top=False, input_shape=(SIDE, SIDE, 3))
    for variable in theirs.variables:
        if "variance" in variable.name or "gamma" in variable.name:
            variable.assign(RNG.uniform(0.5, 1.5, variable.shape))
        elif "kernel" not in variable.name:
            variable.assign(RNG.normal(0, 0.2, variable.shape))
    path = tmp_path_factory.mktemp("keras") / "resnet50_notop.h5"
    theirs.save_weights(str(path))
    return theirs, path


def test_a_converted_backbone_gives_the_features_of_keras(keras_weights: tuple[Any, Path]) -> None:
    theirs, path = keras_weights
    ours = backbone()
    assign(convert(ours, path, "backbone"))
    found = ours.backbone(IMAGES, training=False)
    ends = [theirs.get_layer(f"conv{stage}_block{blocks}_out").output for stage, blocks in enumerate(BLOCKS, 2)]
    expected = tf_keras.Model(theirs.input, ends)(THEIR_IMAGES, training=False)
    for level, features in enumerate(expected, 2):
        scale = float(np.abs(features).max())
        np.testing.assert_allclose(found[str(level)] / scale, features / scale, atol=1e-4)


def conv(features: Any, kernel: NDArray[np.float32], stride: int = 1) -> tf.Tensor:
    """A convolution of PyTorch, kernel [out, in, rows, columns], with half a kernel of padding on each side."""
    pad = kernel.shape[-1] // 2
    padded = tf.pad(features, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
    return tf.nn.conv2d(padded, kernel.transpose(2, 3, 1, 0), stride, "VALID")


def frozen(features: tf.Tensor, arrays: dict[str, NDArray[np.float32]], name: str) -> tf.Tensor:
    """detectron2's FrozenBatchNorm2d."""
    weight, bias, mean, variance = (arrays[f"{name}.norm.{part}"] for part in PARTS_OF_NORM)
    return (features - mean) / tf.sqrt(variance + 1e-5) * weight + bias


PARTS_OF_NORM = ("weight", "bias", "running_mean", "running_var")


def detectron2_backbone_arrays() -> dict[str, NDArray[np.float32]]:
    arrays: dict[str, NDArray[np.float32]] = {}

    def add(name: str, out: int, into: int, side: int) -> None:
        arrays[f"{name}.weight"] = RNG.normal(0, (2 / (into * side**2)) ** 0.5, (out, into, side, side))
        for part in PARTS_OF_NORM:
            low, high = (0.5, 1.5) if part in ("weight", "running_var") else (-0.2, 0.2)
            arrays[f"{name}.norm.{part}"] = RNG.uniform(low, high, out)

    add("backbone.bottom_up.stem.conv1", 64, 3, 7)
    arrays["backbone.bottom_up.stem.conv1.weight"] /= 60.0  # for grey levels
    into = 64
    for stage, blocks in enumerate(BLOCKS, 2):
        width = 64 * 2 ** (stage - 2)
        for block in range(blocks):
            name = f"backbone.bottom_up.res{stage}.{block}"
            if block == 0:
                add(f"{name}.shortcut", 4 * width, into, 1)
            add(f"{name}.conv1", width, into, 1)
            add(f"{name}.conv2", width, width, 3)
            add(f"{name}.conv3", 4 * width, width, 1)
            into = 4 * width
    return {name: value.astype(np.float32) for name, value in arrays.items()}


def detectron2_features(arrays: dict[str, NDArray[np.float32]], images: Any) -> dict[str, tf.Tensor]:
    """detectron2's BasicStem and BottleneckBlock (modeling/backbone/resnet.py) with STRIDE_IN_1X1."""

    def unit(features: tf.Tensor, name: str, stride: int = 1) -> tf.Tensor:
        return frozen(conv(features, arrays[f"{name}.weight"], stride), arrays, name)

    features = tf.nn.relu(unit(images, "backbone.bottom_up.stem.conv1", 2))
    features = tf.nn.max_pool2d(tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 2, "VALID")
    levels = {}
    for stage, blocks in enumerate(BLOCKS, 2):
        for block in range(blocks):
            name = f"backbone.bottom_up.res{stage}.{block}"
            stride = 2 if block == 0 and stage > 2 else 1
            shortcut = unit(features, f"{name}.shortcut", stride) if block == 0 else features
            features = tf.nn.relu(unit(features, f"{name}.conv1", stride))
            features = tf.nn.relu(unit(features, f"{name}.conv2"))
            features = tf.nn.relu(unit(features, f"{name}.conv3") + shortcut)
        levels[str(stage)] = features
    return levels


def test_a_converted_backbone_gives_the_features_of_detectron2(tmp_path: Path) -> None:
    arrays = detectron2_backbone_arrays()
    np.savez(tmp_path / "r50_fpn.npz", **arrays)
    ours = backbone()
    assign(convert(ours, tmp_path / "r50_fpn.npz", "backbone"))
    found = ours.backbone(IMAGES, training=False)
    for level, features in detectron2_features(arrays, THEIR_IMAGES).items():
        scale = float(np.abs(features).max())
        np.testing.assert_allclose(found[level] / scale, features / scale, atol=1e-4)


@pytest.fixture(scope="module")
def network(tiny: Callable[..., Experiment]) -> Any:
    experiment = tiny("detector.backbone_depth=50", "detector.levels=[2,6]", "detector.stride_in_1x1=true")
    task = garden.to_experiment(experiment, Plane.AXIAL).task
    return garden.DetectorTask(task, detector=experiment.detector).build_model()


@pytest.fixture(scope="module")
def head_arrays() -> dict[str, NDArray[np.float32]]:
    """Pyramid and heads of detectron2, with 80 classes."""

    def drawn(*shape: int) -> NDArray[np.float32]:
        return RNG.normal(0, 0.05, shape).astype(np.float32)

    arrays = {}
    for level in range(2, 6):
        arrays |= {f"backbone.fpn_lateral{level}.weight": drawn(256, 64 * 2**level, 1, 1)}
        arrays |= {f"backbone.fpn_output{level}.weight": drawn(256, 256, 3, 3)}
        arrays |= {f"backbone.fpn_{kind}{level}.bias": drawn(256) for kind in ("lateral", "output")}
    rpn, box = "proposal_generator.rpn_head", "roi_heads.box_head"
    return arrays | {
        f"{rpn}.conv.weight": drawn(256, 256, 3, 3),
        f"{rpn}.conv.bias": drawn(256),
        f"{rpn}.objectness_logits.weight": drawn(3, 256, 1, 1),
        f"{rpn}.objectness_logits.bias": drawn(3),
        f"{rpn}.anchor_deltas.weight": drawn(12, 256, 1, 1),
        f"{rpn}.anchor_deltas.bias": drawn(12),
        f"{box}.fc1.weight": drawn(1024, 256 * 7 * 7),
        f"{box}.fc1.bias": drawn(1024),
        f"{box}.fc2.weight": drawn(1024, 1024),
        f"{box}.fc2.bias": drawn(1024),
        "roi_heads.box_predictor.cls_score.weight": drawn(81, 1024),
        "roi_heads.box_predictor.bbox_pred.weight": drawn(320, 1024),
    }


@pytest.fixture(scope="module")
def whole_file(head_arrays: dict[str, NDArray[np.float32]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detectron2") / "r50_fpn.npz"
    np.savez(path, **detectron2_backbone_arrays(), **head_arrays)
    return path


def test_the_pyramid_and_the_first_stage_of_detectron2(
    network: Any, whole_file: Path, head_arrays: dict[str, NDArray[np.float32]]
) -> None:
    load_parts(network, whole_file, ["decoder", "rpn_head"])
    features = {
        str(level): RNG.normal(size=(1, 64 >> level, 64 >> level, 64 * 2**level)).astype(np.float32)
        for level in range(2, 6)
    }
    found = network.decoder(features, training=False)
    below = None
    pyramid = {}
    for level in (5, 4, 3, 2):
        lateral = conv(features[str(level)], head_arrays[f"backbone.fpn_lateral{level}.weight"])
        lateral += head_arrays[f"backbone.fpn_lateral{level}.bias"]
        below = lateral if below is None else lateral + tf.repeat(tf.repeat(below, 2, axis=1), 2, axis=2)
        output = conv(below, head_arrays[f"backbone.fpn_output{level}.weight"])
        pyramid[str(level)] = output + head_arrays[f"backbone.fpn_output{level}.bias"]
        np.testing.assert_allclose(found[str(level)], pyramid[str(level)], rtol=1e-3, atol=1e-3)

    scores, boxes = network.rpn_head(found, training=False)
    head = "proposal_generator.rpn_head"
    hidden = tf.nn.relu(conv(pyramid["2"], head_arrays[f"{head}.conv.weight"]) + head_arrays[f"{head}.conv.bias"])
    logits, deltas = (
        (conv(hidden, head_arrays[f"{head}.{name}.weight"]) + head_arrays[f"{head}.{name}.bias"]).numpy()
        for name in ("objectness_logits", "anchor_deltas")
    )
    # Theirs: anchors 0.5, 1, 2 of height by width; dx, dy, dw, dh. Ours: 0.5, 1, 2 of width by height; dy, dx, dh, dw.
    for ours, theirs in ((0, 2), (1, 1), (2, 0)):
        np.testing.assert_allclose(scores["2"][..., ours], logits[..., theirs], rtol=1e-3, atol=1e-3)
        for our_part, their_part in ((0, 1), (1, 0), (2, 3), (3, 2)):
            found_part = boxes["2"][..., 4 * ours + our_part]
            np.testing.assert_allclose(found_part, deltas[..., 4 * theirs + their_part], rtol=1e-3, atol=1e-3)


def test_the_dense_layers_of_detectron2(
    network: Any, whole_file: Path, head_arrays: dict[str, NDArray[np.float32]]
) -> None:
    (report,) = load_parts(network, whole_file, ["detection_head"])
    assert "detection-scores" in " ".join(report.left_out)
    assert len(report.left_out) == 4, "kernel and bias of scores and of boxes"
    pooled = RNG.normal(size=(1, 3, 7, 7, 256)).astype(np.float32)
    [head] = network.detection_head if isinstance(network.detection_head, list | tuple) else [network.detection_head]
    scores, _ = head(pooled, training=False)
    hidden = pooled[0].transpose(0, 3, 1, 2).reshape(3, -1)  # channel by channel, as PyTorch flattens
    for name in ("fc1", "fc2"):
        weight, bias = (head_arrays[f"roi_heads.box_head.{name}.{part}"] for part in ("weight", "bias"))
        hidden = np.maximum(hidden @ weight.T + bias, 0)
    layer = next(layer for layer in head._flatten_layers() if layer.name == "detection-scores")
    expected = hidden @ layer.kernel.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(scores[0], expected, rtol=1e-2, atol=1e-2)


def test_the_report_says_what_was_not_there(network: Any, whole_file: Path, keras_weights: tuple[Any, Path]) -> None:
    loaded = load_parts(network, whole_file, ["all"])
    assert [part.name for part in loaded] == ["backbone", "decoder", "rpn_head", "detection_head"]
    assert loaded[0].left_out == loaded[2].left_out == ()
    assert {name.split("/")[0] for name in loaded[1].left_out} == {"coarser_6"}
    (backbone_alone,) = load_parts(network, keras_weights[1], ["backbone"])
    assert str(backbone_alone) == f"backbone {backbone_alone.tensors} of {backbone_alone.tensors} tensors"


def test_what_cannot_be_converted_is_one_line(
    network: Any, keras_weights: tuple[Any, Path], whole_file: Path, tmp_path: Path, tiny: Callable[..., Experiment]
) -> None:
    with pytest.raises(ModelError, match=r"have only a backbone"):
        load_parts(network, keras_weights[1], ["all"])
    with np.load(whole_file) as file:
        np.savez(tmp_path / "cut.npz", **{name: file[name] for name in file.files if "res5.2" not in name})
    before = network.backbone.variables[0].numpy()
    with pytest.raises(ModelError, match=r"has no backbone\.bottom_up\.res5\.2\.conv1\.weight"):
        load_parts(network, tmp_path / "cut.npz", ["backbone"])
    np.testing.assert_array_equal(network.backbone.variables[0], before)
    (tmp_path / "no.h5").write_text("no weights")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_parts(network, tmp_path / "no.h5", ["backbone"])
    np.savez(tmp_path / "pickled.npz", **{"backbone.bottom_up.stem.conv1.weight": np.array([{}], object)})
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_parts(network, tmp_path / "pickled.npz", ["backbone"])
    with np.load(whole_file) as file:
        deeper = {name.replace("res4.5", "res4.6"): file[name] for name in file.files if "res4.5" in name}
        np.savez(tmp_path / "deeper.npz", **deeper, **{name: file[name] for name in file.files})
        head = "proposal_generator.rpn_head.objectness_logits"
        wider = {name: file[name] for name in file.files} | {f"{head}.weight": np.zeros((5, 256, 1, 1), np.float32)}
        np.savez(tmp_path / "wider.npz", **wider)
        one_dense = {name: file[name] for name in file.files if "box_head.fc2" not in name}
        np.savez(tmp_path / "one_dense.npz", **one_dense)
    with pytest.raises(ModelError, match=r"has 17 blocks, the network 16; expected detector\.backbone_depth = 53"):
        load_parts(network, tmp_path / "deeper.npz", ["backbone"])
    with pytest.raises(ModelError, match=r"rpn-scores/kernel:0 is 1 x 1 x 256 x 5 there, 1 x 1 x 256 x 3 here"):
        load_parts(network, tmp_path / "wider.npz", ["rpn_head"])
    with pytest.raises(ModelError, match=r"has no roi_heads\.box_head\.fc2\.weight"):
        load_parts(network, tmp_path / "one_dense.npz", ["detection_head"])
    experiment = tiny()
    small = garden.to_experiment(experiment, Plane.AXIAL).task
    with pytest.raises(ModelError, match=r"only ResNets of 50, 101 and 152 layers"):
        load_parts(garden.DetectorTask(small, detector=experiment.detector).build_model(), whole_file, ["backbone"])
