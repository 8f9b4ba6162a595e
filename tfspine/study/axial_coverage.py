"""Which levels the axial series shows, counted from the lowest foramina: a second count besides that of the foramina.

A technologist plans axial slices on the discs from L1-L2, or L3-L4, down to L5-S1. Slices that show the canal below
the lowest foramina, that do not reach them, or that show more or fewer than five discs, contradict the count.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry
from tfspine.labels import LEVELS
from tfspine.study.spine_curve import below_slice_mm

SLICE_AT_DISC_MM = 8.0
"""An axial slice nearer than this passes a disc: half of its height, and the distance between slices."""

BEYOND = 0.75
SLICES_BEYOND = 2
"""This many slices with the canal, further beyond a disc than this many spacings, show another level there."""

FEWEST_IN_PART = 2
MOST_IN_PART = 3
"""Of five levels the axial series may show only the lowest three, as where only L3-L4 to L5-S1 are planned. Four are
doubted: a technologist who counts four discs sees a different spine from the one that the foramina show."""


@dataclass(frozen=True)
class AxialCoverage:
    """What the axial series shows of the levels found.

    `levels` counts the levels that either series shows, from the lowest foramina up. `ranks` are the levels, counted
    from 0 at the lowest, at whose disc an axial slice shows the canal. `below_mm` is how far the canal is shown below
    the lowest disc if that is as far as another level, else 0; `above` counts the discs shown above the highest.
    """

    levels: int
    ranks: frozenset[int]
    below_mm: float
    above: int

    @property
    def is_whole(self) -> bool:
        """Whether the lowest and the highest of the levels are shown."""
        return {0, self.levels - 1} <= self.ranks


def axial_coverage(
    discs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    *,
    slices: Sequence[SliceGeometry],
    axial_discs_mm: NDArray[np.float64],
    spacing_mm: float,
) -> AxialCoverage:
    """Return what the axial series shows.

    Args:
        discs: place and direction to the feet, float64 [3] each, of every level found or skipped, from the lowest up.
        slices: the axial slices that show the canal, moved to the coordinates of the sagittal series.
        axial_discs_mm: where the axial series shows discs, float64 [N, 3], in the same coordinates.
        spacing_mm: the usual distance from level to level.
    """
    below = np.array([[-below_slice_mm(item, disc, feet) for item in slices] for disc, feet in discs])
    if not len(slices):
        return AxialCoverage(len(discs), frozenset(), 0.0, 0)
    is_lower, is_higher = below[0] > BEYOND * spacing_mm, -below[-1] > BEYOND * spacing_mm
    ranks = {rank for rank in range(len(discs)) if np.abs(below[rank]).min() < SLICE_AT_DISC_MM}
    above = 0
    if is_higher.sum() >= SLICES_BEYOND:
        disc, feet = discs[-1]
        heights = -(axial_discs_mm - disc) @ feet / spacing_mm
        above = max(0, round(float(heights.max(initial=0.0))))
        ranks |= {len(discs) - 1 + step for step in range(1, above + 1)}
    return AxialCoverage(
        levels=len(discs) + above,
        ranks=frozenset(ranks),
        below_mm=float(below[0].max()) if is_lower.sum() >= SLICES_BEYOND else 0.0,
        above=above,
    )


def doubts_of_count(coverage: AxialCoverage, *, is_sure_without_axial: bool) -> list[str]:
    """Return why the axial series does not confirm that the lowest foramina are those of L5-S1.

    Args:
        coverage: what it shows.
        is_sure_without_axial: whether the foramina, all five levels, by themselves look as if the lowest were at L5-S1
            (`shape.py`), and the axial discs fit them closely.
    """
    if not coverage.ranks and not coverage.below_mm:
        return ["no axial slice shows the canal at any level: the levels are counted from the foramina alone"]
    doubts = []
    if coverage.below_mm:
        doubts.append(f"axial slices show the canal {coverage.below_mm:.0f} mm below the lowest disc")
    elif 0 not in coverage.ranks:
        doubts.append("no axial slice reaches the lowest foramina, which may be the sacrum's")
    if coverage.levels > len(LEVELS) and coverage.above:
        doubts.append(f"with those that axial slices show above the foramina there are {coverage.levels} levels")
    elif coverage.levels < len(LEVELS):
        doubts.append(f"{coverage.levels} levels were found instead of {len(LEVELS)}: any of them may be missing")
    elif not coverage.is_whole and not doubts:
        shown = sum(1 for _ in _from_lowest(coverage.ranks))
        if not (FEWEST_IN_PART <= shown <= MOST_IN_PART and is_sure_without_axial):
            doubts.append(f"axial slices show the lowest {shown} levels only, which does not confirm the count")
    return doubts


def _from_lowest(ranks: frozenset[int]) -> Sequence[int]:
    """Return the ranks from 0 up to the first that is missing."""
    end = next((rank for rank in range(len(LEVELS) + 1) if rank not in ranks), math.inf)
    return [rank for rank in sorted(ranks) if rank < end]
