"""Temperature scaling: one number that makes probabilities as sure as they are right (Guo et al., ICML 2017).

The probabilities p become softmax(log(p) / T). T > 1 makes them less sure; the most probable grade stays the same. T is
fitted on validation, never on the studies that are reported.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

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
    return np.asarray(special.softmax(_logits(np.asarray(probabilities, np.float64)) / temperature, axis=-1))


def fit_temperature(probabilities: ArrayLike, grades: ArrayLike) -> float:
    """Return the T that minimises the mean negative log likelihood; NaN without a region to fit on.

    Args:
        probabilities: float [n, q], of validation regions.
        grades: int [n], the reference's grades, 0 to q - 1.

    Raises:
        EvaluationError: the two differ in length, or a grade is not on the scale.
    """
    shares, truth = np.asarray(probabilities, np.float64), np.asarray(grades)
    if shares.ndim != 2 or truth.shape != shares.shape[:1]:
        raise EvaluationError(
            f"probabilities of shape {shares.shape}, grades of {truth.shape}; expected [n, q] and [n]"
        )
    if not len(truth):
        return float("nan")
    if truth.min() < 0 or truth.max() >= shares.shape[1]:
        raise EvaluationError(f"grades from {truth.min()} to {truth.max()}; expected 0 to {shares.shape[1] - 1}")
    logits, regions = _logits(shares), np.arange(len(truth))
    codes = truth.astype(np.int64)

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float((special.logsumexp(scaled, axis=1) - scaled[regions, codes]).mean())

    # In the logarithm of T the loss has one minimum: it is convex in 1/T.
    bounds = tuple(np.log(TEMPERATURES))
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def is_at_limit(temperature: float) -> bool:
    """Whether a fit ended at one of `TEMPERATURES`, to a thousandth, where it means nothing."""
    return any(math.isclose(temperature, limit, rel_tol=1e-3) for limit in TEMPERATURES)


def _logits(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(shares, SMALLEST))
