"""Temperature scaling: one number that makes a grader's probabilities as sure as they are right.

Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017. The
probabilities p become softmax(log(p) / T): T above 1 makes them less sure, and the most probable grade stays the same.
T is fitted on validation crops (NumPy) and applied in the exported graph (TensorFlow).
"""

import math

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from tfspine.errors import ModelError

TEMPERATURES = (0.05, 20.0)
"""Limits of the search; a fit at one of them says that the crops are too few, or all graded right."""

SMALLEST_PROBABILITY = 1e-7
"""Probabilities are kept off zero: a float32 softmax underflows, and log(0) would outweigh every other crop."""


def fit_temperature(probabilities: ArrayLike, grades: ArrayLike) -> float:
    """Return the temperature with the smallest mean negative log likelihood of the true grades.

    Args:
        probabilities: float [n, q], each row summing to 1.
        grades: int [n], the true grades, 0 to q - 1.

    Raises:
        ModelError: there is no crop, the two differ in length, or a grade is not on the scale.
    """
    shares, truth = np.asarray(probabilities, np.float64), np.asarray(grades, np.int64)
    if shares.ndim != 2 or truth.shape != shares.shape[:1] or not len(truth):
        raise ModelError(f"probabilities {shares.shape}, grades {truth.shape}; expected [n, q] and [n] with n above 0")
    if truth.min() < 0 or truth.max() >= shares.shape[1]:
        raise ModelError(f"grades from {truth.min()} to {truth.max()}; expected 0 to {shares.shape[1] - 1}")
    logits = _logits(shares)

    def loss(log_temperature: float) -> float:
        return -_true_log_likelihood(logits / np.exp(log_temperature), truth)

    # Convex in 1 / T, so that over log T, too, there is one minimum.
    found = optimize.minimize_scalar(
        loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def is_at_limit(temperature: float) -> bool:
    """Whether a fit ended at one of `TEMPERATURES`, to a thousandth, where it means nothing."""
    return any(math.isclose(temperature, limit, rel_tol=1e-3) for limit in TEMPERATURES)


def scaled(probabilities: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return softmax(log(p) / T) of probabilities [..., q], float64."""
    return np.asarray(special.softmax(_logits(np.asarray(probabilities, np.float64)) / temperature, axis=-1))


def at_temperature(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Do the same in a graph, float32 [..., q]."""
    return tf.nn.softmax(tf.math.log(tf.maximum(probabilities, SMALLEST_PROBABILITY)) / temperature)


def _logits(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(shares, SMALLEST_PROBABILITY))


def _true_log_likelihood(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    return float((logits[np.arange(len(truth)), truth] - special.logsumexp(logits, axis=1)).mean())
