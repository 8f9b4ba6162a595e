"""Which disc level is where in one study, and whether that is sure.

The foramina found in the sagittal series are the landmarks. Along the spine's curve their scores pile up once a level;
the lowest pile is L5-S1, and the others are counted from it, over a level at which nothing was found. The lowest pile
is L5-S1 only where the sacrum is in view: below it there has to be room for one more foramen that was not found. The
numbering is in doubt, and says why, where

- the sagittal images end before that place;
- axial slices show the canal further down than the lowest disc, so that L5-S1 may have been missed;
- the lowest foramina are much fainter than the rest, as those of the sacrum are (they are left out below five clear
  levels, or where no axial slice reaches them; with both there is no doubt);
- more than five levels are clear: one is T12-L1, or S1 has come off the sacrum (the lowest that axial slices pass then
  counts as L5-S1);
- much of what was found lies between levels: then the boxes are no foramina, or no lumbar spine's;
- fewer than three levels were found, which have no spacing of their own;
- a gap is neither one level wide nor two: then only the levels above it are in doubt.

It cannot be known from boxes whether a fifth vertebra has grown onto the sacrum: then its level counts as L4-L5 or
L5-S1, depending on whether its foramina were found.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry
from tfspine.labels import LEVELS, Level, Plane, Region
from tfspine.structures import SliceReading
from tfspine.study.piles import (
    GAP_OF_ONE,
    GAP_OF_TWO,
    LEVEL_GAP_MM,
    Pile,
    better_curve,
    find_piles,
    ranks_of,
    scattered_share,
    spacing_mm_of,
    without_strays,
)
from tfspine.study.sacrum import DISC_BELOW_FORAMEN_MM, doubts_of, without_sacrum
from tfspine.study.spine_curve import (
    STRAIGHT_DOWN,
    SpineCurve,
    along_mm,
    below_slice_mm,
    direction,
    fit_curve,
    spots_of,
)

SCATTERED_SHARE = 0.1
"""More than this share of the scores off every level puts them all in doubt; invented boxes of low score are less."""

DISC_REACH_MM = 22.0
"""An axial slice belongs to the disc that is nearest where it passes the canal, up to half of the widest distance from
disc to disc; further off it has no level."""


@dataclass(frozen=True)
class Landmark:
    """One level: the mean of its foramina's centres, float64 [3] in patient mm, and the unit vector to the feet there.

    `is_certain` is whether the level's name is sure; where nothing was found at a level its place is filled in.
    """

    level: Level
    centre_mm: NDArray[np.float64]
    footwards: NDArray[np.float64]
    is_certain: bool

    @property
    def disc_mm(self) -> NDArray[np.float64]:
        """Where the plane of the disc passes the canal."""
        return np.asarray(self.centre_mm + DISC_BELOW_FORAMEN_MM * self.footwards)


@dataclass(frozen=True)
class StudyLevels:
    """The levels of one study from head to feet, none where no foramen was found, and its curve.

    `doubt` says why levels that are not certain are not, and is empty where all are.
    """

    landmarks: tuple[Landmark, ...]
    curve: SpineCurve
    doubt: str


def find_levels(readings: Sequence[SliceReading]) -> StudyLevels:
    """Name the levels of one study.

    Args:
        readings: all slices of one study, axial and sagittal; the sides and levels of their boxes are not looked at.
    """
    foramina = spots_of(readings, Region.NEURAL_FORAMEN)
    curve = better_curve(foramina, fit_curve(readings))
    piles = find_piles(foramina, curve)
    if not piles:
        return StudyLevels((), curve, "no foramen was found")
    scattered = scattered_share(piles, foramina)
    piles = without_strays(piles)
    axial = [reading for reading in readings if reading.plane is Plane.AXIAL]
    piles, doubts = without_sacrum(piles, axial)
    spacing_mm = spacing_mm_of(piles)
    landmarks, gap_doubt = _counted(piles, spacing_mm)
    doubts += doubts_of(readings, piles, spacing_mm)
    if scattered > SCATTERED_SHARE:
        doubts.append(f"{scattered:.0%} of the foramina found lie between levels")
    if doubts:
        landmarks = tuple(replace(landmark, is_certain=False) for landmark in landmarks)
    elif gap_doubt:
        doubts = [gap_doubt]
    return StudyLevels(landmarks, curve, "; ".join(doubts))


def landmark_of_place(levels: StudyLevels, centre_mm: NDArray[np.float64]) -> Landmark | None:
    """Return the level of a foramen whose centre [3] lies there, or None where it is no level's."""
    here = float(along_mm(levels.curve, centre_mm[np.newaxis])[0])
    places = along_mm(levels.curve, _centres(levels.landmarks))
    apart = np.abs(places - here)
    if not len(apart) or apart.min() >= LEVEL_GAP_MM:
        return None
    return levels.landmarks[int(np.argmin(apart))]


def landmarks_of_slices(geometries: Sequence[SliceGeometry], levels: StudyLevels) -> tuple[Landmark | None, ...]:
    """Return the level of every axial slice: that of the disc nearest to it in the canal, however the slice is tilted.

    None stands for a slice that lies further than `DISC_REACH_MM` from every disc, above L1-L2 or in the sacrum.
    """
    return tuple(_landmark_of_slice(geometry, levels) for geometry in geometries)


def _counted(piles: Sequence[Pile], spacing_mm: float) -> tuple[tuple[Landmark, ...], str]:
    """Name levels from the lowest pile up, fill in those at which nothing was found, and say which gap is in doubt."""
    ranks = ranks_of(piles, spacing_mm)
    places = np.array([pile.centre_mm for pile in piles])
    centres = [
        np.array([np.interp(-rank, -np.array(ranks), places[:, axis]) for axis in range(3)])
        for rank in range(min(ranks[0] + 1, len(LEVELS)))
    ]
    while len(centres) < len(LEVELS):
        step = direction(centres[-2], centres[-1]) if len(centres) > 1 else -STRAIGHT_DOWN
        centres.append(centres[-1] + step * spacing_mm)
    feet = _footwards(centres)
    gaps = np.diff([pile.along_mm for pile in piles]) / spacing_mm
    doubtful = [rank for rank, gap in zip(ranks[1:], gaps, strict=True) if GAP_OF_ONE <= gap <= GAP_OF_TWO]
    lowest = min((rank for rank in doubtful if rank < len(LEVELS) - 1), default=len(LEVELS))
    landmarks = [
        Landmark(level, centres[rank], feet[rank], rank <= lowest) for rank, level in enumerate(reversed(LEVELS))
    ]
    doubt = f"the gap above {LEVELS[-1 - lowest]} is neither one level wide nor two" if lowest < len(LEVELS) else ""
    return tuple(reversed(landmarks)), doubt


def _footwards(centres: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return the direction of the spine at every centre, given from below: that of its neighbours."""
    last = len(centres) - 1
    return [direction(centres[min(index + 1, last)], centres[max(index - 1, 0)]) for index in range(len(centres))]


def _landmark_of_slice(geometry: SliceGeometry, levels: StudyLevels) -> Landmark | None:
    apart = [abs(below_slice_mm(geometry, mark.disc_mm, mark.footwards)) for mark in levels.landmarks]
    if not apart or min(apart) > DISC_REACH_MM:
        return None
    return levels.landmarks[int(np.argmin(apart))]


def _centres(landmarks: Sequence[Landmark]) -> NDArray[np.float64]:
    return np.array([landmark.centre_mm for landmark in landmarks]).reshape(-1, 3)
