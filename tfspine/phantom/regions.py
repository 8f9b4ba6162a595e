"""Where canal, recesses and foramina lie and how far they are narrowed, used for both the images and the truth.

All positions are in the coordinates of `frame.py`, in mm; narrowing is the local severity, 0 to 1.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.labels import Region, Side
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.frame import Place, along
from tfspine.phantom.severity import CANAL_NARROWING_HALF_MM, profile

RECESS_HALF_MM = (3.8, 3.4)
"""Half width and half depth of an open recess. Stenosis reduces its depth (Steurer 2011, BMC Musculoskelet Disord
12:175); 6.8 mm, 4.5 with a third lost and 2.3 with two thirds, is set by hand to fit the usual limits of 5 and 3 mm."""

RECESS_BEHIND_BODY_MM = 3.6
RECESS_REACH_MM = 3.75
"""How far from the disc plane a recess is open; slices within this distance show at least half of it and are boxed."""

PEDICLE_HALF_WIDTH_MM = np.array((3.2, 3.4, 3.6, 3.9, 4.6, 5.8, 7.5, 8.0, 6.0), np.float32)
"""Values for the vertebra above each disc; set by hand, 1 to 2 mm below published widths."""

FORAMEN_D_MM = -1.5
FORAMEN_FRONT_MM = -0.3
"""Distance of the front of a foramen from the body and the disc; a narrow, slit-like foramen lies close to them."""

FORAMEN_WITHIN_MM = 0.6
FORAMEN_BEYOND_MM = 1.5
"""Distances by which a foramen begins outside the inner edge of the pedicles and ends outside their outer edge;
sagittal slices in this range show the foramen, and it is boxed there."""

DISC_REACH_MM = 4.6
"""How far behind the body a disc bulges if it closes the canal almost completely."""

MOST_BULGE_MM = 0.4 + 4.0 + 2.0 + 2.5
"""Largest posterior protrusion of any disc."""

BOX_MARGIN_MM = 0.7
FORAMEN_MARGIN_MM = 1.8
RECESS_MARGIN_MM = 3.0
"""Boxes include the border of a region: the dura, the bone of a foramen, the facet and disc that narrow a recess."""


def canal_narrowing(anatomy: Anatomy, disc: ArrayLike, d_mm: ArrayLike) -> NDArray[np.float32]:
    """Return the narrowing of the canal at places near a disc: that of the disc at its plane, none a few mm away."""
    at_disc = anatomy.narrowing[Region.CENTRAL_CANAL, None][np.asarray(disc)]
    return np.asarray(at_disc * profile(d_mm, CANAL_NARROWING_HALF_MM), np.float32)


def bulge_mm(anatomy: Anatomy, place: Place) -> NDArray[np.float32]:
    """Return how far the disc protrudes posteriorly at places where it narrows the canal, a recess or a foramen."""
    recess, foramen = (
        np.where(
            place.u_mm > 0,
            anatomy.narrowing[region, Side.LEFT][place.disc],
            anatomy.narrowing[region, Side.RIGHT][place.disc],
        )
        for region in (Region.LATERAL_RECESS, Region.NEURAL_FORAMEN)
    )
    side = np.abs(place.u_mm)
    sideways = np.exp(-np.square((side - 11.0) / 6.0))
    outwards = np.exp(-np.square((side - 19.0) / 6.0))
    canal = anatomy.narrowing[Region.CENTRAL_CANAL, None][place.disc] * np.exp(-np.square(side / 16.0))
    return np.asarray(0.4 + 4.0 * canal + 2.0 * recess * sideways + 2.5 * foramen * outwards, np.float32)


def sac_mm(anatomy: Anatomy, place: Place, narrowing: ArrayLike) -> tuple[NDArray[np.float32], ...]:
    """Return (half width, front, back) of a sac with the given narrowing, in u and v, float32 [N].

    It loses more depth than width: from the front by the disc, as far as the disc reaches, and from behind by the
    ligamentum flavum.
    """
    lost = np.asarray(narrowing, np.float32)
    half_u = along(anatomy.sac_half_width_mm, place) * (1.0 - 0.30 * lost)
    depth = 2.0 * along(anatomy.sac_half_depth_mm, place) * (1.0 - 0.72 * lost)
    gap = along(anatomy.epidural_gap_mm, place)
    front = along(anatomy.body_half_depth_mm, place) + gap + lost * np.maximum(DISC_REACH_MM - gap, 0.0)
    return half_u, front, front + depth


def canal_box_mm(anatomy: Anatomy, place: Place, narrowing: float) -> tuple[float, float, float, float]:
    """Return (u low, u high, v low, v high) of the canal at one place: the sac, half of the lost space, the dura.

    Readers box neither the small sac left by a severe stenosis alone nor the whole original canal.
    """
    narrowed, open_ = (np.array(sac_mm(anatomy, place, lost))[:, 0] for lost in (narrowing, 0.0))
    half, front, back = (float(value) for value in (narrowed + open_) / 2)
    return -half - BOX_MARGIN_MM, half + BOX_MARGIN_MM, front - BOX_MARGIN_MM, back + BOX_MARGIN_MM


def recess_u_mm(anatomy: Anatomy, disc: ArrayLike) -> NDArray[np.float32]:
    """Return the distance of the recess from the midline, between sac and pedicle."""
    return np.asarray(anatomy.canal_half_width_mm[np.asarray(disc)] - 1.2, np.float32)


def recess_box_mm(anatomy: Anatomy, disc: int, side: Side) -> tuple[float, float, float, float]:
    """Return (u low, u high, v low, v high) of a recess with the bone around it."""
    half_u, half_v = (half + RECESS_MARGIN_MM for half in RECESS_HALF_MM)
    u = float(recess_u_mm(anatomy, disc)) * sign(side)
    v = float(anatomy.body_half_depth_mm[disc]) + RECESS_BEHIND_BODY_MM
    return u - half_u, u + half_u, v - half_v, v + half_v


def foramen_u_mm(anatomy: Anatomy, disc: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the range of distances from the midline in which a foramen is open."""
    at = np.asarray(disc)
    inner = anatomy.canal_half_width_mm[at]
    outer = inner + 2.0 * PEDICLE_HALF_WIDTH_MM[at]
    return np.asarray(inner + FORAMEN_WITHIN_MM, np.float32), np.asarray(outer + FORAMEN_BEYOND_MM, np.float32)


def foramen_v_mm(anatomy: Anatomy, disc: ArrayLike, side: Side) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the middle and the half depth of a foramen without narrowing, in v."""
    at = np.asarray(disc)
    half = anatomy.foramen_half_depth_mm[at] * anatomy.foramina[side].depth[at]
    return np.asarray(anatomy.body_half_depth_mm[at] + FORAMEN_FRONT_MM + half, np.float32), half


def foramen_box_mm(anatomy: Anatomy, disc: int, side: Side) -> tuple[float, float, float, float]:
    """Return (d low, d high, v low, v high) of a foramen without narrowing, with the bone around it."""
    half_d = float(anatomy.foramen_half_height_mm[disc]) + FORAMEN_MARGIN_MM
    v, half_v = (float(value) for value in foramen_v_mm(anatomy, disc, side))
    depth = half_v + FORAMEN_MARGIN_MM
    return FORAMEN_D_MM - half_d, FORAMEN_D_MM + half_d, v - depth, v + depth


def sign(side: Side) -> float:
    """Return +1 for the patient's left, towards which u increases, and -1 for the right."""
    return 1.0 if side is Side.LEFT else -1.0
