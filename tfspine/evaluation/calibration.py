"""Temperature scaling: one number that makes probabilities as sure as they are right (Guo et al., ICML 2017).

The probabilities p become softmax(log(p) / T). T > 1 makes them less sure; the most probable grade stays the same. T is
fitted on validation, never on the studies that are reported.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from tfspine.errors import EvaluationError

TEMPERATURES = (0.05, 20.0)
"""Limits of the search; a fit that ends at one of them means that the probabilities say nothing, or everything."""

SMALLEST = 1e-7
"""Probabilities are kept off zero: a float32 softmax underflows, and log(0) would outweigh every other region."""


def temperature_scaled(probabilities: ArrayLike, *, temperature: float) -> NDArray[np.float64]:
    """Return softmax(log(p) / T) of probabilities [n, q], each row again summing to 1.

    Raises:
        EvaluationError: the temperature is not positive.
    """
    if not temperature > 0:
        raise EvaluationError(f"temperature {temperature}; expected more than 0")
    logits = np.log(np.clip(np.asarray(probabilities, np.float64), SMALLEST, None)) / temperature
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def fit_temperature(probabilities: ArrayLike, grades: ArrayLike) -> float:
    """Return the T that minimises the mean negative log likelihood; NaN without a region to fit on.

    Args:
        probabilities: float [n, q], of validation regions.
        grades: int [n], the reference's grades, 0 to q - 1.

    Raises:
        EvaluationError: the two differ in length.
    """
    shares, truth = np.asarray(probabilities, np.float64), np.asarray(grades)
    if shares.ndim != 2 or truth.shape != shares.shape[:1]:
        raise EvaluationError(
            f"probabilities of shape {shares.shape}, grades of {truth.shape}; expected [n, q] and [n]"
        )
    if not len(truth):
        return float("nan")
    codes = truth.astype(np.int64)
    logits = np.log(np.clip(shares, SMALLEST, None))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        peak = scaled.max(axis=1)
        normaliser = peak + np.log(np.exp(scaled - peak[:, None]).sum(axis=1))
        return float(np.mean(normaliser - scaled[np.arange(len(codes)), codes]))

    # In the logarithm of T the loss has one minimum: it is convex in 1/T.
    found = optimize.minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded")
    return float(np.exp(found.x))
