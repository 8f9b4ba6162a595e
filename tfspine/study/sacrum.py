"""Is the lowest level found L5-S1? The reasons for which it may not be.

It is where the sacrum is in view: below it there has to be room for one more foramen that was not found. What the
technologist did is a second witness: axial slices are planned down to L5-S1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry, patient_to_pixel
from tfspine.labels import LEVELS, Plane, Region
from tfspine.structures import SliceReading
from tfspine.study.piles import Pile, is_clear, ranks_of, spacing_mm_of, usual_weight
from tfspine.study.spine_curve import STRAIGHT_DOWN, below_slice_mm, direction

DISC_BELOW_FORAMEN_MM = 1.5
"""A foramen reaches from pedicle to pedicle, past its disc: its centre lies so far above the disc's."""

FORAMEN_IN_VIEW_MM = 10.0
"""The half height of a foramen (`phantom/measures.py`): with so much of the image around its centre all is in view."""

AXIAL_BELOW = 0.75
AXIAL_SLICES_BELOW = 2
AXIAL_SCORE = 0.5
"""So many axial slices with a canal of at least this score, further below the lowest disc than so many spacings, show a
level without foramina."""

SLICE_AT_DISC_MM = 8.0
"""An axial slice nearer than this passes a disc: half of its height, and the distance between slices."""

FEWEST_LEVELS = 3
"""With fewer there is no second gap to compare the first with."""


def without_sacrum(piles: list[Pile], axial: Sequence[SliceReading]) -> tuple[list[Pile], list[str]]:
    """Drop lowest piles that seem to be the sacrum's, and say what about the piles puts the count in doubt."""
    usual = usual_weight(piles)
    clear = [is_clear(pile, usual) for pile in piles]
    if not clear[-1]:
        doubt = "the lowest foramina were found much less clearly than the others and may be the sacrum's"
        is_sixth, is_beyond = sum(clear) >= len(LEVELS), _is_beyond(piles, axial)
        kept = piles[:-1] if is_sixth or is_beyond else piles
        return kept, [] if is_sixth and is_beyond else [doubt]
    # The topmost clear level and, below it, faint ones and gaps all count.
    levels = ranks_of(piles, spacing_mm_of(piles))[clear.index(True)] + 1
    if levels <= len(LEVELS):
        return piles, []
    while len(piles) > len(LEVELS) and _is_beyond(piles, axial):
        piles = piles[:-1]
    return piles, [f"{levels} levels of foramina are clear: T12-L1 or a transitional vertebra is among them"]


def doubts_of(readings: Sequence[SliceReading], piles: Sequence[Pile], spacing_mm: float) -> list[str]:
    """Return why the lowest pile may not be L5-S1."""
    doubts = []
    if len(piles) < FEWEST_LEVELS:
        doubts.append(f"foramina were found at {len(piles)} levels only")
    disc, down = _lowest_disc(piles)
    following = piles[-1].centre_mm + spacing_mm * down
    if not all(_is_in_view(reading.geometry, following) for reading in readings if reading.plane is Plane.SAGITTAL):
        doubts.append("the sagittal images end too close below the lowest foramina to show the sacrum")
    below_mm = [-below_slice_mm(reading.geometry, disc, down) for reading in readings if _shows_canal(reading)]
    if sum(below > AXIAL_BELOW * spacing_mm for below in below_mm) >= AXIAL_SLICES_BELOW:
        doubts.append(f"axial slices show the canal {max(below_mm):.0f} mm below the lowest disc")
    return doubts


def _lowest_disc(piles: Sequence[Pile]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the disc of the lowest pile passes the canal, and the direction to the feet there."""
    down = direction(piles[-2].centre_mm, piles[-1].centre_mm) if len(piles) > 1 else STRAIGHT_DOWN
    return piles[-1].centre_mm + DISC_BELOW_FORAMEN_MM * down, down


def _is_beyond(piles: Sequence[Pile], axial: Sequence[SliceReading]) -> bool:
    """Return whether there are axial slices and none passes the lowest disc: L5-S1 was planned for above it."""
    disc, down = _lowest_disc(piles)
    reached = [abs(below_slice_mm(reading.geometry, disc, down)) < SLICE_AT_DISC_MM for reading in axial]
    return bool(reached) and not any(reached)


def _shows_canal(reading: SliceReading) -> bool:
    return any(item.region is Region.CENTRAL_CANAL and item.score >= AXIAL_SCORE for item in reading.detections)


def _is_in_view(geometry: SliceGeometry, point_mm: NDArray[np.float64]) -> bool:
    """Return whether a whole foramen around a place would lie inside a sagittal image."""
    pixel = patient_to_pixel(geometry, point_mm) + 0.5
    margin = FORAMEN_IN_VIEW_MM / np.asarray(geometry.spacing_mm)
    return bool(np.all(pixel >= margin) and np.all(pixel <= np.asarray(geometry.size_px) - margin))
