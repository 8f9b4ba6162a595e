"""Whether the lowest level found is L5-S1, according to the sagittal series.

The sacrum has to be in view, and its foramina must not be among those found.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry, patient_to_pixel
from tfspine.labels import LEVELS, Plane
from tfspine.structures import SliceReading
from tfspine.study.axial_coverage import SLICE_AT_DISC_MM
from tfspine.study.piles import Pile, is_clear, ranks_of, spacing_mm_of, usual_weight
from tfspine.study.shape import Fit
from tfspine.study.spine_curve import STRAIGHT_DOWN, below_slice_mm, direction

DISC_BELOW_FORAMEN_MM = 1.5
"""A foramen reaches from pedicle to pedicle, past its disc: its centre lies this far above that of the disc."""

FORAMEN_IN_VIEW_MM = 10.0
"""Half the height of a foramen (`phantom/measures.py`): with this margin around its centre all of it is in view."""

FEWEST_LEVELS = 3
"""With fewer there is no second gap to compare the first with."""

LIKELY = 0.8
UNLIKELY = -2.0
"""Logarithms of the likelihood of L5-S1 over that of another lowest level (`shape.py`): from the first on the level is
accepted as L5-S1, below the second it does not look like it."""


def clear_levels(piles: Sequence[Pile]) -> int:
    """Return how many levels there are from the lowest pile to the topmost clear one, gaps and faint ones included."""
    usual = usual_weight(piles)
    topmost = next(index for index, pile in enumerate(piles) if is_clear(pile, usual))
    return ranks_of(piles, spacing_mm_of(piles))[topmost] + 1


def without_sacrum(piles: list[Pile], axial: Sequence[SliceGeometry]) -> tuple[list[Pile], list[str]]:
    """Drop lowest piles that seem to be the sacrum's, and return why the piles put the count in doubt.

    Args:
        piles: levels from head to feet.
        axial: axial slices that show the canal.
    """
    is_faint = not is_clear(piles[-1], usual_weight(piles))
    if is_faint and (not axial or is_beyond(piles, axial) or clear_levels(piles) > len(LEVELS)):
        doubt = "the lowest foramina were found much less clearly than the others and may be the sacrum's"
        is_sixth = clear_levels(piles) > len(LEVELS)
        kept = piles[:-1] if is_sixth or is_beyond(piles, axial) else piles
        return kept, [] if is_beyond(piles, axial) else [doubt]
    levels = clear_levels(piles)
    if levels <= len(LEVELS):
        return piles, []
    while len(piles) > len(LEVELS) and is_beyond(piles, axial):
        piles = piles[:-1]
    return piles, [f"{levels} levels of foramina are clear: T12-L1 or a transitional vertebra is among them"]


def doubts_of_sacrum(readings: Sequence[SliceReading], piles: Sequence[Pile], spacing_mm: float, fit: Fit) -> list[str]:
    """Return why the lowest pile may not be L5-S1."""
    doubts = []
    if len(piles) < FEWEST_LEVELS:
        doubts.append(f"foramina were found at {len(piles)} levels only")
    _, down = lowest_disc(piles)
    following = piles[-1].centre_mm + spacing_mm * down
    if not all(_is_in_view(reading.geometry, following) for reading in readings if reading.plane is Plane.SAGITTAL):
        doubts.append("the sagittal images end too close below the lowest foramina to show the sacrum")
    if fit.over_sacral < UNLIKELY:
        doubts.append("the lowest foramina look like those of the sacrum")
    elif fit.over_higher < UNLIKELY:
        doubts.append("the lowest foramina do not look like those of L5-S1: the spine does not turn to the back there")
    return doubts


def lowest_disc(piles: Sequence[Pile]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the disc of the lowest pile passes the canal, and the direction to the feet there."""
    down = direction(piles[-2].centre_mm, piles[-1].centre_mm) if len(piles) > 1 else STRAIGHT_DOWN
    return piles[-1].centre_mm + DISC_BELOW_FORAMEN_MM * down, down


def is_beyond(piles: Sequence[Pile], axial: Sequence[SliceGeometry]) -> bool:
    """Return whether axial slices exist and none passes the lowest disc: L5-S1 was planned above it."""
    disc, down = lowest_disc(piles)
    reached = [abs(below_slice_mm(geometry, disc, down)) < SLICE_AT_DISC_MM for geometry in axial]
    return bool(reached) and not any(reached)


def _is_in_view(geometry: SliceGeometry, point_mm: NDArray[np.float64]) -> bool:
    """Return whether a whole foramen around a place would lie inside a sagittal image."""
    pixel = patient_to_pixel(geometry, point_mm) + 0.5
    margin = FORAMEN_IN_VIEW_MM / np.asarray(geometry.spacing_mm)
    return bool(np.all(pixel >= margin) and np.all(pixel <= np.asarray(geometry.size_px) - margin))
