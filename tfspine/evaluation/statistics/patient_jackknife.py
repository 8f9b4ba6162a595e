"""Standard errors clustered by patient: each patient is left out once, with all of the patient's regions.

Regions of one spine are correlated, and so are one reader's grades of them. Leaving out whole patients takes that
into account for any statistic (B. Efron and C. Stein, Annals of Statistics 1981;9:586-596). For a mean, a share
or a coefficient of agreement it is a cluster-robust variance of the linearised values, with each patient's leverage
corrected: CR3 of R. M. Bell and D. F. McCaffrey, Survey Methodology 2002;28:169-181. The reference distribution is t.
Its degrees of freedom are one less than the number of patients, and fewer where a few patients cause most of the spread
(`Spread`). Size and coverage: ``tests/evaluation/test_clustered_size.py``.

A statistic is a function of totals. It takes float64 [..., k], sums over regions, and returns float64 [...], NaN where
the totals do not define it; all patients are left out in one call.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import groups
from tfspine.evaluation.statistics.estimate import NO_SPREAD

Patients: TypeAlias = Sequence[object] | NDArray[np.generic]
"""Names or numbers [n], one per region: the patient of the region."""

StatisticOfTotals: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From totals [..., k] to values [...]."""


@dataclass(frozen=True)
class Spread:
    """A statistic, its standard error by patients, the degrees of freedom of t, and how many patients there are.

    The standard error and the degrees are NaN for a single patient, and where leaving one out makes the statistic
    undefined. Degrees: those of the chi-square distribution whose relative spread matches that of the estimated
    variance (F. E. Satterthwaite, Biometrics Bulletin 1946;2:110-114), 2 m / (kurtosis - 1) with the kurtosis of the
    contributions of the m patients, at most m - 1 and at least 1.
    """

    value: float
    standard_error: float
    degrees: float
    patients: int


def patient_totals(values: NDArray[np.float64], patients: Patients) -> NDArray[np.float64]:
    """Return the sums of each patient's rows, float64 [patients, k], in the order of the names.

    Args:
        values: float64 [n, k], one row per region.
        patients: [n].

    Raises:
        EvaluationError: the patients are not [n], or one is missing.
    """
    patient = groups(patients, what="patient")
    if len(patient) != len(values):
        raise EvaluationError(f"patients of {len(patient)} regions for {len(values)}; expected one per region")
    if not len(values):
        return np.zeros((0, values.shape[1]))
    order = np.argsort(patient, kind="stable")
    first = np.flatnonzero(np.diff(patient[order], prepend=-1))
    return np.asarray(np.add.reduceat(values[order], first, axis=0))


def jackknife(totals: NDArray[np.float64], statistic: StatisticOfTotals) -> Spread:
    """Return a statistic of all totals with its standard error: sqrt((m - 1) / m sum (without_c - all)^2).

    Args:
        totals: float64 [m, k], one row per patient (`patient_totals`); patients whose totals are all 0 do not count.
        statistic: function of totals, see the module.
    """
    totals = totals[(totals != 0).any(axis=1)]
    m, together = len(totals), totals.sum(axis=0)
    value = float(statistic(together[None])[0])
    if m < 2:
        return Spread(value, math.nan, math.nan, m)
    return spread_of(value, statistic(together - totals))


def spread_of(value: float, without: NDArray[np.float64]) -> Spread:
    """Return the spread of a statistic for which the values [m] without each of m patients, two or more, are known."""
    m, change = without.size, without - value
    if m < 2 or math.isnan(value):
        return Spread(value, math.nan, math.nan, m)
    error = math.sqrt((m - 1) / m * float((change**2).sum()))
    return Spread(value, error, math.nan if math.isnan(error) else _degrees(change), m)


def _degrees(change: NDArray[np.float64]) -> float:
    """Return the degrees of freedom of a variance from the change by each patient [m]; see `Spread`."""
    m, centred = change.size, change - change.mean()
    variance = float((centred**2).mean())
    if variance < NO_SPREAD**2:
        return m - 1.0
    kurtosis = float((centred**4).mean()) / variance**2
    return m - 1.0 if kurtosis <= 1 else min(max(2 * m / (kurtosis - 1), 1.0), m - 1.0)
