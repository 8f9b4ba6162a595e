"""Levels with a place and a name, counted from the lowest up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.labels import LEVELS, Level
from tfspine.study.piles import GAP_OF_ONE, GAP_OF_TWO, Pile, ranks_of
from tfspine.study.sacrum import DISC_BELOW_FORAMEN_MM
from tfspine.study.spine_curve import STRAIGHT_DOWN, direction

AXIAL_DISC_NEAR = 0.3
"""An axial disc within this many spacings of where the next level up is expected is assigned that level."""

_NONE = np.zeros((0, 3))


@dataclass(frozen=True)
class Landmark:
    """One level: the mean of its foramina's centres, float64 [3] in patient mm, and the unit vector to the feet there.

    `is_certain` is whether the level's name is certain; the place of a level at which nothing was found is filled in.
    """

    level: Level
    centre_mm: NDArray[np.float64]
    footwards: NDArray[np.float64]
    is_certain: bool

    @property
    def disc_mm(self) -> NDArray[np.float64]:
        """Where the plane of the disc passes the canal."""
        return np.asarray(self.centre_mm + DISC_BELOW_FORAMEN_MM * self.footwards)


def landmarks_of_piles(
    piles: Sequence[Pile], spacing_mm: float, *, axial_discs_mm: NDArray[np.float64] = _NONE
) -> tuple[tuple[Landmark, ...], str]:
    """Name levels from the lowest pile up, fill in those at which nothing was found, and return which gap is in doubt.

    Args:
        piles: levels at which foramina were found, from head to feet.
        spacing_mm: the usual distance from level to level.
        axial_discs_mm: where the axial series shows discs, float64 [N, 3]: they give levels above the highest pile.
    """
    ranks = ranks_of(piles, spacing_mm)
    places = np.array([pile.centre_mm for pile in piles])
    centres = [
        np.array([np.interp(-rank, -np.array(ranks), places[:, axis]) for axis in range(3)])
        for rank in range(min(ranks[0] + 1, len(LEVELS)))
    ]
    gaps = np.diff([pile.along_mm for pile in piles]) / spacing_mm
    doubtful = [rank for rank, gap in zip(ranks[1:], gaps, strict=True) if GAP_OF_ONE <= gap <= GAP_OF_TWO]
    lowest = min((rank for rank in doubtful if rank < len(LEVELS) - 1), default=len(LEVELS))
    doubt = f"the gap above {LEVELS[-1 - lowest]} is neither one level wide nor two" if lowest < len(LEVELS) else ""
    return _named(centres, spacing_mm, certain_up_to=lowest, axial_discs_mm=axial_discs_mm), doubt


def landmarks_of_axial_discs(discs_mm: NDArray[np.float64], spacing_mm: float) -> tuple[Landmark, ...]:
    """Name the discs that the axial series shows, float64 [N, 3] from head to feet; none of the names is certain."""
    if not len(discs_mm):
        return ()
    centres = list(discs_mm[::-1][: len(LEVELS)])
    feet = _footwards(centres)
    foramina = [disc - DISC_BELOW_FORAMEN_MM * down for disc, down in zip(centres, feet, strict=True)]
    return _named(foramina, spacing_mm, certain_up_to=-1)


def _named(
    centres_mm: Sequence[NDArray[np.float64]],
    spacing_mm: float,
    *,
    certain_up_to: int,
    axial_discs_mm: NDArray[np.float64] = _NONE,
) -> tuple[Landmark, ...]:
    """Return all levels, given from the lowest up; those above what was found follow at the usual spacing."""
    centres = list(centres_mm)
    while len(centres) < len(LEVELS):
        up = direction(centres[-2], centres[-1]) if len(centres) > 1 else -STRAIGHT_DOWN
        higher_mm = (axial_discs_mm - centres[-1]) @ up + DISC_BELOW_FORAMEN_MM
        shown = higher_mm[np.abs(higher_mm - spacing_mm) < AXIAL_DISC_NEAR * spacing_mm]
        centres.append(centres[-1] + up * (float(shown[0]) if len(shown) else spacing_mm))
    feet = _footwards(centres)
    landmarks = [
        Landmark(level, centres[rank], feet[rank], rank <= certain_up_to) for rank, level in enumerate(reversed(LEVELS))
    ]
    return tuple(reversed(landmarks))


def _footwards(centres: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return the direction of the spine at every centre, given from below, from the neighbours of the centre."""
    last = len(centres) - 1
    return [direction(centres[min(index + 1, last)], centres[max(index - 1, 0)]) for index in range(len(centres))]
