"""The person as signal: every tissue laid over what lies beneath it, from the skin inwards.

Works on places (`frame.py`), so that axial and sagittal slices cut the same person.
"""

import numpy as np

from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.bone import draw_bone
from tfspine.phantom.canal import draw_canal
from tfspine.phantom.frame import DISCS, Place, along
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import Field
from tfspine.phantom.soft_tissue import draw_surroundings
from tfspine.phantom.tissue import Signals

SPINE_HALF_WIDTH_MM = 62.0
SPINE_BEFORE_MM = 30.0
SPINE_BEHIND_MM = np.array((76.0, 78.0, 80.0, 82.0, 82.0, 78.0, 62.0, 38.0, 26.0), np.float32)
"""The spine lies within these of its own curve, the last at every disc; only there is it drawn. Further behind the
sacrum the planes of neighbouring discs would cross."""

SACRUM_ENDS_MM = 34.0
"""Below the last disc."""


def draw_body(anatomy: Anatomy, place: Place, signals: Signals, *, edge_mm: float) -> Field:
    """Return the signal of water and of fat at places, float32 [N, 2].

    Args:
        anatomy: the person.
        place: where the samples lie.
        signals: signal of each tissue in the sequence.
        edge_mm: width over which two tissues mix: the size of a pixel.
    """
    paint = Paint(signals, edge_mm, anatomy.lattice)
    image = np.zeros((len(place.disc), 2), np.float32)
    draw_surroundings(image, anatomy, place, paint)
    near = np.flatnonzero(
        (np.abs(place.u_mm) < SPINE_HALF_WIDTH_MM)
        & (place.v_mm > -SPINE_BEFORE_MM)
        & (place.v_mm < along(SPINE_BEHIND_MM, place))
        & ((place.disc < len(DISCS) - 1) | (place.d_mm < SACRUM_ENDS_MM))
    )
    spine, there = image[near], place.take(near)
    draw_bone(spine, anatomy, there, paint)
    draw_canal(spine, anatomy, there, paint)
    image[near] = spine
    return image
