"""Levels before they have a name: where the foramina found cluster along the spine's curve.

Scores are summed and smoothed over `LEVEL_SPREAD_MM`; each peak is a pile. Boxes near the midline are left out, because
they are not foramina. Piles are ordered from head to feet.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfspine.labels import LEVELS
from tfspine.study.spine_curve import (
    BETWEEN_FORAMINA_MM,
    SpineCurve,
    Spots,
    along_mm,
    behind_curve_mm,
    off_midline_mm,
    place_at_mm,
)

LEVEL_SPREAD_MM = 5.0
"""How far the foramina of one level scatter along the spine: boxes differ, and the two sides differ in height."""

LEVEL_GAP_MM = 18.0
"""Two levels are further apart than this, and a foramen is nearer than this to its own level. Discs of adults are 30 to
40 mm apart; foramina, on the inner side of the lordosis, less."""

SPACING_MM = (24.0, 42.0)
"""A distance from level to level outside this range is not trusted."""

USUAL_SPACING_MM = 33.0
"""The distance from level to level before a study has shown its own (`phantom/measures.py`: 31 to 36 between discs)."""

LANDMARK_SHARE = 0.3
CLEAR_SHARE = 0.5
"""A peak is a level where the weights of its foramina exceed the first share of the sum at a usual level, and a clear
level where they exceed the second; one or two stray boxes do not."""

STRAY_GAP = 0.7
"""A faint level nearer than this many spacings to both neighbours is not a level."""

GAP_OF_ONE = 1.35
GAP_OF_TWO = 1.65
"""Gaps of up to the first number of spacings are one level, from the second on two or more: gaps of one person differ
by about 15 %."""


@dataclass(frozen=True)
class Pile:
    """Foramina of one level: weighted mean of their centres, how far along the curve, and the sum of their weights.

    `off_midline_mm` is how far the two sides lie from the midline on average, NaN where only one was found, and
    `height_mm` the median height of the boxes.
    """

    centre_mm: NDArray[np.float64]
    along_mm: float
    weight: float
    off_midline_mm: float
    height_mm: float


def better_curve(foramina: Spots, curve: SpineCurve) -> SpineCurve:
    """Return the curve with vertebrae that lean with it, or with level ones: whichever makes foramina cluster more."""
    return max((curve, replace(curve, is_leaning=False)), key=lambda tried: _crowding(foramina, tried)[1].sum())


def find_piles(foramina: Spots, curve: SpineCurve) -> list[Pile]:
    """Return the peaks of the smoothed weights along the curve, from head to feet."""
    is_beside = _is_beside(foramina, curve)
    centres, weights = foramina.centres_mm[is_beside], foramina.weights[is_beside]
    heights, off_mm = foramina.heights_mm[is_beside], off_midline_mm(curve, centres)
    places, density = _crowding(foramina, curve)
    piles = []
    while density.any():
        peak = places[np.argmax(density)]
        near = np.abs(places - peak) < 2 * LEVEL_SPREAD_MM
        place = float(np.average(places[near], weights=weights[near]))
        behind = np.average(behind_curve_mm(curve, centres[near]), weights=weights[near], axis=0)
        # Where only one side was found, the level's centre still lies on the midline.
        centre = place_at_mm(curve, place) + behind
        off = _half_width_mm(off_mm[near], weights[near])
        piles.append(Pile(centre, place, float(weights[near].sum()), off, float(np.median(heights[near]))))
        density = np.where(np.abs(places - peak) < LEVEL_GAP_MM, 0.0, density)
    return sorted(piles, key=lambda pile: pile.along_mm)


def without_strays(piles: Sequence[Pile]) -> list[Pile]:
    """Return the piles without those too faint to be a level, and without faint ones between two clear ones."""
    usual = usual_weight(piles)
    kept = [pile for pile in piles if pile.weight >= LANDMARK_SHARE * usual]
    clear = [pile for pile in kept if is_clear(pile, usual)]
    nearest_mm = STRAY_GAP * spacing_mm_of(clear)

    def is_stray(pile: Pile) -> bool:
        above = [pile.along_mm - other.along_mm for other in clear if other.along_mm < pile.along_mm]
        below = [other.along_mm - pile.along_mm for other in clear if other.along_mm > pile.along_mm]
        return bool(above and below) and max(min(above), min(below)) < nearest_mm

    return [pile for pile in kept if is_clear(pile, usual) or not is_stray(pile)]


def usual_weight(piles: Sequence[Pile]) -> float:
    """Return the median weight of the five heaviest piles."""
    return float(np.median(sorted((pile.weight for pile in piles), reverse=True)[: len(LEVELS)]))


def is_clear(pile: Pile, usual: float) -> bool:
    """Return whether a pile is as heavy as a level that was well found."""
    return pile.weight >= CLEAR_SHARE * usual


def spacing_mm_of(piles: Sequence[Pile]) -> float:
    """Return the usual distance from level to level: the median gap, where gaps of two levels count half."""
    gaps = np.diff([pile.along_mm for pile in piles])
    if not len(gaps):
        return USUAL_SPACING_MM
    return float(np.clip(np.median(gaps / np.maximum(1.0, np.round(gaps / USUAL_SPACING_MM))), *SPACING_MM))


def ranks_of(piles: Sequence[Pile], spacing_mm: float) -> list[int]:
    """Return how many levels each pile lies above the lowest one; a gap as wide as two levels counts as two."""
    ranks = [0]
    for gap in np.diff([pile.along_mm for pile in piles])[::-1] / spacing_mm:
        ranks.insert(0, ranks[0] + (1 if gap < (GAP_OF_ONE + GAP_OF_TWO) / 2 else max(2, round(gap))))
    return ranks


def scattered_share(piles: Sequence[Pile], foramina: Spots) -> float:
    """Return the share of the weights of all foramina that lies in no pile."""
    return 1.0 - sum(pile.weight for pile in piles) / float(foramina.weights.sum())


def _crowding(foramina: Spots, curve: SpineCurve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far along the curve each foramen lies, and the smoothed sum of weights there."""
    is_beside = _is_beside(foramina, curve)
    places, weights = along_mm(curve, foramina.centres_mm[is_beside]), foramina.weights[is_beside]
    apart = (places - places[:, np.newaxis]) / LEVEL_SPREAD_MM
    return places, np.exp(-0.5 * np.square(apart)) @ weights


def _half_width_mm(off_mm: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return half of the distance between the two sides, NaN where one is missing."""
    is_left = off_mm > 0
    if is_left.all() or not is_left.any():
        return math.nan
    left, right = (float(np.average(off_mm[side], weights=weights[side])) for side in (is_left, ~is_left))
    return (left - right) / 2


def _is_beside(foramina: Spots, curve: SpineCurve) -> NDArray[np.bool_]:
    """Return which boxes of any score lie beside the canal, as foramina do."""
    off_mm = off_midline_mm(curve, foramina.centres_mm)
    return np.asarray((np.abs(off_mm) > BETWEEN_FORAMINA_MM) & (foramina.weights > 0))
