"""Temperature scaling: one number that calibrates the confidence of probabilities (Guo et al., ICML 2017).

The probabilities p become softmax(log(p) / T). T > 1 makes them less confident; the most probable grade is unchanged. T
is fitted on validation, never on the studies that are reported.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import number_array
from tfspine.evaluation.statistics.ratings import check_probabilities, graded_probabilities

TEMPERATURES = (0.05, 20.0)
"""Limits of the search; a fit that ends at one of them means that the probabilities are uninformative, or perfect."""

_FLAT = 1e-12
"""Smaller differences between losses are rounding."""

SMALLEST = 1e-7
"""Probabilities are kept off zero: a float32 softmax underflows, and log(0) would outweigh every other region."""


def temperature_scaled(probabilities: ArrayLike, *, temperature: float) -> NDArray[np.float64]:
    """Return softmax(log(p) / T) of probabilities [n, q], each row again summing to 1.

    Raises:
        EvaluationError: the temperature is not positive and finite, or the rows are not probabilities.
    """
    if not 0 < temperature < math.inf:
        raise EvaluationError(f"temperature {temperature}; expected a number above 0")
    shares = number_array(probabilities, what="probabilities")
    if shares.ndim != 2:
        raise EvaluationError(f"probabilities of shape {shares.shape}; expected [n, q]")
    check_probabilities(shares)
    return np.asarray(special.softmax(_logits(shares) / temperature, axis=1))


def fit_temperature(probabilities: ArrayLike, grades: ArrayLike) -> float:
    """Return the T that minimises the mean negative log likelihood; NaN without a region to fit on.

    Args:
        probabilities: float [n, q], of validation regions.
        grades: [n], the reference's grades, 0 to q - 1, NaN where it has none (left out).

    Raises:
        EvaluationError: the two differ in length, no probabilities, or a grade is not on the scale.
    """
    shares, codes, _ = graded_probabilities(probabilities, grades)
    if not codes.size:
        return math.nan
    logits, regions = _logits(shares), np.arange(codes.size)

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float((special.logsumexp(scaled, axis=1) - scaled[regions, codes]).mean())

    # In the logarithm of T the loss has one minimum: it is convex in 1/T.
    bounds = tuple(np.log(TEMPERATURES))
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    # Where it is flat (always right, or always uncertain) the search stops anywhere: then the limit is returned.
    limit = min(TEMPERATURES, key=lambda temperature: loss(math.log(temperature)))
    return limit if loss(math.log(limit)) <= found.fun + _FLAT else float(np.exp(found.x))


def is_at_limit(temperature: float) -> bool:
    """Return whether a fit ended at one of `TEMPERATURES`, to a thousandth, where it is meaningless."""
    return any(math.isclose(temperature, limit, rel_tol=1e-3) for limit in TEMPERATURES)


def _logits(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(shares, SMALLEST))
