"""Read the arrays of weights that Keras or detectron2 wrote, under the names of their layers. Nothing is unpickled."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from tfspine.errors import ModelError

Arrays = Mapping[str, NDArray[np.float32]]
"""Arrays by name: ``conv1_conv/kernel`` of Keras, ``backbone.bottom_up.stem.conv1.weight`` of detectron2."""

KERAS_ENDINGS = (".h5", ".keras")
DETECTRON2_ENDING = ".npz"

WEIGHTS_IN_KERAS_FILE = "model.weights.h5"

NUMBERED = {
    2: ("kernel", "bias"),
    4: ("gamma", "beta", "moving_mean", "moving_variance"),
}
"""Weights that Keras 3 numbers, by how many a layer has: a convolution or dense layer, and a normalisation."""


def is_foreign(path: str | Path) -> bool:
    """Return whether a file is of Keras or detectron2, by its ending."""
    return Path(path).suffix in (*KERAS_ENDINGS, DETECTRON2_ENDING)


def is_keras(path: str | Path) -> bool:
    """Return whether a file is of Keras, by its ending."""
    return Path(path).suffix in KERAS_ENDINGS


def read_arrays(path: Path) -> Arrays:
    """Return the arrays of a file: `.h5`, `.weights.h5` or `.keras` of Keras, or `.npz`.

    Raises:
        ModelError: the file cannot be read, would have to be unpickled, or does not name its layers.
    """
    try:
        if path.suffix == DETECTRON2_ENDING:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                return _keras_arrays(io.BytesIO(archive.read(WEIGHTS_IN_KERAS_FILE)), path)
        return _keras_arrays(path, path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        if isinstance(error, ModelError):
            raise
        reason = " ".join(str(error).split())
        raise ModelError(
            f"{path}: cannot be read as weights: {reason}; expected .h5 or .keras of Keras, or .npz of arrays"
        ) from None


def _keras_arrays(source: Path | io.BytesIO, path: Path) -> Arrays:
    with h5py.File(source) as file:
        return _numbered(file, path) if "layers" in file else _named(file)


def _named(file: h5py.File) -> Arrays:
    """Read the older layout: ``conv1_conv/conv1_conv/kernel:0``, or with one level more or less."""
    found: dict[str, NDArray[np.float32]] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            layer, weight = name.split("/")[0], name.split("/")[-1].removesuffix(":0")
            found[f"{layer}/{weight}"] = item[()]

    file.get("model_weights", file).visititems(add)
    return found


def _numbered(file: h5py.File, path: Path) -> Arrays:
    """Read the layout of Keras 3: ``layers/conv2d_7/vars/0``, with the name of the layer as an attribute of `vars`."""
    found: dict[str, NDArray[np.float32]] = {}
    for layer in file["layers"].values():
        weights = layer.get("vars", {})
        if not weights:
            continue
        if "name" not in weights.attrs:
            raise ModelError(f"{path}: names no layers; expected .h5, or weights saved again by a newer Keras 3")
        for number, part in enumerate(NUMBERED.get(len(weights), ())):
            found[f"{weights.attrs['name']}/{part}"] = weights[str(number)][()]
    return found
