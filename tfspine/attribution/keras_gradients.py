"""Gradients of a grader, one network or several as they are served; only this module of the stage uses tf-explain.

tf-explain 0.3.1 runs all steps of the path in one batch, takes their plain mean and never multiplies by
(image - baseline) (docs/pitfalls.md). Its `IntegratedGradients.get_integrated_gradients` averages `n_steps` gradients
in a row; called with runs of one, it gives the gradient of each image of a batch. `integrated_gradients.py` does the
rest.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_explain.core.integrated_gradients import IntegratedGradients

from tfspine.attribution.integrated_gradients import Gradients, Images, Output

STEPS_OF_ONE = 1

Grader = Callable[[tf.Tensor], tf.Tensor]
"""Crops float32 [N, S, S, 3] in 0..1 to the probabilities of the grades, float32 [N, 4]: a network, or what is served.

It is traced once for every such object, so pass the same one for every crop of a region. Use float32: in half
precision small gradients vanish.
"""


def class_functions(grader: Grader, grade: int) -> tuple[Output, Gradients]:
    """Return the probability of one grade and its gradients, as functions of crops float32 [N, S, S, 3] in 0..1."""
    # A tensor instead of an int, so that tf-explain's function is traced once for all grades.
    class_index = tf.constant(grade)

    def output(crops: Images) -> NDArray[np.floating]:
        return probabilities(grader, crops)[:, grade]

    def gradients(crops: Images) -> NDArray[np.floating]:
        images = tf.convert_to_tensor(crops, tf.float32)
        return np.asarray(IntegratedGradients.get_integrated_gradients(images, grader, class_index, STEPS_OF_ONE))

    return output, gradients


def probabilities(grader: Grader, crops: Images) -> NDArray[np.float32]:
    """Return the probabilities, float32 [N, 4], of the grades of crops float32 [N, S, S, 3] in 0..1."""
    return np.asarray(grader(tf.convert_to_tensor(crops, tf.float32)), np.float32)
