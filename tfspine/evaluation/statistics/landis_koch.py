"""Names for coefficients of agreement (J. R. Landis and G. G. Koch, Biometrics 1977;33:159-174).

The band of the value ignores its uncertainty. The benchmark includes it: it is the highest band such that the
coefficient lies in it or in a higher one with a probability of 0.95 (K. L. Gwet, Handbook of Inter-Rater Reliability,
4th ed. 2014, chapter 6).
"""

import math
from dataclasses import dataclass

from scipy import stats

from tfspine.compat import StrEnum
from tfspine.errors import EvaluationError


class Band(StrEnum):
    """Strength of agreement."""

    POOR = "poor"
    SLIGHT = "slight"
    FAIR = "fair"
    MODERATE = "moderate"
    SUBSTANTIAL = "substantial"
    ALMOST_PERFECT = "almost perfect"


_ROUNDING = 1e-9

_UPPER: tuple[tuple[float, Band], ...] = (
    (0.2, Band.SLIGHT),
    (0.4, Band.FAIR),
    (0.6, Band.MODERATE),
    (0.8, Band.SUBSTANTIAL),
    (1.0, Band.ALMOST_PERFECT),
)


def landis_koch(value: float) -> Band | None:
    """Return the band of an unrounded coefficient: below 0 poor, then each upper limit included; None for NaN.

    Raises:
        EvaluationError: more than 1, which no coefficient of agreement can be, or minus infinity.
    """
    if math.isnan(value):
        return None
    if value > 1 + _ROUNDING or math.isinf(value):
        raise EvaluationError(f"coefficient {value}; expected at most 1 (a fraction, not per cent)")
    if value < 0:
        return Band.POOR
    return next((band for upper, band in _UPPER if value <= upper), Band.ALMOST_PERFECT)


@dataclass(frozen=True)
class Benchmark:
    """The band that a coefficient reaches with enough probability, and the probability of this band or a higher one."""

    band: Band
    probability: float


def benchmark(value: float, standard_error: float, *, probability: float = 0.95) -> Benchmark | None:
    """Return the highest band that a coefficient reaches with a probability of at least `probability`.

    A coefficient is assumed normal around its value and truncated at -1 and 1. The cumulative membership probability
    of a band from l upwards is (F((c - l) / SE) - F((c - 1) / SE)) / (F((c + 1) / SE) - F((c - 1) / SE)). None where
    the value or its standard error is undefined, or the data show no spread.

    Args:
        value: c, an unrounded coefficient.
        standard_error: of the coefficient, clustered by patient.
        probability: the required one, 0 to 1.

    Raises:
        EvaluationError: a negative standard error, or a probability outside 0 to 1.
    """
    if standard_error < 0 or not 0 < probability < 1:
        raise EvaluationError(
            f"standard error {standard_error:g} and probability {probability:g}; expected 0 or more, and 0 to 1"
        )
    if math.isnan(value) or math.isnan(standard_error) or standard_error < _ROUNDING:
        return None
    lowest = (0.0, *(upper for upper, _ in _UPPER[:-1]))
    for lower, (_, band) in reversed(list(zip(lowest, _UPPER, strict=True))):
        reached = _share_above(lower, value, standard_error)
        if reached >= probability:
            return Benchmark(band, reached)
    return Benchmark(Band.POOR, 1.0)


def _share_above(lower: float, value: float, standard_error: float) -> float:
    """Return the probability of `lower` to 1 of a normal distribution truncated at -1 and 1."""
    # Upper tails of the deviations downwards, because differences of probabilities near 1 would lose digits.
    beyond, all_of_it, above = (float(stats.norm.cdf((value - edge) / standard_error)) for edge in (1.0, -1.0, lower))
    return (above - beyond) / (all_of_it - beyond)
