"""The signal of one person: each tissue is drawn over those already there, from the skin inwards.

It is computed at patient positions, so that axial and sagittal slices show the same person.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.bone import draw_bone
from tfspine.phantom.canal import draw_canal
from tfspine.phantom.foramen import draw_foramina
from tfspine.phantom.frame import DISCS, Place, along, locate
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import Field, put
from tfspine.phantom.soft_tissue import draw_surroundings
from tfspine.phantom.tissue import Signals

SPINE_HALF_WIDTH_MM = 62.0
SPINE_BEFORE_MM = 30.0
SPINE_BEHIND_MM = np.array((76.0, 78.0, 80.0, 82.0, 82.0, 78.0, 62.0, 38.0, 26.0), np.float32)
"""The spine is drawn only within these distances of its curve, the last of which is given for every disc. Further
behind the sacrum the planes of neighbouring discs would cross."""

SACRUM_ENDS_MM = 34.0
"""Distance of the lower end of the sacrum below the last disc."""


def draw_body(
    anatomy: Anatomy,
    points_mm: NDArray[np.float32],
    signals: Signals,
    *,
    edge_mm: float,
    offsets_mm: Sequence[NDArray[np.float32]] = (np.zeros(3, np.float32),),
) -> Field:
    """Return the signal of water and of fat at patient positions, float32 [N, 2].

    Args:
        anatomy: the person.
        points_mm: positions of the samples, float32 [N, 3].
        signals: signal of each tissue in the sequence.
        edge_mm: width over which two tissues mix: the size of a pixel.
        offsets_mm: steps through the thickness of a slice, float32 [3] each, over which the spine is averaged. The
            surrounding tissues change too little within a slice to need it.
    """
    paint = Paint(signals, edge_mm, anatomy.lattice)
    middle = locate(anatomy.frame, points_mm)
    image = draw_surroundings(anatomy, middle, paint)
    near = _near_spine(middle)
    total = np.zeros((len(near), 2), np.float32)
    for offset in offsets_mm:
        sample = image.take(near, axis=0, mode="clip")
        place = locate(anatomy.frame, points_mm.take(near, axis=0, mode="clip") + offset)
        inside = _near_spine(place)
        spine, there = sample.take(inside, axis=0), place.take(inside)
        draw_bone(spine, anatomy, there, paint)
        draw_foramina(spine, anatomy, there, paint)
        draw_canal(spine, anatomy, there, paint)
        put(sample, inside, spine)
        total += sample
    put(image, near, total / np.float32(len(offsets_mm)))
    return image


def _near_spine(place: Place) -> NDArray[np.intp]:
    return np.flatnonzero(
        (np.abs(place.u_mm) < SPINE_HALF_WIDTH_MM)
        & (place.v_mm > -SPINE_BEFORE_MM)
        & (place.v_mm < along(SPINE_BEHIND_MM, place))
        & ((place.disc < len(DISCS) - 1) | (place.d_mm < SACRUM_ENDS_MM))
    )
