"""Weights of Keras' applications and of detectron2, converted to the Model Garden's Faster R-CNN.

Both were trained with the stride of a stage in its first 1x1 convolution (`detector.stride_in_1x1`), on images in the
order blue, green, red, from which a mean was subtracted and nothing divided. The first kernel is turned round and
scaled for the Model Garden's normalised images. Biases and other epsilons of batch normalisation are put into its
moments and factors, and normalisations that the source does not have become the identity, which they stay if they are
frozen (`detector.batch_norm`).

- Keras: `resnet50`, `resnet101` or `resnet152`, with its own names of layers (He 2016, arXiv:1512.03385): the
  backbone. The means differ from the Model Garden's by at most 0.5 of 255 grey levels, which is left out.
- detectron2: Faster R-CNN R50-FPN or R101-FPN of its model zoo, as arrays under the names of its state dictionary
  (docs/training.md has the lines that write them): all parts but the layers of the classes, and level 6 of the pyramid,
  which has no weights there.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray
from official.vision.modeling.layers.nn_blocks import BottleneckBlock
from official.vision.ops.preprocess_ops import STDDEV_RGB

from tfspine.errors import ModelError
from tfspine.models.foreign_files import Arrays, is_keras, read_arrays

KERAS_EPSILON, DETECTRON2_EPSILON = 1.001e-5, 1e-5
"""Added to the variance: keras.applications.resnet, and detectron2's FrozenBatchNorm2d."""

POOLED_PX = 7
"""Side of the pooled regions before the dense layers (detectron2: ROI_BOX_HEAD.POOLER_RESOLUTION)."""

FIRST_OF_BLOCK = re.compile(r"conv\d_block\d+_1_conv/kernel|backbone\.bottom_up\.res\d\.\d+\.conv1\.weight")
"""Of each block of a ResNet one array, in Keras and in detectron2."""

Converted = list[tuple[Any, NDArray[np.float32]]]
"""Variables of the network, each with its value."""


@dataclass(frozen=True)
class _Unit:
    """A convolution and its normalisation: number 0 is the shortcut, 1 to 3 are the others; the stem is stage 1."""

    stage: int
    block: int
    number: int
    kernel: Any
    norm: tf_keras.layers.BatchNormalization


def stride_in_1x1(backbone: tf_keras.Model) -> None:
    """Let the first 1x1 convolution of a stage halve the size, where the Model Garden's 3x3 after it does."""
    for block in backbone.layers:
        if isinstance(block, BottleneckBlock):
            first, second = block._conv1, block._conv2
            if second.strides != (1, 1):
                first.strides, second.strides = second.strides, (1, 1)


def convert(model: tf_keras.Model, path: str | Path, part: str) -> Converted:
    """Return the variables of one part that the file has, with their values.

    Args:
        model: the Model Garden's Faster R-CNN.
        path: a file that `read_arrays` reads.
        part: ``"backbone"``, ``"decoder"``, ``"rpn_head"`` or ``"detection_head"``.

    Raises:
        ModelError: the file cannot be read, does not have the part, or belongs to another network.
    """
    arrays = read_arrays(Path(path))
    converters = KERAS_PARTS if is_keras(path) else DETECTRON2_PARTS
    if part not in converters:
        raise ModelError(
            f'{path}: Keras\' applications have only a backbone; expected detector.checkpoint_modules = ["backbone"]'
        )
    where = f"{path}: {part}"
    if part == "backbone":
        _require_depth(model.backbone, arrays, where)
    try:
        converted = list(converters[part](model, arrays))
    except KeyError as error:
        raise ModelError(
            f"{where}: has no {error.args[0]}; expected the weights of the same network (detector.backbone_depth)"
        ) from None
    _require_shapes(converted, where)
    return converted


def _require_shapes(converted: Converted, where: str) -> None:
    for variable, value in converted:
        if tuple(variable.shape) != value.shape:
            there, here = (" x ".join(map(str, shape)) for shape in (value.shape, variable.shape))
            raise ModelError(
                f"{where}: {variable.name} is {there} there, {here} here; expected the weights of the same network"
            )


def _require_depth(backbone: tf_keras.Model, arrays: Arrays, where: str) -> None:
    """Refuse a deeper network, whose first blocks alone would fit."""
    there = sum(FIRST_OF_BLOCK.fullmatch(name) is not None for name in arrays)
    here = sum(isinstance(layer, BottleneckBlock) for layer in backbone.layers)
    if 0 < here < there:
        # Three convolutions a block, the stem, and the classifier's dense layer.
        raise ModelError(
            f"{where}: has {there} blocks, the network {here}; expected detector.backbone_depth = {3 * there + 2}"
        )


def _units(backbone: tf_keras.Model) -> Iterator[_Unit]:
    stem_kernel, stem_norm = None, None
    stage, block = 1, 0
    for layer in backbone.layers:
        if isinstance(layer, tf_keras.layers.Conv2D) and stem_kernel is None:
            stem_kernel = layer.kernel
        elif isinstance(layer, tf_keras.layers.BatchNormalization) and stem_norm is None:
            stem_norm = layer
            yield _Unit(1, 1, 0, stem_kernel, stem_norm)
        elif isinstance(layer, BottleneckBlock):
            inner = list(layer._flatten_layers(recursive=True, include_self=False))
            kernels = [item.kernel for item in inner if isinstance(item, tf_keras.layers.Conv2D)]
            norms = [item for item in inner if isinstance(item, tf_keras.layers.BatchNormalization)]
            has_shortcut = len(kernels) == 4
            stage, block = (stage + 1, 1) if has_shortcut else (stage, block + 1)
            for number, (kernel, norm) in enumerate(zip(kernels, norms, strict=True), 0 if has_shortcut else 1):
                yield _Unit(stage, block, number, kernel, norm)
    if stage == 1:
        raise ModelError("detector.backbone_depth: only ResNets of 50, 101 and 152 layers have weights elsewhere")


def _first_kernel(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the stem's kernel [7, 7, 3, 64] for red, green, blue divided by their deviation, not blue, green, red."""
    deviations = np.array(STDDEV_RGB, np.float32)[:, np.newaxis]
    return kernel[:, :, ::-1] * deviations


def _normalised(
    norm: Any, gamma: Any, beta: Any, mean: Any, variance: Any, *, epsilon: float, bias: Any = 0.0
) -> Converted:
    """Return the values of a normalisation that, with its own epsilon, does what another did after adding a bias."""
    factor = gamma * np.sqrt((variance + norm.epsilon) / (variance + epsilon))
    return [(norm.gamma, factor), (norm.beta, beta), (norm.moving_mean, mean - bias), (norm.moving_variance, variance)]


def _identity(norm: Any) -> Converted:
    ones = np.ones(norm.gamma.shape, np.float32)
    return _normalised(norm, ones, 0 * ones, 0 * ones, ones, epsilon=0.0)


def _keras_backbone(model: tf_keras.Model, arrays: Arrays) -> Iterator[tuple[Any, NDArray[np.float32]]]:
    for unit in _units(model.backbone):
        prefix = "conv1" if unit.stage == 1 else f"conv{unit.stage}_block{unit.block}_{unit.number}"
        kernel = arrays[f"{prefix}_conv/kernel"]
        yield unit.kernel, _first_kernel(kernel) if unit.stage == 1 else kernel
        moments = (arrays[f"{prefix}_bn/{name}"] for name in ("gamma", "beta", "moving_mean", "moving_variance"))
        yield from _normalised(unit.norm, *moments, epsilon=KERAS_EPSILON, bias=arrays[f"{prefix}_conv/bias"])


def _detectron2_backbone(model: tf_keras.Model, arrays: Arrays) -> Iterator[tuple[Any, NDArray[np.float32]]]:
    for unit in _units(model.backbone):
        name = "shortcut" if unit.number == 0 else f"conv{unit.number}"
        layer = "stem.conv1" if unit.stage == 1 else f"res{unit.stage}.{unit.block - 1}.{name}"
        prefix = f"backbone.bottom_up.{layer}"
        kernel = _from_torch(arrays[f"{prefix}.weight"])
        yield unit.kernel, _first_kernel(kernel) if unit.stage == 1 else kernel
        moments = (arrays[f"{prefix}.norm.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
        yield from _normalised(unit.norm, *moments, epsilon=DETECTRON2_EPSILON)


def _detectron2_decoder(model: tf_keras.Model, arrays: Arrays) -> Iterator[tuple[Any, NDArray[np.float32]]]:
    for layer in model.decoder.layers:
        found = re.fullmatch(r"(lateral|post_hoc)_([2-5])", layer.name)
        if found:
            prefix = f"backbone.fpn_{'lateral' if found[1] == 'lateral' else 'output'}{found[2]}"
            yield layer.kernel, _from_torch(arrays[f"{prefix}.weight"])
            yield layer.bias, arrays[f"{prefix}.bias"]
        elif isinstance(layer, tf_keras.layers.BatchNormalization):
            yield from _identity(layer)


def _detectron2_rpn_head(model: tf_keras.Model, arrays: Arrays) -> Iterator[tuple[Any, NDArray[np.float32]]]:
    """Ours lists anchors from high to wide and boxes as y, x, height, width; there it is the other way round."""
    head = "proposal_generator.rpn_head"
    kernels = {
        "rpn-conv_0": _from_torch(arrays[f"{head}.conv.weight"]),
        "rpn-scores": _from_torch(arrays[f"{head}.objectness_logits.weight"])[..., ::-1],
        "rpn-boxes": _turned_boxes(_from_torch(arrays[f"{head}.anchor_deltas.weight"])),
    }
    biases = {
        "rpn-conv_0": arrays[f"{head}.conv.bias"],
        "rpn-scores": arrays[f"{head}.objectness_logits.bias"][::-1],
        "rpn-boxes": _turned_boxes(arrays[f"{head}.anchor_deltas.bias"]),
    }
    for layer in model.rpn_head._flatten_layers(recursive=True, include_self=False):
        if layer.name in kernels:
            yield layer.kernel, kernels[layer.name]
            yield layer.bias, biases[layer.name]
        elif isinstance(layer, tf_keras.layers.BatchNormalization):
            yield from _identity(layer)


def _detectron2_detection_head(model: tf_keras.Model, arrays: Arrays) -> Iterator[tuple[Any, NDArray[np.float32]]]:
    """Dense layers see pooled regions row by row here, and channel by channel there."""
    [head] = model.detection_head if isinstance(model.detection_head, list | tuple) else [model.detection_head]
    for layer in head._flatten_layers(recursive=True, include_self=False):
        found = re.fullmatch(r"detection-fc_(\d)", layer.name)
        if found:
            prefix = f"roi_heads.box_head.fc{int(found[1]) + 1}"
            weight = arrays[f"{prefix}.weight"]
            if found[1] == "0":
                units, channels = weight.shape[0], weight.shape[1] // POOLED_PX**2
                by_channel = weight.reshape(units, channels, POOLED_PX, POOLED_PX)
                weight = by_channel.transpose(0, 2, 3, 1).reshape(units, -1)
            yield layer.kernel, weight.T
            yield layer.bias, arrays[f"{prefix}.bias"]
        elif isinstance(layer, tf_keras.layers.BatchNormalization):
            yield from _identity(layer)


def _from_torch(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel [out, in, rows, columns] as [rows, columns, in, out]."""
    return kernel.transpose(2, 3, 1, 0)


def _turned_boxes(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (dx, dy, dw, dh) of anchors from wide to high as (dy, dx, dh, dw) from high to wide, in the last axis."""
    of_anchors = values.reshape(*values.shape[:-1], -1, 4)
    return of_anchors[..., ::-1, [1, 0, 3, 2]].reshape(values.shape)


Converter = Callable[[tf_keras.Model, Arrays], Iterator[tuple[Any, NDArray[np.float32]]]]

KERAS_PARTS: Mapping[str, Converter] = {"backbone": _keras_backbone}

DETECTRON2_PARTS: Mapping[str, Converter] = {
    "backbone": _detectron2_backbone,
    "decoder": _detectron2_decoder,
    "rpn_head": _detectron2_rpn_head,
    "detection_head": _detectron2_detection_head,
}
