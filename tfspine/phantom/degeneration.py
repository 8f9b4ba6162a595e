"""How worn each region of one patient is, relative to all regions of its kind, with correlations between regions.

A latent normal variable of every region is the sum of independent parts, each shared by some regions, so that the
correlation of two regions is the variance of the parts they share:

    age + person + disc (all regions of a level) + pair (both sides of a region) + own + shift of the level

The disc and pair parts form chains along the spine, because a worn disc increases the load on the next. The variances
of the parts are assumed, except that of age.
"""

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tfspine.labels import LEVELS, Level, Region, Side

Key = tuple[Region, Level, Side | None]

SHARES = {"age": 0.18, "person": 0.12, "disc": 0.20, "pair": 0.20, "own": 0.30}
"""Variance of each part; they add up to one within a level. That of age follows from Kalichman 2009 (Spine J
9:545-550): stenosis below 12 mm rises from 20.0 % of those under 40 to 47.2 % of those of 60 to 69, and below 10 mm
from 4.0 % to 19.4 %, which is 0.8 to 0.9 residual standard deviations in some thirty years; 0.18 gives 0.74."""

NEIGHBOUR_CORRELATION = 0.5
"""Correlation of the chained parts from one level to the next."""

LEVEL_SHIFTS: dict[Region, tuple[float, ...]] = {
    Region.CENTRAL_CANAL: (-0.60, -0.20, 0.25, 0.60, -0.05),
    Region.LATERAL_RECESS: (-0.60, -0.25, 0.15, 0.55, 0.15),
    Region.NEURAL_FORAMEN: (-0.55, -0.30, 0.05, 0.35, 0.45),
}
"""Narrowing is most common in the canal at L4-L5, then L3-L4 (Caton 2021, Neuroradiology 63:959), and in the foramina
at L5-S1 and L4-L5 (Jenis & An 2000, Spine 25:389-394). Values are in standard deviations within a level,
from head to feet; each row adds up to zero."""

AGE_MEAN_YEARS = 52.0
AGE_SPREAD_YEARS = 19.0
AGE_RANGE_YEARS = (18.0, 95.0)
"""Assumed: adults of all ages."""


def draw_age_years(rng: np.random.Generator) -> float:
    """Draw the age of one patient of the cohort."""
    return float(np.clip(rng.normal(AGE_MEAN_YEARS, AGE_SPREAD_YEARS), *AGE_RANGE_YEARS))


def draw_degeneration(rng: np.random.Generator, *, age_years: float) -> Mapping[Key, float]:
    """Draw the wear of one patient's 5 canals, 10 recesses and 10 foramina.

    Args:
        rng: random source of all parts other than age.
        age_years: in a cohort of `draw_age_years` the latent variables have variance one within a level.

    Returns:
        The latent variables: normal, with the mean of each level from `LEVEL_SHIFTS`.
    """
    spread = {part: float(np.sqrt(share)) for part, share in SHARES.items()}
    person = spread["person"] * rng.standard_normal()
    person += spread["age"] * (age_years - AGE_MEAN_YEARS) / AGE_SPREAD_YEARS
    disc = spread["disc"] * _chain(rng)
    latent: dict[Key, float] = {}
    for region in Region:
        pair = spread["pair"] * _chain(rng)
        for side in (Side.LEFT, Side.RIGHT) if region.is_paired else (None,):
            own = spread["own"] * rng.standard_normal(len(LEVELS))
            along = person + disc + pair + own + LEVEL_SHIFTS[region]
            latent |= {(region, level, side): float(value) for level, value in zip(LEVELS, along, strict=True)}
    return latent


def rank(latent: float, region: Region) -> float:
    """Return the share of a cohort's regions of this kind, over all levels, that are less worn, 0 to 1."""
    return float(np.mean([NormalDist(shift).cdf(latent) for shift in LEVEL_SHIFTS[region]]))


def _chain(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a standard normal value for each level, with correlated neighbours."""
    values = rng.standard_normal(len(LEVELS))
    for index in range(1, len(values)):
        fresh = np.sqrt(1 - NEIGHBOUR_CORRELATION**2) * values[index]
        values[index] = NEIGHBOUR_CORRELATION * values[index - 1] + fresh
    return values
