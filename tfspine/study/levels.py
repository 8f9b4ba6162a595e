"""Which disc level is where in one study, and whether that is certain.

The foramina found in the sagittal series are the landmarks. Along the spine's curve they cluster at each level
(`piles.py`); the lowest cluster is L5-S1, and the others are counted from it, including levels at which nothing was
found. Only the order of the scores counts. The count is certain where three sources agree; otherwise the reason for
the doubt is recorded:

- the sagittal series: below the lowest foramina there is room for one more that was not found, so that the sacrum is in
  view; the foramina lie at levels, not between; and their course, width and height do not suggest another lowest level
  (`sacrum.py`, `shape.py`);
- the axial series: it shows the canal at the lowest level and not below, and together with the foramina five levels,
  neither four nor six (`axial_coverage.py`);
- both lie in one frame of reference, and their discs in the same places (`alignment.py`). Where they do not, the axial
  series is aligned with the sagittal one by its discs, and its levels are found, but are not certain.

Where a gap is neither one level wide nor two, only the levels above it are in doubt; an axial slice half way between
two discs is in doubt on its own. Without sagittal foramina the discs of the axial series are counted from the lowest;
without an axial series the foramina are counted alone: neither is certain.

If a fifth lumbar vertebra is missing and T12-L1 was found instead, five levels are not L1-L2 to L5-S1; only images of
the whole spine would show that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry
from tfspine.labels import LEVELS, Region
from tfspine.structures import SliceReading
from tfspine.study.alignment import Alignment, align, moved_back
from tfspine.study.axial import AxialView, view_axial
from tfspine.study.axial_coverage import axial_coverage, doubts_of_count
from tfspine.study.landmarks import Landmark, landmarks_of_axial_discs, landmarks_of_piles
from tfspine.study.piles import (
    LEVEL_GAP_MM,
    USUAL_SPACING_MM,
    Pile,
    better_curve,
    find_piles,
    ranks_of,
    scattered_share,
    spacing_mm_of,
    without_strays,
)
from tfspine.study.sacrum import LIKELY, clear_levels, doubts_of_sacrum, without_sacrum
from tfspine.study.shape import fit_of
from tfspine.study.spine_curve import SpineCurve, along_mm, below_slice_mm, fit_curve, spots_of

SCATTERED_SHARE = 0.1
"""If more than this share of what was found lies off every level, all levels are in doubt; stray boxes are fewer."""

DISC_REACH_MM = 22.0
"""An axial slice belongs to the disc that is nearest where it passes the canal, up to half of the widest distance from
disc to disc; further off it has no level."""

HALF_WAY_MM = 6.0
"""Where the distances of an axial slice from its two nearest discs differ by less, its level is not certain. Boxes of a
briefly trained detector put a slice on the wrong side of the middle where the difference was 3.5 mm (the demo)."""

NEAR_LEVEL_MM = 12.0
"""The level of a foramen further than this from that level is not certain."""


@dataclass(frozen=True)
class StudyLevels:
    """The levels of one study from head to feet, and its curve; no levels if neither foramina nor discs were found.

    `axial_shift_mm`, float64 [3], is how far the axial series is displaced from the levels. `doubt` says why levels
    that are not certain are not, and is empty where all are.
    """

    landmarks: tuple[Landmark, ...]
    curve: SpineCurve
    axial_shift_mm: NDArray[np.float64]
    doubt: str


def find_levels(readings: Sequence[SliceReading]) -> StudyLevels:
    """Name the levels of one study.

    Args:
        readings: all slices of one study, axial and sagittal; the sides and levels of their boxes are ignored.
    """
    foramina = spots_of(readings, Region.NEURAL_FORAMEN)
    curve = better_curve(foramina, fit_curve(readings))
    view = view_axial(readings)
    found = find_piles(foramina, curve)
    if not found:
        discs = view.discs_mm if view.has_recesses else np.zeros((0, 3))
        return StudyLevels(
            landmarks_of_axial_discs(discs, USUAL_SPACING_MM), curve, np.zeros(3), "no foramen was found"
        )
    scattered = scattered_share(found, foramina)
    piles = without_strays(found)
    alignment = _alignment(readings, view, curve, piles)
    slices = [moved_back(geometry, alignment.shift_mm) for geometry in view.slices]
    piles, doubts = without_sacrum(piles, slices)
    spacing_mm = spacing_mm_of(piles)
    axial_discs = view.discs_mm - alignment.shift_mm
    landmarks, gap_doubt = landmarks_of_piles(piles, spacing_mm, axial_discs_mm=axial_discs)
    fit = fit_of(piles, ranks_of(piles, spacing_mm))
    doubts += doubts_of_sacrum(readings, piles, spacing_mm, fit)
    counted = landmarks[::-1][: clear_levels(piles)]
    coverage = axial_coverage(
        [(landmark.disc_mm, landmark.footwards) for landmark in counted],
        slices=slices,
        axial_discs_mm=axial_discs,
        spacing_mm=spacing_mm,
    )
    is_seen = fit.over_higher >= LIKELY and alignment.is_close and len(piles) >= len(LEVELS)
    doubts += doubts_of_count(coverage, is_sure_without_axial=is_seen)
    if scattered > SCATTERED_SHARE:
        doubts.append(f"{scattered:.0%} of the foramina found lie between levels")
    if alignment.doubt:
        doubts.insert(0, alignment.doubt)
    if doubts:
        landmarks = tuple(replace(landmark, is_certain=False) for landmark in landmarks)
    elif gap_doubt:
        doubts = [gap_doubt]
    return StudyLevels(landmarks, curve, alignment.shift_mm, "; ".join(doubts))


def landmark_of_place(levels: StudyLevels, centre_mm: NDArray[np.float64]) -> Landmark | None:
    """Return the level of a foramen with this centre [3], or None where it belongs to no level."""
    here = float(along_mm(levels.curve, centre_mm[np.newaxis])[0])
    places = along_mm(levels.curve, np.array([mark.centre_mm for mark in levels.landmarks]).reshape(-1, 3))
    apart = np.abs(places - here)
    if not len(apart) or apart.min() >= LEVEL_GAP_MM:
        return None
    landmark = levels.landmarks[int(np.argmin(apart))]
    return replace(landmark, is_certain=landmark.is_certain and bool(apart.min() <= NEAR_LEVEL_MM))


def landmarks_of_slices(geometries: Sequence[SliceGeometry], levels: StudyLevels) -> tuple[Landmark | None, ...]:
    """Return the level of every axial slice: that of the disc nearest to it in the canal, however the slice is tilted.

    None stands for a slice that lies further than `DISC_REACH_MM` from every disc, above L1-L2 or in the sacrum.
    """
    return tuple(_landmark_of_slice(moved_back(geometry, levels.axial_shift_mm), levels) for geometry in geometries)


def _alignment(
    readings: Sequence[SliceReading], view: AxialView, curve: SpineCurve, piles: Sequence[Pile]
) -> Alignment:
    """Compare the axial series with the levels at which foramina were found."""
    landmarks, _ = landmarks_of_piles(piles, spacing_mm_of(piles))
    ranks = ranks_of(piles, spacing_mm_of(piles))
    marks = [mark for rank, mark in enumerate(landmarks[::-1]) if rank <= ranks[0]]
    return align(
        readings,
        view,
        curve=curve,
        discs_mm=np.array([mark.disc_mm for mark in marks]),
        footwards=np.array([mark.footwards for mark in marks]),
        has_both_sides=any(np.isfinite(pile.off_midline_mm) for pile in piles),
    )


def _landmark_of_slice(geometry: SliceGeometry, levels: StudyLevels) -> Landmark | None:
    apart = np.abs([below_slice_mm(geometry, mark.disc_mm, mark.footwards) for mark in levels.landmarks])
    if not len(apart) or apart.min() > DISC_REACH_MM:
        return None
    nearest, second = np.sort(apart)[:2] if len(apart) > 1 else (apart[0], np.inf)
    landmark = levels.landmarks[int(np.argmin(apart))]
    return replace(landmark, is_certain=landmark.is_certain and bool(second - nearest > HALF_WAY_MM))
