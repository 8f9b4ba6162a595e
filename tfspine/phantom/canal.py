"""What lies within the bony canal: fat, flavum, sac and roots; and the recesses at its sides."""

import numpy as np

from tfspine.labels import Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import ROOTS, Anatomy
from tfspine.phantom.bone import posterior_edge_mm
from tfspine.phantom.frame import FIRST_LEVEL, Place, along
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import Field, both, cover, ellipse, slab, tapered_ellipse
from tfspine.phantom.tissue import Tissue

DURA_MM = 0.45
ROOT_RADIUS_MM = 0.85


def draw_canal(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw canal and recesses into `image`, float32 [N, 2], in place."""
    _canal(image, anatomy, place, paint)
    for side in Side:
        _recess(image, anatomy, place, paint, side)
    _sac(image, anatomy, place, paint)


def _canal(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Epidural fat behind body and disc, before the roof of laminae; at a disc the flavum lines that roof."""
    side, v, d = np.abs(place.u_mm), place.v_mm, place.d_mm
    narrowing = regions.canal_narrowing(anatomy, place.disc, d)
    front = posterior_edge_mm(anatomy, place) + regions.bulge_mm(anatomy, place) * (np.abs(d) < 6.0)
    depth = along(anatomy.canal_depth_mm, place)
    half = along(anatomy.canal_half_width_mm, place)
    roof = along(anatomy.body_half_depth_mm, place) + depth * (1.0 - 0.52 * np.clip(side / half, 0.0, 1.3) ** 1.25)
    inside = both(np.asarray(np.maximum(front - v, v - roof), np.float32), np.asarray(side - half, np.float32))
    at_disc = slab(d, -11.0, 8.0)
    grain = paint.texture(place.point_mm, (3.0, 3.0, 4.0), layer=30)
    cover(image, inside, paint.of(Tissue.FAT, 0.9 + 0.12 * grain), edge_mm=paint.edge_mm)
    plexus = both(inside, np.asarray(v - front - 1.6, np.float32))
    cover(image, plexus, paint.of(Tissue.VEIN), edge_mm=1.5, opacity=0.6)
    thickness = anatomy.flavum_mm[place.disc] * (1.0 + 0.9 * narrowing)
    open_ = np.clip(1.2 - 1.1 * narrowing, 0.0, 1.0)
    lining = both(inside, at_disc, np.asarray(roof - thickness - v, np.float32))
    lining = both(lining, np.asarray(2.2 * open_ - side, np.float32))
    cover(image, lining, paint.of(Tissue.LIGAMENT), edge_mm=paint.edge_mm)
    ligament = both(np.asarray(np.abs(v - front) - 0.4, np.float32), np.asarray(side - 8.0, np.float32))
    cover(image, ligament, paint.of(Tissue.LIGAMENT), edge_mm=paint.edge_mm, opacity=0.7)


def _sac(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    u, v, d = place.u_mm, place.v_mm, place.d_mm
    near = np.flatnonzero((np.abs(u) < 14.0) & (v > 0.0) & (v < 50.0))
    part, there = image[near], place.take(near)
    u, v, d = there.u_mm, there.v_mm, there.d_mm
    narrowing = regions.canal_narrowing(anatomy, there.disc, d)
    half_u, front, back = regions.sac_mm(anatomy, there, narrowing)
    half_v = (back - front) / 2
    v = np.asarray(v - front - half_v, np.float32)
    taper = along(anatomy.sac_taper, there)
    shape = tapered_ellipse(u, v, half_u, half_v, taper=np.clip(taper + 0.3 * narrowing, -0.1, 0.8))
    cover(part, shape - DURA_MM, paint.of(Tissue.LIGAMENT), edge_mm=paint.edge_mm, opacity=0.8)
    flow = 1.0 + 0.06 * paint.texture(there.point_mm, (5.0, 5.0, 9.0), layer=31)
    crowded = np.clip(0.85 * narrowing + anatomy.fine_roots * (0.7 + 0.5 * v / half_v), 0.0, 0.9)
    fluid = paint.of(Tissue.CSF, flow * (1.0 - crowded)) + paint.of(Tissue.NERVE, crowded)
    cover(part, shape, fluid, edge_mm=paint.edge_mm)
    height = there.vertebra - 1.0 + there.fraction
    sway = 0.10 * np.sin(there.point_mm[:, 2] / 17.0)
    for index, (across, behind) in enumerate(anatomy.roots):
        reach = (FIRST_LEVEL + 5.5 * (1.0 - 0.8 * index / ROOTS)) - height
        radius = ROOT_RADIUS_MM * np.clip(reach, 0.0, 1.0)
        middle_v = (behind + sway * across) * half_v
        root = ellipse(u - (across + sway * behind) * half_u, v - middle_v, 1.0, 1.0) + 1.0 - radius
        cover(part, both(root, shape + 0.3), paint.of(Tissue.NERVE), edge_mm=paint.edge_mm)
    conus = ellipse(u, v, 3.6, 3.0) + np.clip(6.0 * (height - FIRST_LEVEL + 0.8), 0.0, None)
    cover(part, np.asarray(conus, np.float32), paint.of(Tissue.NERVE), edge_mm=paint.edge_mm)
    image[near] = part


def _recess(image: Field, anatomy: Anatomy, place: Place, paint: Paint, side: Side) -> None:
    """Fat with the descending root; the facet's overgrowth takes the fat first and flattens the root last."""
    outwards = place.u_mm * regions.sign(side)
    near = np.flatnonzero((outwards > 2.0) & (outwards < 24.0) & (np.abs(place.d_mm) < 12.0) & (place.v_mm > 5.0))
    part, there = image[near], place.take(near)
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
    image[near] = part
