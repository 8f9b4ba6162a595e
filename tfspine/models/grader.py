"""The grader: the paper's Keras Sequential network (PAPER.md, the authors' own code), in Keras 3."""

from pathlib import Path

import keras

from tfspine.config import GraderConfig
from tfspine.errors import ConfigError, ModelError
from tfspine.labels import GRADES

CHANNELS = 3
KERNEL_PX = 3
POOL_PX = 2
SAME_PADDED_BLOCKS = 2
"""How many of the last blocks keep the size before pooling, where the feature map is about to vanish."""

GRADER_FILE = "grader.keras"
"""Name of the best weights in a run folder: training writes it, export and explain read it."""


def build_grader(config: GraderConfig) -> keras.Sequential:
    """Build the network: crops float32 [N, S, S, 3] in 0..1 to probabilities float32 [N, 4] of the four grades.

    Blocks of convolution - ReLU - batch normalisation - max pooling, dropout after the first and the last; a dense
    layer with ReLU and dropout; a dense layer of four; softmax, in float32 under any precision.

    Raises:
        ConfigError: the crops are too small for that many blocks.
    """
    _require_pixels(config)
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
    """Load a trained grader for reading, in float32 whatever it was trained in; loss and optimizer are left behind.

    Rounded to bfloat16 a grader answers a little differently in a SavedModel, where operations are fused.

    Raises:
        ModelError: there is no such file, or it is no grader.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such grader; train it with tfspine train grader")
    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, KeyError) as error:
        raise ModelError(f"{path}: not a Keras model: {error}") from error
    if model.output_shape != (None, len(GRADES)):
        raise ModelError(f"{path}: gives {model.output_shape[1:]} values a crop; expected {len(GRADES)} grades")
    for layer in (model, *model.layers):
        layer.dtype_policy = keras.DTypePolicy("float32")
    return model


def _padding(config: GraderConfig, block: int) -> str:
    return "same" if block >= len(config.filters) - SAME_PADDED_BLOCKS else "valid"


def _require_pixels(config: GraderConfig) -> None:
    """Follow the size of the feature map, 150 -> 74 -> 36 -> 17 -> 7 -> 3 -> 1, and refuse one that vanishes."""
    size = config.crop_size_px
    for block in range(len(config.filters)):
        size = (size - (KERNEL_PX - 1 if _padding(config, block) == "valid" else 0)) // POOL_PX
        if size < 1:
            raise ConfigError(
                f"grader.crop_size_px = {config.crop_size_px}: nothing is left after block {block + 1} of "
                f"{len(config.filters)}; use larger crops or fewer grader.filters"
            )
