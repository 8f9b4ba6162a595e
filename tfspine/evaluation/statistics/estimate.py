"""An estimate is stored with its interval, its n and its method. Undefined is NaN, never 0."""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tfspine.compat import StrEnum
from tfspine.errors import EvaluationError

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

NO_SPREAD = 1e-12
"""A standard error below this is rounding: the data show no spread, and `edge_limits` gives the limits."""


@dataclass(frozen=True)
class Estimate:
    """A statistic and its confidence interval, unrounded.

    `value`, `low` and `high` are NaN where the data do not define them. `n` counts the units behind the value
    (boxes, pairs, images: `method` names the interval, the field that holds the estimate names the unit).
    """

    value: float
    low: float
    high: float
    n: int
    method: str

    @property
    def is_defined(self) -> bool:
        """Whether the data define the value."""
        return not math.isnan(self.value)


@dataclass(frozen=True)
class Difference:
    """The difference of two estimates from the same subjects, first minus second, and the test that it is 0.

    `statistic` is the difference over its standard error; `p_value` is two-sided. Both are NaN where the data do
    not define them, as where two readers gave the same answers throughout.
    """

    estimate: Estimate
    standard_error: float
    statistic: float
    p_value: float


def undefined(n: int, method: str) -> Estimate:
    """Return the estimate of a value that `n` units leave undefined."""
    return Estimate(math.nan, math.nan, math.nan, n, method)


def check_confidence(confidence: float) -> None:
    """Raise if a confidence is not strictly between 0 and 1.

    Raises:
        EvaluationError: it lies outside, for example 95 where 0.95 was meant.
    """
    if not 0.0 < confidence < 1.0:
        raise EvaluationError(f"confidence {confidence}; expected a share between 0 and 1, for example 0.95")


def chosen(kinds: type[ChoiceT], value: str) -> ChoiceT:
    """Return a member of an enumeration, given it or its value.

    Raises:
        EvaluationError: there is no such member.
    """
    try:
        return kinds(value)
    except ValueError:
        raise EvaluationError(f'"{value}"; expected {" or ".join(kinds)}') from None


def critical_value(confidence: float, *, degrees: float | None = None) -> float:
    """Return the half width, in standard errors, of an interval: of t with `degrees` of freedom, of z without."""
    upper = (1 + confidence) / 2
    return float(stats.norm.ppf(upper) if degrees is None else stats.t.ppf(upper, degrees))


def clipped(value: float, half: float, *, lowest: float, highest: float) -> tuple[float, float]:
    """Return `value` -+ `half`, clipped to the range of the statistic but always including the value."""
    if math.isnan(half):
        return math.nan, math.nan
    return min(max(value - half, lowest), value), max(min(value + half, highest), value)


def limits_of(
    value: float, half: float, *, units: int, confidence: float, lowest: float, highest: float
) -> tuple[float, float]:
    """Return the limits `clipped` of a value, and where its data show no spread those of `edge_limits`.

    Args:
        value: the statistic, a mean of values of the units.
        half: half width of its interval, NaN where it has none.
        units: number of independent units: regions, or patients.
        confidence: level of the interval, 0 to 1.
        lowest: the lowest possible value of a unit.
        highest: the highest possible value of a unit.
    """
    if half < NO_SPREAD:
        return edge_limits(value, units=units, confidence=confidence, lowest=lowest, highest=highest)
    return clipped(value, half, lowest=lowest, highest=highest)


def edge_limits(value: float, *, units: int, confidence: float, lowest: float, highest: float) -> tuple[float, float]:
    """Return the limits of a mean over units that are all alike: as many as `edge_share` allows may differ.

    Those could lie anywhere in the range of a value. Where that is unbounded there is no interval (NaN).
    """
    other = edge_share(units, confidence)
    low, high = value - other * (value - lowest), value + other * (highest - value)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (math.nan, math.nan)


def edge_share(units: int, confidence: float) -> float:
    """Return the largest share of a kind of unit that is compatible with none among `units`: Clopper-Pearson's limit.

    What holds for no region of a patient holds for no patient, so that with patients as units this bounds regions too,
    however alike they are.
    """
    return float(1 - ((1 - confidence) / 2) ** (1 / units))


def mean_estimate(
    values: NDArray[np.float64], *, name: str, confidence: float, lowest: float, highest: float
) -> Estimate:
    """Return a mean with the interval of t with n - 1 degrees of freedom, clipped to the range of the values.

    Values that are all the same show no spread: `edge_limits`.

    Args:
        values: float [n]; without values the mean is undefined, and with one it has no interval.
        name: of the mean, with which `method` begins.
        confidence: level of the interval, 0 to 1.
        lowest: the lowest possible value.
        highest: the highest possible value.
    """
    n = values.size
    method = f"{name}, t({max(n - 1, 0)})"
    if n == 0:
        return undefined(0, method)
    value = float(values.mean())
    half = standard_error_of_mean(values) * critical_value(confidence, degrees=n - 1) if n > 1 else math.nan
    limits = limits_of(value, half, units=n, confidence=confidence, lowest=lowest, highest=highest)
    return Estimate(value, *limits, n, method)


def standard_error_of_mean(values: NDArray[np.float64]) -> float:
    """Return the standard error of the mean of two values or more."""
    return float(values.std(ddof=1) / math.sqrt(values.size))


def significance(value: float, standard_error: float, *, degrees: float | None = None) -> tuple[float, float]:
    """Return `value` over its standard error and the two-sided p of a true value of 0, by t or (no `degrees`) by z.

    Data without spread do not show how certain the value is: there is no p, and no statistic for a value of 0 (0 / 0).
    """
    if math.isnan(value) or math.isnan(standard_error):
        return math.nan, math.nan
    if standard_error < NO_SPREAD:
        return (math.nan, math.nan) if abs(value) < NO_SPREAD else (math.copysign(math.inf, value), math.nan)
    statistic = value / standard_error
    tail = stats.norm.sf(abs(statistic)) if degrees is None else stats.t.sf(abs(statistic), degrees)
    return statistic, float(2 * tail)
