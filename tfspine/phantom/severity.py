"""How far each region is narrowed, and which grade that is.

A severity is the share of a region that is lost, 0 to 1: of the canal's cross-section, of the recess's depth, of the
foramen's fat. Lurie 2008 (PAPER.md, Criteria) divides at one third and two thirds. Bartynski & Lin 2003 divide the
recess by what happens to the root; with the depths of `anatomy.py` it is touched when a third of the depth is gone
and flattened when two thirds are, so that the same numbers serve.

Severities are drawn away from the thresholds, because a reader cannot see on which side of a threshold a borderline
case lies. They correlate within a patient, within a level and between neighbouring levels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.labels import GRADES, LEVELS, Grade, Level, Region, Side

THRESHOLDS = (0.10, 1 / 3, 2 / 3)
"""Severity from which a region is mild, moderate, severe. Lurie 2008; below a tenth nobody sees a difference."""

PREVALENCE: dict[Region, tuple[float, float, float, float]] = {
    Region.CENTRAL_CANAL: (0.65, 0.18, 0.10, 0.07),
    Region.LATERAL_RECESS: (0.60, 0.20, 0.11, 0.09),
    Region.NEURAL_FORAMEN: (0.62, 0.17, 0.12, 0.09),
}
"""Share of each grade at the discs. Nearer to balance than `table2_boxes.csv`, so that small cohorts hold all four."""

_DRAWN = ((0.0, 0.05), (0.18, 0.27), (0.43, 0.56), (0.77, 0.94))
"""Range of severities drawn for each grade."""

_LEVEL_SHIFT = (-0.55, -0.25, 0.20, 0.55, 0.05)
"""Degeneration is commonest at L4-L5; in standard deviations of the latent normal variable, variance 0.15."""

_SHARES = {"patient": 0.20, "level": 0.20, "neighbours": 0.15, "own": 0.30}
"""Variance shares of what severities have in common; with the levels' they add up to one."""

Key = tuple[Region, Level, Side | None]


@dataclass(frozen=True)
class Severities:
    """Severity of each region of one patient, at the disc."""

    values: Mapping[Key, float]

    def at(self, region: Region, level: Level, side: Side | None = None) -> float:
        """Return the severity, 0 to 1."""
        return self.values[region, level, side]


def draw_severities(rng: np.random.Generator) -> Severities:
    """Draw the severities of one patient: 5 canals, 10 recesses, 10 foramina."""
    patient = rng.standard_normal() * np.sqrt(_SHARES["patient"])
    level = rng.standard_normal(len(LEVELS)) * np.sqrt(_SHARES["level"])
    values: dict[Key, float] = {}
    for region in Region:
        neighbours = _chain(rng, len(LEVELS)) * np.sqrt(_SHARES["neighbours"])
        for side in (Side.LEFT, Side.RIGHT) if region.is_paired else (None,):
            own = rng.standard_normal(len(LEVELS)) * np.sqrt(_SHARES["own"])
            latent = patient + level + neighbours + own + _LEVEL_SHIFT
            for index, name in enumerate(LEVELS):
                values[region, name, side] = _severity_of_latent(float(latent[index]), region)
    return Severities(values)


def grade_of(severity: float) -> Grade:
    """Return the grade of a severity in 0 to 1; a severity on a threshold has the higher grade."""
    return Grade(int(np.searchsorted(THRESHOLDS, severity, side="right")))


def profile(distance_mm: ArrayLike, half_width_mm: float) -> NDArray[np.float32]:
    """Return the share, float32 0 to 1, of a disc's severity that is left at a distance from its plane.

    A bulging disc narrows along its own height and little beyond: full up to a millimetre before `half_width_mm`,
    nothing a millimetre after it.
    """
    share = np.clip((np.abs(np.asarray(distance_mm, np.float32)) - half_width_mm + 1.0) / 2.0, 0.0, 1.0)
    return np.asarray(1.0 - share * share * (3.0 - 2.0 * share), np.float32)


def _chain(rng: np.random.Generator, length: int, correlation: float = 0.6) -> NDArray[np.float64]:
    """Return standard normal values of which neighbours correlate."""
    values = rng.standard_normal(length)
    for index in range(1, length):
        values[index] = correlation * values[index - 1] + np.sqrt(1 - correlation**2) * values[index]
    return values


def _severity_of_latent(latent: float, region: Region) -> float:
    """Map a standard normal variable to a severity, increasing, with the region's prevalences."""
    quantile = NormalDist().cdf(latent)
    start = 0.0
    for grade, share in zip(GRADES, PREVALENCE[region], strict=True):
        if quantile < start + share or grade is GRADES[-1]:
            low, high = _DRAWN[grade]
            return low + (high - low) * min(1.0, (quantile - start) / share)
        start += share
    raise AssertionError("unreachable: the prevalences add up to one")
