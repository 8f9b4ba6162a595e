"""Gradients of a Keras 3 grader: the only door to tf-explain and keras in this stage.

tf-explain 0.3.1 runs all steps of the path in one batch, takes their plain mean and never multiplies by
(image - baseline) (PITFALLS.md). Its `IntegratedGradients.get_integrated_gradients` averages `n_steps` gradients in a
row; asked for runs of one, it gives the gradient of each image of a batch. `integrated_gradients.py` does the rest.
"""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_explain.core.integrated_gradients import IntegratedGradients

from tfspine.explain.integrated_gradients import Gradients, Images, Output

STEPS_OF_ONE = 1


def class_functions(grader: keras.Model, grade: int) -> tuple[Output, Gradients]:
    """Return the probability of one grade and its gradients, as functions of crops float32 [N, S, S, 3] in 0..1.

    Set the grader to float32 first (`to_float32`): in half precision small gradients vanish.
    """
    # A tensor, not an int: tf-explain's function is traced once for all grades.
    class_index = tf.constant(grade)

    def output(crops: Images) -> NDArray[np.floating]:
        return np.asarray(grader(crops, training=False))[:, grade]

    def gradients(crops: Images) -> NDArray[np.floating]:
        images = tf.convert_to_tensor(crops, tf.float32)
        return np.asarray(IntegratedGradients.get_integrated_gradients(images, grader, class_index, STEPS_OF_ONE))

    return output, gradients


def probabilities(grader: keras.Model, crops: Images) -> NDArray[np.float32]:
    """Return the probabilities, float32 [N, 4], of the grades of crops float32 [N, S, S, 3] in 0..1."""
    return np.asarray(grader(crops, training=False), np.float32)


def to_float32(grader: keras.Model) -> None:
    """Make every layer compute in float32, also where the grader was trained in mixed precision.

    Mixed precision keeps its weights in float32, so nothing is lost or rounded.
    """
    for layer in grader.layers:
        layer.dtype_policy = "float32"
