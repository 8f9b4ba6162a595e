"""Multi-reader multi-case analysis: results that generalise to other readers and other patients.

The model of N. A. Obuchowski and H. E. Rockette, Communications in Statistics - Simulation and Computation
1995;24:285-308, with random readers and cases and the denominator degrees of freedom of S. L. Hillis, Statistics in
Medicine 2007;26:596-619. The input is a figure of merit, such as the area under the ROC curve, of each reader under
each condition, with the covariances of these figures over cases. Checked against the example of Van Dyke and others
(``tests/evaluation/test_multi_reader.py``).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import number_array
from tfspine.evaluation.statistics.estimate import Difference, Estimate, check_confidence, critical_value


@dataclass(frozen=True)
class Covariances:
    """Mean error variance, and covariances over cases, by what two figures have in common.

    `same_reader`: the same reader under other conditions (Cov1); `same_condition`: other readers under one condition
    (Cov2); `neither` (Cov3).
    """

    error: float
    same_reader: float
    same_condition: float
    neither: float


@dataclass(frozen=True)
class MultiReader:
    """Conditions compared over readers and cases.

    Attributes:
        means: of each condition over its readers, with an interval from that condition's data alone.
        differences: of each two conditions, the first minus the second, in the order 0-1, 0-2, 1-2 ...
        f: statistic of the test that all conditions are equal.
        degrees: of its numerator and denominator.
        p_value: of that test.
        covariances: on which the test is based.
    """

    means: tuple[Estimate, ...]
    differences: tuple[Difference, ...]
    f: float
    degrees: tuple[float, float]
    p_value: float
    covariances: Covariances


def obuchowski_rockette(figures: ArrayLike, covariance: ArrayLike, *, confidence: float = 0.95) -> MultiReader:
    """Compare conditions under which the same readers read the same cases.

    With t conditions and r readers: F = MS(T) / (MS(TR) + r max(Cov2 - Cov3, 0)), with t - 1 and
    (denominator / MS(TR))^2 (t - 1) (r - 1) degrees of freedom; the standard error of a difference is that of the
    denominator, times 2 / r.

    Args:
        figures: float [t, r], t and r at least 2.
        covariance: float [t, r, t, r], of the figures over cases, for example from the patient jackknife.
        confidence: level of the intervals, 0 to 1.

    Raises:
        EvaluationError: fewer than two conditions or readers, or shapes that do not fit.
    """
    check_confidence(confidence)
    theta, shared = _checked(figures, covariance)
    t, r = theta.shape
    found = _covariances(shared)
    rows, columns, all_of_it = theta.mean(axis=1), theta.mean(axis=0), theta.mean()
    of_condition = r * float(((rows - all_of_it) ** 2).sum()) / (t - 1)
    residual = theta - rows[:, None] - columns[None, :] + all_of_it
    interaction = float((residual**2).sum()) / ((t - 1) * (r - 1))
    denominator = interaction + r * max(found.same_condition - found.neither, 0.0)
    degrees = _degrees(denominator, interaction, (t - 1) * (r - 1))
    f = of_condition / denominator if denominator > 0 else math.nan
    means = tuple(
        random_readers(theta[i], shared[i, :, i, :], name="mean of readers", confidence=confidence).estimate
        for i in range(t)
    )
    differences = tuple(
        _difference(
            float(rows[i] - rows[j]),
            math.sqrt(2 * denominator / r),
            degrees,
            n=r,
            name="difference of conditions",
            confidence=confidence,
        )
        for i in range(t)
        for j in range(i + 1, t)
    )
    p_value = float(stats.f.sf(f, t - 1, degrees))
    return MultiReader(means, differences, f, (float(t - 1), degrees), p_value, found)


def random_readers(figures: ArrayLike, covariance: ArrayLike, *, name: str, confidence: float = 0.95) -> Difference:
    """Return the mean of readers' figures over other readers and cases, and the test that it is 0.

    The standard error is sqrt((MS(R) + r max(Cov2, 0)) / r), with (the same sum / MS(R))^2 (r - 1) degrees of freedom.
    Applied to the differences of one model from each reader it compares the model with random readers (S. L. Hillis,
    Statistics in Medicine 2014;33:330-360; for a standalone model, D. P. Chakraborty, Observer Performance
    Methods for Diagnostic Imaging, 2017, chapter 22).

    Args:
        figures: float [r], of readers or differences from them, at least 2.
        covariance: float [r, r], over cases.
        name: of the mean, with which `method` begins.
        confidence: level of the interval, 0 to 1.

    Raises:
        EvaluationError: fewer than two readers, or shapes that do not fit.
    """
    check_confidence(confidence)
    theta, shared = number_array(figures, what="figures"), number_array(covariance, what="covariances")
    r = theta.size
    if theta.ndim != 1 or r < 2 or shared.shape != (r, r):
        raise EvaluationError(
            f"figures {theta.shape} and covariances {shared.shape}; expected [r] and [r, r] of two readers or more"
        )
    between = float(theta.var(ddof=1))
    others = (float(shared.sum()) - float(np.trace(shared))) / (r * (r - 1))
    spread = between + r * max(others, 0.0)
    degrees = _degrees(spread, between, r - 1)
    return _difference(float(theta.mean()), math.sqrt(spread / r), degrees, n=r, name=name, confidence=confidence)


def _covariances(shared: NDArray[np.float64]) -> Covariances:
    t, r = shared.shape[:2]
    table = shared.reshape(t * r, t * r)
    condition, reader = np.repeat(np.arange(t), r), np.tile(np.arange(r), t)
    is_condition, is_reader = condition[:, None] == condition, reader[:, None] == reader

    def mean(where: NDArray[np.bool_]) -> float:
        return float(table[where].mean())

    return Covariances(
        error=mean(is_condition & is_reader),
        same_reader=mean(~is_condition & is_reader),
        same_condition=mean(is_condition & ~is_reader),
        neither=mean(~is_condition & ~is_reader),
    )


def _degrees(spread: float, part: float, degrees: int) -> float:
    """Return Hillis's degrees of freedom, infinite where readers do not differ at all."""
    return (spread / part) ** 2 * degrees if part > 0 else math.inf


def _difference(value: float, error: float, degrees: float, *, n: int, name: str, confidence: float) -> Difference:
    method = f"{name}, Obuchowski and Rockette, {n} readers"
    if not error > 0:
        return Difference(Estimate(value, math.nan, math.nan, n, method), math.nan, math.nan, math.nan)
    half = critical_value(confidence, degrees=degrees) * error
    statistic = value / error
    p_value = float(2 * stats.t.sf(abs(statistic), degrees))
    return Difference(Estimate(value, value - half, value + half, n, method), error, statistic, p_value)


def _checked(figures: ArrayLike, covariance: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    theta, shared = number_array(figures, what="figures"), number_array(covariance, what="covariances")
    if theta.ndim != 2 or min(theta.shape) < 2 or shared.shape != theta.shape * 2:
        raise EvaluationError(
            f"figures {theta.shape} and covariances {shared.shape}; expected [t, r] and [t, r, t, r] with two "
            "conditions and readers or more"
        )
    return theta, shared
