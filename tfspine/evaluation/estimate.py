"""An estimate travels with its interval, its n and its method. Undefined is NaN, never 0."""

import math
from dataclasses import dataclass

from tfspine.errors import EvaluationError


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


def undefined(n: int, method: str) -> Estimate:
    """Return the estimate of something that `n` units do not define."""
    return Estimate(math.nan, math.nan, math.nan, n, method)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is not a share strictly between 0 and 1.

    Raises:
        EvaluationError: the share lies outside, for example 95 where 0.95 was meant.
    """
    if not 0.0 < confidence < 1.0:
        raise EvaluationError(f"confidence {confidence}; expected a share between 0 and 1, for example 0.95")
