"""The grader: the paper's Keras Sequential network (docs/paper.md, published code), in Keras 3."""

import zipfile
from pathlib import Path

import keras

from tfspine.config import GraderConfig
from tfspine.config.contradictions import KERNEL_PX, POOL_PX, is_same_padded, vanishing
from tfspine.errors import ConfigError, ModelError
from tfspine.labels import GRADES

CHANNELS = 3
GRADER_FILE = "grader.keras"
"""Name of the best weights in a run folder: training writes it, export and explain read it."""


def build_grader(config: GraderConfig) -> keras.Sequential:
    """Build the network: crops float32 [N, S, S, 3] in 0..1 to probabilities float32 [N, 4] of the four grades.

    Blocks of convolution - ReLU - batch normalisation - max pooling, dropout after the first and the last; a dense
    layer with ReLU and dropout; a dense layer of four; softmax, in float32 under any precision.

    Raises:
        ConfigError: the crops are too small for that many blocks.
    """
    for _, message in vanishing(config):
        raise ConfigError(message)
    size = config.crop_size_px
    layers = [keras.layers.Input((size, size, CHANNELS), name="crops")]
    last = len(config.filters) - 1
    for block, filters in enumerate(config.filters):
        layers += [
            keras.layers.Conv2D(filters, KERNEL_PX, padding=_padding(config, block), activation="relu"),
            keras.layers.BatchNormalization(momentum=config.norm_momentum),
            keras.layers.MaxPooling2D(POOL_PX),
        ]
        if block in (0, last):
            layers.append(keras.layers.Dropout(config.dropout))
    layers += [
        keras.layers.Flatten(),
        keras.layers.Dense(config.dense_units, activation="relu"),
        keras.layers.Dropout(config.dropout),
        keras.layers.Dense(len(GRADES)),
        keras.layers.Activation("softmax", dtype="float32", name="probabilities"),
    ]
    return keras.Sequential(layers, name="grader")


def load_grader(path: Path) -> keras.Sequential:
    """Load a trained grader for inference, in float32 whatever its training precision, without loss and optimizer.

    In bfloat16 a grader would give slightly different results in a SavedModel, where operations are fused.

    Raises:
        ModelError: the file does not exist, or is not a grader.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such grader; train it with tfspine train grader")
    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{path}: not a Keras model that can be read: {reason}; train it again") from error
    if model.output_shape != (None, len(GRADES)):
        raise ModelError(f"{path}: gives {model.output_shape[1:]} values per crop; expected {len(GRADES)} grades")
    for layer in (model, *model.layers):
        layer.dtype_policy = keras.DTypePolicy("float32")
    return model


def _padding(config: GraderConfig, block: int) -> str:
    return "same" if is_same_padded(config, block) else "valid"
