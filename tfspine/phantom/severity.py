"""How far each region is narrowed, and the resulting grade.

A severity is the share of a region that is lost, 0 to 1; published criteria convert it into a grade:

- central canal, of the sac's cross-section (Lurie 2008, Spine 33:1605-1610): mild up to a third, moderate up to two
  thirds, severe beyond;
- lateral recess, of its depth (Bartynski & Lin 2003, AJNR 24:348-360): mild while the root keeps its shape, moderate
  when it is flattened, severe when nothing is left around it. As recess and root are drawn
  (`canal.py`) bone reaches the root when about a third is gone, and has flattened it when two thirds are;
- foramen, of the fat around the root (Lurie 2008): mild while fat surrounds the root, moderate when it does so only
  in part, severe when none is left.

Severities become rarer towards the thresholds, because the grade of a case on a threshold is ambiguous: the same reader
may decide differently in a second reading. Such cases exist, so the density has no gap, but it falls to zero at the
threshold itself, so that they are as rare as the agreement of experts with their own second reading implies: the target
is coefficients of 0.93 to 0.97.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.config import Prevalence
from tfspine.labels import GRADES, Grade, Level, Region, Side
from tfspine.phantom.degeneration import Key, draw_degeneration, rank
from tfspine.phantom.prevalence import BALANCED_AT_DISCS, BOX_COUNTS, Shares

THRESHOLDS = (0.10, 1 / 3, 2 / 3)
"""Lowest severities of mild, moderate and severe; below a tenth the narrowing is not visible."""

CANAL_NARROWING_HALF_MM = 7.0
"""Distance from the disc plane up to which disc and flavum narrow the canal."""

AXIAL_REACH_MM = 14.3
"""How far from its disc plane a stack of axial slices reaches: half of 6.5 slices, 4.4 mm apart (`scanner.py`)."""

_QUADRATURE = 200


@dataclass(frozen=True)
class Severities:
    """Severity of each region of one patient, at the disc."""

    values: Mapping[Key, float]

    def at(self, region: Region, level: Level, side: Side | None = None) -> float:
        """Return the severity, 0 to 1."""
        return self.values[region, level, side]


def draw_severities(
    rng: np.random.Generator, *, age_years: float, prevalence: Prevalence = Prevalence.PAPER
) -> Severities:
    """Draw the severities of one patient: 5 canals, 10 recesses, 10 foramina.

    Args:
        rng: random generator.
        age_years: severities increase with age; a cohort of `draw_age_years` has the requested prevalence.
        prevalence: how common each grade is in the cohort.
    """
    latent = draw_degeneration(rng, age_years=age_years)
    return Severities(
        {key: _severity_of_rank(rank(value, key[0]), key[0], prevalence) for key, value in latent.items()}
    )


def grade_of(severity: float) -> Grade:
    """Return the grade of a severity in 0 to 1; a severity on a threshold has the higher grade."""
    return Grade(int(np.searchsorted(THRESHOLDS, severity, side="right")))


def profile(distance_mm: ArrayLike, half_width_mm: float) -> NDArray[np.float32]:
    """Return the share, float32 0 to 1, of a disc's severity that remains at a distance from its plane.

    A bulging disc narrows along its own height and little beyond: 1 up to a millimetre before `half_width_mm`,
    0 from a millimetre after it.
    """
    share = np.clip((np.abs(np.asarray(distance_mm, np.float32)) - half_width_mm + 1.0) / 2.0, 0.0, 1.0)
    return np.asarray(1.0 - share * share * (3.0 - 2.0 * share), np.float32)


@cache
def shares_at_discs(region: Region, prevalence: Prevalence) -> Shares:
    """Return the share of each grade among the severities at the discs."""
    if prevalence is Prevalence.BALANCED:
        return BALANCED_AT_DISCS[region]
    counts = np.array(BOX_COUNTS[prevalence][region], np.float64)
    shares = counts / counts.sum()
    if region is Region.CENTRAL_CANAL:
        shares = np.linalg.solve(_canal_seen(), shares)
    normal, mild, moderate, severe = (float(share) for share in shares)
    return normal, mild, moderate, severe


def _canal_seen() -> NDArray[np.float64]:
    """Return the share [grade seen, grade at the disc] of the slices of a canal, evenly spaced over a stack's reach.

    No slice shows a worse grade than that at the disc, so the matrix is triangular and invertible.
    """
    middles = (np.arange(_QUADRATURE) + 0.5) / _QUADRATURE
    left = profile(middles * AXIAL_REACH_MM, CANAL_NARROWING_HALF_MM)
    table = np.zeros((len(GRADES), len(GRADES)))
    for grade in GRADES:
        at_disc = [_severity_within(grade, float(share)) for share in middles]
        seen = np.searchsorted(THRESHOLDS, np.outer(at_disc, left), side="right")
        table[:, grade] = np.bincount(seen.ravel(), minlength=len(GRADES)) / seen.size
    return table


def _severity_of_rank(rank_in_cohort: float, region: Region, prevalence: Prevalence) -> float:
    """Return the severity of a rank, increasing with the rank, that gives a cohort the intended prevalence."""
    shares = shares_at_discs(region, prevalence)
    ends = np.cumsum(shares)
    grade = GRADES[min(int(np.searchsorted(ends, rank_in_cohort, side="right")), len(GRADES) - 1)]
    start = ends[grade] - shares[grade]
    return _severity_within(grade, float(np.clip((rank_in_cohort - start) / shares[grade], 0.0, 1.0)))


def _severity_within(grade: Grade, share: float) -> float:
    """Return the severity below which the given share of a grade's cases lies.

    Between two thresholds the cases have density 6 x (1 - x), the beta distribution with both parameters 2, whose
    distribution function 3 x^2 - 2 x^3 is inverted here in closed form.
    """
    low, high = (0.0, *THRESHOLDS)[grade], (*THRESHOLDS, 1.0)[grade]
    return low + (high - low) * (0.5 - float(np.sin(np.arcsin(1.0 - 2.0 * share) / 3.0)))
