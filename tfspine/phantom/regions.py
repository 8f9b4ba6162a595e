"""Where canal, recesses and foramina lie and how far they are narrowed: one source for pictures and truth.

All positions are places of `frame.py` in mm; `severity` is the local one, 0 to 1.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.labels import LEVELS, Region, Side
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.severity import profile

CANAL_NARROWING_HALF_MM = 7.0
"""Distance from the disc plane up to which disc and flavum narrow the canal."""

RECESS_U_MM = 12.0
RECESS_BEHIND_BODY_MM = 4.0
RECESS_HALF_MM = (4.0, 4.0)
RECESS_REACH_MM = 5.0
"""How far from the disc plane a recess is open; slices nearer than this show at least half of it, and are boxed."""

FORAMEN_U_MM = (14.5, 26.5)
"""From where to where, off the midline, a foramen is open; sagittal slices between show it, and are boxed."""

FORAMEN_D_MM = -5.0
FORAMEN_HALF_HEIGHT_MM = 10.0
FORAMEN_BEHIND_BODY_MM = 6.0
FORAMEN_HALF_DEPTH_MM = 6.0

BOX_MARGIN_MM = 1.0


def sided(anatomy: Anatomy, region: Region, side: Side | None) -> NDArray[np.float32]:
    """Return the severities of a region at the five discs, float32 [5]."""
    return np.array([anatomy.severities.at(region, level, side) for level in LEVELS], np.float32)


def canal_severity(anatomy: Anatomy, disc: ArrayLike, d_mm: ArrayLike) -> NDArray[np.float32]:
    """Return how far the canal is narrowed at places near a disc: all at the disc, nothing a few mm away."""
    at_disc = sided(anatomy, Region.CENTRAL_CANAL, None)[np.asarray(disc)]
    return np.asarray(at_disc * profile(d_mm, CANAL_NARROWING_HALF_MM), np.float32)


def canal_box_mm(anatomy: Anatomy, disc: int) -> tuple[float, float, float, float]:
    """Return (u low, u high, v low, v high) of the bony canal: sac, epidural fat and flavum lie inside."""
    half = float(anatomy.sac_half_width_mm[disc]) + 2.0 + BOX_MARGIN_MM
    front = float(anatomy.body_half_depth_mm[disc])
    return -half, half, front, front + float(anatomy.canal_depth_mm[disc]) + BOX_MARGIN_MM


def recess_box_mm(anatomy: Anatomy, disc: int, side: Side) -> tuple[float, float, float, float]:
    """Return (u low, u high, v low, v high) of a recess with the bone around it."""
    half_u, half_v = (half + 2.0 + BOX_MARGIN_MM / 2 for half in RECESS_HALF_MM)
    u = RECESS_U_MM * sign(side)
    v = float(anatomy.body_half_depth_mm[disc]) + RECESS_BEHIND_BODY_MM
    return u - half_u, u + half_u, v - half_v, v + half_v


def foramen_box_mm(anatomy: Anatomy, disc: int) -> tuple[float, float, float, float]:
    """Return (d low, d high, v low, v high) of a foramen that nothing narrows."""
    half_d, half_v = FORAMEN_HALF_HEIGHT_MM + BOX_MARGIN_MM, FORAMEN_HALF_DEPTH_MM + BOX_MARGIN_MM
    v = float(anatomy.body_half_depth_mm[disc]) + FORAMEN_BEHIND_BODY_MM
    return FORAMEN_D_MM - half_d, FORAMEN_D_MM + half_d, v - half_v, v + half_v


def sign(side: Side) -> float:
    """Return +1 for the patient's left, to which u grows, and -1 for the right."""
    return 1.0 if side is Side.LEFT else -1.0
