"""Tests of two readers against each other, and the correction of p values for many tests.

The paper compares proportions by a pooled z, as though the two readers had seen different patients; both read the
same regions, so McNemar's test, or the paired difference of `non_inferiority`, is the proper one (docs/statistics.md).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from tfspine.compat import StrEnum
from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import number_array, truth_vectors, whole_number
from tfspine.evaluation.statistics.estimate import (
    NO_SPREAD,
    Estimate,
    check_confidence,
    chosen,
    critical_value,
    undefined,
)

_POOLED_Z = "pooled two-sample z"


@dataclass(frozen=True)
class Test:
    """A test's statistic and two-sided p value, NaN where the data do not define them, and its name."""

    statistic: float
    p_value: float
    method: str


class McNemar(StrEnum):
    """How the p value of McNemar's test is computed.

    Exact is binomial on the discordant pairs and holds for any number of them. Chi-square is for many (25 or more);
    the corrected one subtracts Edwards' 1 from the difference, and is more conservative.
    """

    EXACT = "exact"
    CHI_SQUARE = "chi-square without continuity correction"
    CHI_SQUARE_CORRECTED = "chi-square with continuity correction"


@dataclass(frozen=True)
class NonInferiority:
    """Whether a first reader is no worse than a second by more than a margin.

    `difference` is the first's share of right calls minus the second's. `is_non_inferior` says whether its lower
    limit lies above -`margin`; None where the limit is undefined.
    """

    difference: Estimate
    margin: float
    is_non_inferior: bool | None


def pooled_z(first: float, first_n: int, second: float, second_n: int) -> Test:
    """Compare two independent proportions: z = (p1 - p2) / sqrt(p (1 - p) (1 / n1 + 1 / n2)), p pooled over both.

    The shares need not be of whole counts: an average of several members is not a count. Undefined where both are 0
    or both are 1 (0 / 0). No continuity correction. The test of the paper's P values.

    Raises:
        EvaluationError: a share outside 0 to 1, or a number of units that is not a whole number from 1.
    """
    for share, n in ((first, first_n), (second, second_n)):
        whole_number(n, what="units", least=1)
        if not 0 <= share <= 1:
            raise EvaluationError(f"share {share}; expected 0 to 1")
    pooled = (first * first_n + second * second_n) / (first_n + second_n)
    variance = pooled * (1 - pooled) * (1 / first_n + 1 / second_n)
    if variance < NO_SPREAD:
        return Test(math.nan, math.nan, _POOLED_Z)
    z = (first - second) / math.sqrt(variance)
    return Test(z, float(2 * stats.norm.sf(abs(z))), _POOLED_Z)


def mcnemar(only_first: int, only_second: int, *, method: McNemar = McNemar.EXACT) -> Test:
    """Compare two readers of the same regions by those on which exactly one of them is right.

    With b and c the two counts: exact, p = min(1, 2 P(X <= min(b, c))) of X ~ Binomial(b + c, 1/2), statistic
    min(b, c), and p = 1 without any; chi-square, (b - c)^2 / (b + c) with one degree of freedom, undefined without
    any; corrected, max(|b - c| - 1, 0)^2 / (b + c) (A. L. Edwards, Psychometrika 1948;13:185-187).
    Source: Q. McNemar, Psychometrika 1947;12:153-157.

    Args:
        only_first: regions that only the first reader has right.
        only_second: regions that only the second reader has right.
        method: how the p value is computed.

    Raises:
        EvaluationError: a count is negative or not a whole number.
    """
    only_first = whole_number(only_first, what="regions that only the first has right")
    only_second = whole_number(only_second, what="regions that only the second has right")
    method = chosen(McNemar, method)
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    name = f"McNemar, {method.value}"
    if method is McNemar.EXACT:
        return Test(float(fewer), min(1.0, float(2 * stats.binom.cdf(fewer, discordant, 0.5))), name)
    if discordant == 0:
        return Test(math.nan, math.nan, name)
    gap = abs(only_first - only_second) - (method is McNemar.CHI_SQUARE_CORRECTED)
    statistic = max(gap, 0) ** 2 / discordant
    return Test(statistic, float(stats.chi2.sf(statistic, 1)), name)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p values [m] after Holm's correction for m tests.

    The i-th smallest becomes the largest of (m - j + 1) p_j over j <= i, at most 1. An undefined p (NaN) stays so and
    is not counted among the m. Source: S. Holm, Scandinavian Journal of Statistics 1979;6:65-70.

    Raises:
        EvaluationError: the values are not [m], or one is not a probability.
    """
    p = number_array(p_values, what="p values")
    if p.ndim != 1:
        raise EvaluationError(f"p values of shape {p.shape}; expected [m]")
    defined = np.flatnonzero(~np.isnan(p))
    wrong = defined[(p[defined] < 0) | (p[defined] > 1)]
    if wrong.size:
        raise EvaluationError(f"p value {p[wrong[0]]:g}; expected 0 to 1")
    ascending = defined[np.argsort(p[defined], kind="stable")]
    stepped = p[ascending] * np.arange(ascending.size, 0, -1)
    adjusted = np.full(p.shape, np.nan)
    adjusted[ascending] = np.minimum(np.maximum.accumulate(stepped), 1) if ascending.size else stepped
    return adjusted


def non_inferiority(
    first_correct: ArrayLike, second_correct: ArrayLike, *, margin: float, confidence: float = 0.95
) -> NonInferiority:
    """Test whether the first reader's share of right calls is no lower than the second's by more than a margin.

    The interval of the paired difference is Tango's: the differences that his score test does not reject (T. Tango,
    Statistics in Medicine 1998;17:891-908). Its two-sided confidence of 0.95 makes the non-inferiority test one-sided
    at 0.025. For sensitivity pass only the positives, for specificity only the negatives.

    Args:
        first_correct: bool [n] (or 0 and 1), whether the first reader is right about each region.
        second_correct: bool [n] (or 0 and 1), the same of the second, for the same regions.
        margin: share by which the first may be worse, 0 < margin < 1, fixed before the data were seen.
        confidence: level of the two-sided interval, 0 to 1.

    Raises:
        EvaluationError: the vectors differ in length or are not of truth values, or the margin is not such a share.
    """
    check_confidence(confidence)
    check_margin(margin)
    first, second = truth_vectors(first_correct, second_correct)
    n, method = first.size, "paired difference of proportions, Tango's score interval"
    if n == 0:
        return NonInferiority(undefined(0, method), margin, None)
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    low, high = tango_limits(only_first, only_second, n, critical_value(confidence))
    estimate = Estimate((only_first - only_second) / n, low, high, n, method)
    return NonInferiority(estimate, margin, low > -margin)


def check_margin(margin: float) -> None:
    """Raise if a margin is not a share strictly between 0 and 1.

    Raises:
        EvaluationError: the margin lies outside, for example 5 where 0.05 was meant.
    """
    if not 0.0 < margin < 1.0:
        raise EvaluationError(f"margin {margin}; expected a share between 0 and 1, for example 0.05")


def tango_limits(b: float, c: float, n: float, critical: float) -> tuple[float, float]:
    """Return the limits of Tango's score interval of (b - c) / n: the differences that its test does not reject.

    Args:
        b: regions that only the first has right, 0 to n; a fraction where counts are effective ones.
        c: regions that only the second has right, with b at most n.
        n: all regions, above 0.
        critical: the half width in standard errors, of z or t.
    """
    difference, edge = (b - c) / n, 1 - 1e-12

    def beyond(delta: float, limit: float) -> float:
        return _tango_statistic(delta, b, c, n) - limit

    low = high = difference
    # The statistic falls with the difference, and passes the limits unless the two differ on all regions, one way.
    if difference > -edge:
        reaches = beyond(-edge, critical) > 0
        low = float(optimize.brentq(beyond, -edge, difference, args=(critical,))) if reaches else -1.0
    if difference < edge:
        reaches = beyond(edge, -critical) < 0
        high = float(optimize.brentq(beyond, difference, edge, args=(-critical,))) if reaches else 1.0
    return low, high


def _tango_statistic(delta: float, b: float, c: float, n: float) -> float:
    """Return Tango's score statistic of a difference of `delta`.

    (b - c - n delta) / sqrt(n (2 p + delta (1 - delta))), with p the maximum likelihood share of "only the second" if
    the difference is `delta`, the root of a quadratic equation.
    """
    linear = -b - c + (2 * n - b + c) * delta
    constant = -c * delta * (1 - delta)
    root = math.sqrt(max(linear**2 - 8 * n * constant, 0.0))
    share = max((root - linear) / (4 * n), 0.0, -delta)
    numerator = b - c - n * delta
    variance = n * (2 * share + delta * (1 - delta))
    if variance <= 0:
        return math.copysign(math.inf, numerator) if numerator else 0.0
    return numerator / math.sqrt(variance)
