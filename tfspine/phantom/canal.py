"""The contents of the bony canal (fat, ligamentum flavum, sac and roots), and the recesses at its sides."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.labels import Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import ROOTS, Anatomy
from tfspine.phantom.bone import HOLLOW_MM, posterior_edge_mm
from tfspine.phantom.frame import FIRST_LEVEL, Place, along
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import ROUNDING_MM, Field, both, cover, ellipse, put, reach, slab, tapered_ellipse
from tfspine.phantom.tissue import Tissue

DURA_MM = 0.45
PLEXUS_EDGE_MM = 1.5
ROOT_RADIUS_MM = 0.85


def draw_canal(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw canal and recesses into `image`, float32 [N, 2], in place."""
    _canal(image, anatomy, place, paint)
    for side in Side:
        _recess(image, anatomy, place, paint, side)
    _sac(image, anatomy, place, paint)


def _canal(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw epidural fat between body or disc and the laminae; at a disc the ligamentum flavum lines the laminae."""
    near = np.flatnonzero(_may_be_canal(anatomy, place, edge_mm=max(paint.edge_mm, PLEXUS_EDGE_MM)))
    if not near.size:
        return
    part, place = image.take(near, axis=0, mode="clip"), place.take(near)
    side, v, d = np.abs(place.u_mm), place.v_mm, place.d_mm
    narrowing = regions.canal_narrowing(anatomy, place.disc, d)
    front = posterior_edge_mm(anatomy, place) + regions.bulge_mm(anatomy, place) * (np.abs(d) < 6.0)
    depth = along(anatomy.canal_depth_mm, place)
    half = along(anatomy.canal_half_width_mm, place)
    roof = along(anatomy.body_half_depth_mm, place) + depth * (1.0 - 0.52 * np.clip(side / half, 0.0, 1.3) ** 1.25)
    inside = both(np.asarray(np.maximum(front - v, v - roof), np.float32), np.asarray(side - half, np.float32))
    at_disc = slab(d, -11.0, 8.0)

    def fat(touched: NDArray[np.intp]) -> Field:
        grain = paint.texture(place.point_mm.take(touched, axis=0), (3.0, 3.0, 4.0), layer=30)
        return paint.of(Tissue.FAT, 0.9 + 0.12 * grain)

    cover(part, inside, fat, edge_mm=paint.edge_mm)
    plexus = both(inside, np.asarray(v - front - 1.6, np.float32))
    cover(part, plexus, paint.of(Tissue.VEIN), edge_mm=PLEXUS_EDGE_MM, opacity=0.6)
    thickness = anatomy.flavum_mm[place.disc] * (1.0 + 0.9 * narrowing)
    open_ = np.clip(1.2 - 1.1 * narrowing, 0.0, 1.0)
    lining = both(inside, at_disc, np.asarray(roof - thickness - v, np.float32))
    lining = both(lining, np.asarray(2.2 * open_ - side, np.float32))
    cover(part, lining, paint.of(Tissue.LIGAMENT), edge_mm=paint.edge_mm)
    ligament = both(np.asarray(np.abs(v - front) - 0.4, np.float32), np.asarray(side - 8.0, np.float32))
    cover(part, ligament, paint.of(Tissue.LIGAMENT), edge_mm=paint.edge_mm, opacity=0.7)
    put(image, near, part)


def _may_be_canal(anatomy: Anatomy, place: Place, *, edge_mm: float) -> NDArray[np.bool_]:
    """Return where the canal and the ligament in front of it may lie, bool [N]."""
    half = edge_mm / 2 + ROUNDING_MM
    front = float(anatomy.body_half_depth_mm.min()) - HOLLOW_MM - 0.4
    back = float((anatomy.body_half_depth_mm + np.maximum(anatomy.canal_depth_mm, regions.MOST_BULGE_MM + 0.4)).max())
    return np.asarray(
        (place.v_mm > front - half)
        & (place.v_mm < back + half)
        & (np.abs(place.u_mm) < max(float(anatomy.canal_half_width_mm.max()), 8.0) + half)
    )


def _sac(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw the dura, and inside it fluid with the roots of the cauda equina and the end of the cord."""
    near = np.flatnonzero((np.abs(place.u_mm) < 14.0) & (place.v_mm > 0.0) & (place.v_mm < 50.0))
    there = place.take(near)
    narrowing = regions.canal_narrowing(anatomy, there.disc, there.d_mm)
    half_u, front, back = regions.sac_mm(anatomy, there, narrowing)
    half_v = (back - front) / 2
    v = np.asarray(there.v_mm - front - half_v, np.float32)
    taper = along(anatomy.sac_taper, there)
    shape = tapered_ellipse(there.u_mm, v, half_u, half_v, taper=np.clip(taper + 0.3 * narrowing, -0.1, 0.8))
    within = np.flatnonzero(shape < DURA_MM + paint.edge_mm / 2 + ROUNDING_MM)
    _draw_sac(
        image,
        near.take(within),
        anatomy,
        paint,
        _Sac(there.take(within), *(size.take(within) for size in (v, half_u, half_v, shape, narrowing))),
    )
    conus = ellipse(there.u_mm, v, 3.6, 3.0) + np.clip(6.0 * (_height(there) - FIRST_LEVEL + 0.8), 0.0, None)
    part = image.take(near, axis=0, mode="clip")
    cover(part, np.asarray(conus, np.float32), paint.of(Tissue.NERVE), edge_mm=paint.edge_mm)
    put(image, near, part)


@dataclass(frozen=True)
class _Sac:
    """The sac at the points in it, float32 [N]: v from its middle, half width and depth, distance to its edge."""

    place: Place
    v_mm: Field
    half_u_mm: Field
    half_v_mm: Field
    shape: Field
    narrowing: Field


def _draw_sac(image: Field, indices: NDArray[np.intp], anatomy: Anatomy, paint: Paint, sac: _Sac) -> None:
    part, u, v = image.take(indices, axis=0, mode="clip"), sac.place.u_mm, sac.v_mm
    cover(part, sac.shape - DURA_MM, paint.of(Tissue.LIGAMENT), edge_mm=paint.edge_mm, opacity=0.8)
    flow = 1.0 + 0.06 * paint.texture(sac.place.point_mm, (5.0, 5.0, 9.0), layer=31)
    crowded = np.clip(0.85 * sac.narrowing + anatomy.fine_roots * (0.7 + 0.5 * v / sac.half_v_mm), 0.0, 0.9)
    fluid = paint.of(Tissue.CSF, flow * (1.0 - crowded)) + paint.of(Tissue.NERVE, crowded)
    cover(part, sac.shape, fluid, edge_mm=paint.edge_mm)
    height = _height(sac.place)
    sway = 0.10 * np.sin(sac.place.point_mm[:, 2] / 17.0)
    for index, (across, behind) in enumerate(anatomy.roots):
        left = (FIRST_LEVEL + 5.5 * (1.0 - 0.8 * index / ROOTS)) - height
        radius = ROOT_RADIUS_MM * np.clip(left, 0.0, 1.0)
        middle_v = (behind + sway * across) * sac.half_v_mm
        root = ellipse(u - (across + sway * behind) * sac.half_u_mm, v - middle_v, 1.0, 1.0) + 1.0 - radius
        cover(part, both(root, sac.shape + 0.3), paint.of(Tissue.NERVE), edge_mm=paint.edge_mm)
    put(image, indices, part)


def _height(place: Place) -> Field:
    """Return the fractional disc index (`frame.DISCS`) of places, float64 [N]."""
    return np.asarray(place.vertebra - 1.0 + place.fraction)


def _recess(image: Field, anatomy: Anatomy, place: Place, paint: Paint, side: Side) -> None:
    """Draw fat with the descending root; the growing facet first displaces the fat and finally flattens the root."""
    outwards = place.u_mm * regions.sign(side)
    middle = anatomy.body_half_depth_mm + regions.RECESS_BEHIND_BODY_MM
    # The thinnest shape drawn here is the narrowed fat, 40 % as wide as the open recess.
    deep = reach(regions.RECESS_HALF_MM[1] + 0.8, paint.edge_mm, least_half_mm=0.4 * regions.RECESS_HALF_MM[0])
    near = np.flatnonzero(
        (outwards > 2.0)
        & (outwards < 24.0)
        & (np.abs(place.d_mm) < min(12.0, 7.0 + paint.edge_mm / 2 + ROUNDING_MM))
        & (place.v_mm > max(5.0, float(middle.min()) - regions.RECESS_HALF_MM[1] - deep))
        & (place.v_mm < float(middle.max()) + deep)
    )
    if not near.size:
        return
    part, there = image.take(near, axis=0, mode="clip"), place.take(near)
    lost = anatomy.narrowing[Region.LATERAL_RECESS, side][there.disc]
    half_u, half_v = regions.RECESS_HALF_MM
    u = outwards[near] - regions.recess_u_mm(anatomy, there.disc)
    v = there.v_mm - anatomy.body_half_depth_mm[there.disc] - regions.RECESS_BEHIND_BODY_MM
    here = slab(there.d_mm, -7.0, 7.0)
    behind = both(ellipse(u, v, half_u + 0.8, half_v + 0.8), here, np.asarray(-v - 1.0 + 3.0 * lost, np.float32))
    cover(part, behind, paint.of(Tissue.LIGAMENT), edge_mm=paint.edge_mm, opacity=0.35 + 0.65 * lost)
    open_ = 1.0 - lost
    shrunk = ellipse(u, v + half_v * lost, half_u * (1.0 - 0.6 * lost), half_v * open_ + 0.1)
    cover(part, both(shrunk, here), paint.of(Tissue.FAT), edge_mm=paint.edge_mm)
    root = ellipse(u, v + half_v * lost, 1.7, 1.7 * np.minimum(1.0, 1.6 * open_) + 0.1)
    cover(part, both(root, here), paint.of(Tissue.NERVE), edge_mm=paint.edge_mm)
    put(image, near, part)
