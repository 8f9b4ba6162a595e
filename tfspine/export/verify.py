"""Comparing a SavedModel on disk with the model in memory: what is served is what was trained."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfspine import signatures
from tfspine.errors import ModelError
from tfspine.export.plane_model import PlaneModel

BATCHES = (1, 3, 8)
TOLERANCE = 1e-4
"""Largest difference allowed, in pixels for boxes and absolute for scores and probabilities (issue 1 of 4)."""


def verify(folder: Path, model: PlaneModel, images: NDArray[np.uint8]) -> float:
    """Compare the reloaded SavedModel with the model in memory.

    Args:
        folder: the SavedModel.
        model: what was saved there.
        images: uint8 [N, H, W]; taken round and round to fill batches of 1, 3 and 8. An empty image is tried too.

    Returns:
        The largest absolute difference of any output.

    Raises:
        ModelError: a difference is larger than `TOLERANCE`.
    """
    reloaded = tf.saved_model.load(str(folder)).signatures[signatures.DEFAULT_SIGNATURE]
    batches = [np.resize(images, (size, *images.shape[1:])) for size in BATCHES]
    batches.append(np.zeros_like(images[:1]))
    worst = max(_difference(reloaded, model, batch[..., np.newaxis]) for batch in batches)
    if worst > TOLERANCE:
        raise ModelError(f"{folder}: answers differ from the model in memory by {worst:.2g}; at most {TOLERANCE:g} may")
    return worst


def _difference(reloaded: tf.types.experimental.ConcreteFunction, model: PlaneModel, batch: NDArray[np.uint8]) -> float:
    images = tf.constant(batch)
    expected, answer = model.read(images), reloaded(images)
    differences = [
        np.abs(np.asarray(answer[name], np.float64) - np.asarray(value, np.float64)) for name, value in expected.items()
    ]
    return max((float(array.max()) for array in differences if array.size), default=0.0)
