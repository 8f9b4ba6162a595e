"""Words for coefficients of agreement (J. R. Landis and G. G. Koch, Biometrics 1977;33:159-174)."""

import math
from enum import StrEnum

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
    """Return the band of an unrounded coefficient: below 0 poor, then each upper limit included; None of NaN.

    Raises:
        EvaluationError: more than 1, which no coefficient of agreement can be, or minus infinity.
    """
    if math.isnan(value):
        return None
    if value > 1 + _ROUNDING or math.isinf(value):
        raise EvaluationError(f"coefficient {value}; expected at most 1 (a share, not per cent)")
    if value < 0:
        return Band.POOR
    return next((band for upper, band in _UPPER if value <= upper), Band.ALMOST_PERFECT)
