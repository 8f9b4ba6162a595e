"""Comparing a SavedModel on disk with the model in memory, so that the served model is the trained one."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfspine import signatures
from tfspine.errors import ModelError
from tfspine.labels import DETECTOR_CLASSES
from tfspine.saved_model.plane_model import PlaneModel

BATCHES = (1, 3, 8)
TOLERANCE = 1e-4
"""Largest difference allowed, in pixels for boxes and absolute for scores and probabilities (issue 1 of 4)."""

MEAN_TOLERANCE = 1e-5
"""Largest difference allowed between the ensemble's probabilities and the mean of its members run separately."""


def verify(folder: Path, model: PlaneModel, images: NDArray[np.uint8]) -> float:
    """Compare the reloaded SavedModel with the model in memory.

    Args:
        folder: the SavedModel.
        model: the model that was saved there.
        images: uint8 [N, H, W]; repeated as needed to fill batches of 1, 3 and 8. An empty image is tested as well.

    Returns:
        The largest absolute difference of any output.

    Raises:
        ModelError: a difference is larger than `TOLERANCE`, or the combined probabilities of several members differ
            by more than `MEAN_TOLERANCE` from the mean of the members run separately.
    """
    saved = tf.saved_model.load(str(folder)).signatures
    reloaded = saved[signatures.DEFAULT_SIGNATURE]
    batches = [np.resize(images, (size, *images.shape[1:])) for size in BATCHES]
    batches.append(np.zeros_like(images[:1]))
    worst = max(_difference(reloaded, model, batch[..., np.newaxis]) for batch in batches)
    if worst > TOLERANCE:
        raise ModelError(
            f"{folder}: answers differ from the model in memory by {worst:.2g}; expected at most {TOLERANCE:g}"
        )
    if model.members > 1:
        _verify_mean(folder, saved[signatures.GRADE.name], model, images[:1])
    return worst


def _verify_mean(
    folder: Path, grade: tf.types.experimental.ConcreteFunction, model: PlaneModel, images: NDArray[np.uint8]
) -> None:
    """Compare the grades of a box in the middle of an image, for each class, whether or not a region lies there."""
    rows, columns = images.shape[1:]
    ids = [entry.class_id for entry in DETECTOR_CLASSES[model.plane]]
    middle = [rows / 4, columns / 4, rows * 3 / 4, columns * 3 / 4]
    inputs = {
        signatures.IMAGES.name: tf.constant(images[..., np.newaxis]),
        signatures.BOXES.name: tf.constant([[middle] * len(ids)], tf.float32),
        signatures.CLASSES.name: tf.constant([ids], tf.int32),
    }
    name = signatures.GRADE_PROBABILITIES.name
    alone = [np.asarray(model.only(member).grade(**inputs)[name], np.float64) for member in range(model.members)]
    worst = float(np.abs(np.asarray(grade(**inputs)[name], np.float64) - np.mean(alone, axis=0)).max())
    if worst > MEAN_TOLERANCE:
        raise ModelError(
            f"{folder}: probabilities differ from the mean of {model.members} members by {worst:.2g}; "
            f"expected at most {MEAN_TOLERANCE:g}"
        )


def _difference(reloaded: tf.types.experimental.ConcreteFunction, model: PlaneModel, batch: NDArray[np.uint8]) -> float:
    images = tf.constant(batch)
    expected, answer = model.read(images), reloaded(images)
    differences = [
        np.abs(np.asarray(answer[name], np.float64) - np.asarray(value, np.float64)) for name, value in expected.items()
    ]
    return max((float(array.max()) for array in differences if array.size), default=0.0)
