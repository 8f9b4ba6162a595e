"""How far a spine is bent to the side, from where its canal and foramina were found.

The angle is of the kind of Cobb's: between the two directions of the spine that differ most. Cobb's is measured at the
endplates, on a radiograph of a standing patient; this one is measured on the line through the vertebral bodies of a
lying patient, which makes it smaller, and only from L1 to S1, which leaves out thoracic curves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.labels import LEVELS, Level, Region, Side

FEWEST_PLACES = 5
SHORTEST_MM = 60.0
"""A curve needs this many places, over at least two levels; with fewer, one stray box would bend it."""

BODIES_BEFORE_CANAL_MM = 26.0
"""From the middle of the canal to that of the bodies, within an axial slice along its disc. In lordosis the canal is
shorter than the row of bodies, and would seem more bent: by a fifth in simulated spines."""

DEGREE = 3
"""Degree of the polynomial: a cubic has the one bend and counterbend of a lumbar spine, and no more."""

ROUNDS = 8
OUTLIER_MM = 3.0
"""The pull of a box on the line stops growing beyond this distance (Huber 1964, Ann Math Stat 35:73)."""


@dataclass(frozen=True)
class FoundRegion:
    """The middle of one box, patient position float64 [3] in mm; `slice_key` is where it was found.

    `upwards` is the unit vector, float64 [3], from the bottom of the slice to its top as it is hung: on an axial slice
    to the front. `level` is None where it is not known, and `score` is 1 where a person drew the box.
    """

    region: Region
    side: Side | None
    level: Level | None
    slice_key: str
    centre_mm: NDArray[np.float64]
    upwards: NDArray[np.float64]
    score: float = 1.0


def midline_places_mm(found: Iterable[FoundRegion]) -> list[NDArray[np.float64]]:
    """Return places on the midline of one study.

    They lie before the highest-scoring canal of each slice, and between the highest-scoring foramina of each level
    that has both.
    """
    canals: dict[str, FoundRegion] = {}
    foramina: dict[tuple[Level | None, Side | None], FoundRegion] = {}
    for item in found:
        if item.region is Region.CENTRAL_CANAL:
            canals[item.slice_key] = _surer(item, canals.get(item.slice_key))
        elif item.region is Region.NEURAL_FORAMEN:
            foramina[item.level, item.side] = _surer(item, foramina.get((item.level, item.side)))
    pairs = [[foramina.get((level, side)) for side in Side] for level in LEVELS]
    between = [(left.centre_mm + right.centre_mm) / 2 for left, right in pairs if left and right]
    return [item.centre_mm + BODIES_BEFORE_CANAL_MM * item.upwards for item in canals.values()] + between


def coronal_angle_deg(places_mm: Sequence[NDArray[np.float64]]) -> float | None:
    """Return the angle between the directions of the spine, seen from the front, that differ most.

    Args:
        places_mm: what `midline_places_mm` found, patient positions [3] in mm, in any order.

    Returns:
        Degrees, 0 or more; None where there are too few places to lay a line through.
    """
    places = np.array(places_mm).reshape(-1, 3)
    x_mm, z_mm = places[:, 0], places[:, 2]
    if len(places) < FEWEST_PLACES or np.ptp(z_mm) < SHORTEST_MM:
        return None
    course = _fitted(z_mm, x_mm)
    heights = np.linspace(z_mm.min(), z_mm.max(), 200)
    directions = np.degrees(np.arctan(course.deriv()(heights)))
    return float(np.ptp(directions))


def _surer(item: FoundRegion, other: FoundRegion | None) -> FoundRegion:
    return item if other is None or item.score > other.score else other


def _fitted(z_mm: NDArray[np.float64], x_mm: NDArray[np.float64]) -> np.polynomial.Polynomial:
    """Return x as a polynomial of z, by least squares that are robust to stray boxes."""
    weights = np.ones(len(z_mm))
    course = np.polynomial.Polynomial.fit(z_mm, x_mm, DEGREE)
    for _ in range(ROUNDS):
        off_mm = np.abs(x_mm - course(z_mm))
        weights = np.sqrt(OUTLIER_MM / np.maximum(off_mm, OUTLIER_MM))
        course = np.polynomial.Polynomial.fit(z_mm, x_mm, DEGREE, w=weights)
    return course
