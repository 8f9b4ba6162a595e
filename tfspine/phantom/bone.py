"""Vertebrae, discs, facet joints and sacrum, in the coordinates of `frame.py`."""

import numpy as np
from numpy.typing import NDArray

from tfspine.labels import Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.around import SPINOUS_LENGTH_MM
from tfspine.phantom.frame import DISCS, LUMBAR, Place, along
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import (
    ROUNDING_MM,
    Field,
    both,
    cover,
    either,
    ellipse,
    put,
    reach,
    rounded_block,
    slab,
    turned,
)
from tfspine.phantom.tissue import MARROW_FAT_FRACTION, Tissue

CORTEX_MM = 1.2
FRONT_ROUNDING = 0.35
"""Share of its width that a body loses towards its front, more than a block with rounded corners would."""

HOLLOW_MM = 1.6
"""Depth of the posterior concavity of bodies, in the midline."""

FACET_CORTEX_MM = 1.5
MOST_SWOLLEN = 1.22
"""Largest factor on the size of a facet."""

ENDPLATE_MM = 0.9
CORE_EDGE_MM = 5.0
"""Width of the transition between nucleus and annulus."""

PEDICLE_BELOW_MM = np.array((16.0, 16.0, 16.0, 16.0, 16.0, 16.0, 16.0, 12.0, 11.0), np.float32)
"""Distance from the plane of the disc above to the middle of the pedicles, estimated by eye on real slices."""

TRANSVERSE_TIP_MM = np.array((22.0, 30.0, 36.0, 40.0, 45.0, 42.0, 38.0, 30.0, 20.0), np.float32)
SACRAL_ALA_HALF_WIDTH_MM = np.array((0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 27.0, 47.0, 42.0), np.float32)

S1 = LUMBAR.stop
"""Index of the first disc below S1: vertebrae from here on are sacral."""


def draw_bone(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw bodies, discs and arches into `image`, float32 [N, 2], in place."""
    _ala(image, anatomy, place, paint)
    _bodies(image, anatomy, place, paint)
    _discs(image, anatomy, place, paint)
    _arch(image, anatomy, place, paint)
    for side in Side:
        _facet(image, anatomy, place, paint, side)


def posterior_edge_mm(anatomy: Anatomy, place: Place) -> NDArray[np.float32]:
    """Return v of the posterior edge of bodies and discs in the midline, float32 [N]; bodies are concave there."""
    hollow = HOLLOW_MM * np.sin(np.pi * np.clip(place.fraction, 0.0, 1.0))
    return np.asarray(along(anatomy.body_half_depth_mm, place) - hollow, np.float32)


def _marrow(anatomy: Anatomy, place: Place, paint: Paint) -> Field:
    """Return the signal of marrow mottled with fat, with more fat next to worn discs, float32 [N, 2]."""
    mottle = paint.texture(place.point_mm, (6.0, 6.0, 6.0), layer=20)
    patch = paint.texture(place.point_mm, (15.0, 15.0, 15.0), layer=21)
    beside = np.exp(-np.square((np.abs(place.d_mm) - 6.0) / 6.0)) * anatomy.wear[place.disc]
    more = anatomy.marrow_fat - MARROW_FAT_FRACTION
    fat = 0.08 + more + 0.08 * mottle + 0.06 * patch + 0.25 * beside * np.clip(0.5 + patch, 0.0, 1.0)
    return paint.mix(Tissue.MARROW, Tissue.FAT, np.clip(fat, 0.0, 0.9))


def _bodies(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    widths, depths, edge_mm = anatomy.body_half_width_mm, anatomy.body_half_depth_mm, paint.edge_mm
    # Smallest half size: about half of the body's at its front, 0.4 of that at the tip of the sacrum, 2.5 mm in a vein.
    least_mm = min(0.4 * min(0.45 * float(widths.min()), 0.5 * float(depths.min())), 2.5)
    wide, deep = (reach(float(sizes.max()), edge_mm, least_half_mm=least_mm) for sizes in (widths, depths))
    near = np.flatnonzero((np.abs(place.u_mm) < wide) & (np.abs(place.v_mm) < deep + 2.0))
    part, place = image.take(near, axis=0, mode="clip"), place.take(near)
    u, v = place.u_mm, place.v_mm
    waist = np.sin(np.pi * np.clip(place.fraction, 0.0, 1.0))
    tip = 1.0 - 0.6 * np.clip(place.d_mm / 34.0, 0.0, 1.0) * (place.disc == len(DISCS) - 1)
    half_u = along(anatomy.body_half_width_mm, place) * (1.0 - 0.09 * waist) * tip
    half_v = along(anatomy.body_half_depth_mm, place) * tip
    hollow = 1.5 * waist * np.exp(-np.square(u / 11.0))
    block = _outline(u, v + np.where(v > 0, hollow, -2.0 * waist), half_u, half_v)
    cover(part, block, paint.of(Tissue.CORTEX), edge_mm=edge_mm)
    cover(part, block + CORTEX_MM, lambda inside: _marrow(anatomy, place.take(inside), paint), edge_mm=edge_mm)
    vein = both(ellipse(u, v - 0.55 * half_v, 2.5, 0.5 * half_v), np.asarray(np.abs(place.fraction - 0.5) * 30.0 - 1.4))
    cover(part, vein, paint.of(Tissue.VEIN), edge_mm=edge_mm, opacity=0.7)
    put(image, near, part)


def _outline(u_mm: Field, v_mm: Field, half_u_mm: Field, half_v_mm: Field) -> Field:
    """Return the distance to the outline of a body or disc: square posteriorly, at the pedicles, and round in front."""
    rounding = 1.0 - FRONT_ROUNDING * np.square(np.minimum(v_mm / half_v_mm, 0.0))
    return rounded_block(u_mm, v_mm, half_u_mm * np.maximum(rounding, 0.5), half_v_mm)


def _discs(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw annulus and nucleus between endplates; a worn disc is dark, and bulges where it narrows a region."""
    widths, depths, edge_mm = anatomy.body_half_width_mm, anatomy.body_half_depth_mm, paint.edge_mm
    thick = 1.1 * float(anatomy.disc_half_height_mm.max()) + max(ENDPLATE_MM + edge_mm / 2, 0.5 * CORE_EDGE_MM)
    least_mm = 0.5 * float(min(widths.min(), depths.min()))
    wide, deep = (
        reach(1.03 * float(sizes.max()) + regions.MOST_BULGE_MM / 2, max(edge_mm, CORE_EDGE_MM), least_half_mm=least_mm)
        for sizes in (widths, depths)
    )
    near = np.flatnonzero(
        (np.abs(place.d_mm) < thick + ROUNDING_MM)
        & (np.abs(place.u_mm) < wide)
        & (np.abs(place.v_mm) < deep + regions.MOST_BULGE_MM / 2)
    )
    if not near.size:
        return
    part, place = image.take(near, axis=0, mode="clip"), place.take(near)
    u, d, v = place.u_mm, place.d_mm, place.v_mm
    half_u, half_v = (1.03 * sizes[place.disc] for sizes in (anatomy.body_half_width_mm, anatomy.body_half_depth_mm))
    radius = np.clip(np.square(u / half_u) + np.square(v / half_v), 0.0, 1.2)
    half_d = anatomy.disc_half_height_mm[place.disc] * (1.1 - 0.3 * radius)
    bulge = regions.bulge_mm(anatomy, place)
    rim = _outline(u, v - bulge / 2, half_u + 0.3 * bulge, half_v + bulge / 2)
    inside = np.asarray(np.abs(d) - half_d, np.float32)
    cover(part, both(rim, inside - ENDPLATE_MM), paint.of(Tissue.ENDPLATE), edge_mm=edge_mm)
    cover(part, both(rim, inside), paint.of(Tissue.ANNULUS), edge_mm=edge_mm)

    def nucleus(inside: NDArray[np.intp]) -> Field:
        grain = paint.texture(place.point_mm.take(inside, axis=0), (7.0, 5.0, 4.0), layer=22)
        wet = np.clip(anatomy.hydration[place.disc.take(inside)] + 0.12 * grain, 0.0, 1.0)
        return paint.mix(Tissue.DRY_NUCLEUS, Tissue.NUCLEUS, wet)

    core = both(ellipse(u, v + 0.08 * half_v, 0.88 * half_u, 0.82 * half_v), np.asarray(inside + 0.8, np.float32))
    cover(part, core, nucleus, edge_mm=CORE_EDGE_MM)
    put(image, near, part)


def _ala(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw the wings of the sacrum and their foramina, below L5-S1."""
    low = np.flatnonzero((place.vertebra >= S1) & (np.abs(place.u_mm) < 60.0))
    if not low.size:
        return
    part, there, side = image.take(low, axis=0, mode="clip"), place.take(low), np.abs(place.u_mm.take(low))
    width = along(SACRAL_ALA_HALF_WIDTH_MM, there)
    depth = along(anatomy.body_half_depth_mm, there)
    wing = rounded_block(side, there.v_mm - 0.1 * side, width, np.asarray(depth + 4.0, np.float32))
    cover(part, wing, paint.of(Tissue.CORTEX), edge_mm=paint.edge_mm)
    cover(part, wing + CORTEX_MM, lambda inside: _marrow(anatomy, there.take(inside), paint), edge_mm=paint.edge_mm)
    through = slab(there.v_mm, 0.2 * depth, depth + 7.0)
    hole = both(ellipse(side - 21.0, (there.fraction - 0.85) * 25.0 - 0.3 * (depth - there.v_mm), 4.5, 5.0), through)
    cover(part, hole, paint.of(Tissue.FAT), edge_mm=paint.edge_mm)
    cover(part, hole + 2.4, paint.of(Tissue.NERVE), edge_mm=paint.edge_mm)
    put(image, low, part)


def _arch(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw pedicles, transverse processes, laminae and spinous processes, each as part of its vertebra."""
    fronts, edge_mm = anatomy.body_half_depth_mm, paint.edge_mm
    deepest = float((fronts + anatomy.canal_depth_mm).max()) + 2.0 + float(SPINOUS_LENGTH_MM.max())
    near = np.flatnonzero(
        (place.v_mm > float(fronts.min()) - 7.0 - edge_mm / 2 - ROUNDING_MM)
        & (place.v_mm < deepest * (1.0 + edge_mm / 20.0) + ROUNDING_MM)
    )
    if not near.size:
        return
    part, place = image.take(near, axis=0, mode="clip"), place.take(near)
    side, v, below = np.abs(place.u_mm), place.v_mm, place.below_mm
    front = along(anatomy.body_half_depth_mm, place)
    back = front + along(anatomy.canal_depth_mm, place)
    half_canal = along(anatomy.canal_half_width_mm, place)
    facet_u = along(anatomy.facet_off_midline_mm, place)
    from_pedicle = below - PEDICLE_BELOW_MM.take(place.vertebra)
    pedicle_half = along(regions.PEDICLE_HALF_WIDTH_MM, place)
    stem = rounded_block(side - half_canal - pedicle_half, from_pedicle - 0.12 * (v - front), pedicle_half, 7.0)
    pedicle = both(stem, slab(v, front - 4.0, front + 11.0))
    joint_v = front + 10.5
    lamina = both(
        _plate(side, v, (facet_u - 1.0, joint_v + 2.0), (np.zeros_like(back), back + 2.6), 2.7),
        np.asarray(np.maximum(10.5 - below, place.fraction * 35.0 - 29.5), np.float32),
    )
    length = along(SPINOUS_LENGTH_MM, place)
    out = (v - back - 2.0) / length
    drop = below - 10.0 * out
    spinous = both(
        slab(side, -1.0, 2.6 + 1.8 * np.clip(out, 0.0, 1.0)), slab(out * 20.0, 0.0, 20.0), slab(drop, 11.0, 27.0)
    )
    ligament = both(slab(side, -1.0, 2.2), slab(out * 20.0, 0.0, 19.0))
    between = 0.35 + 0.4 * anatomy.muscle_fat
    cover(part, ligament, paint.mix(Tissue.LIGAMENT, Tissue.FAT, between), edge_mm=edge_mm)
    bone = either(pedicle, lamina, spinous)
    _add_transverse(bone, place, from_pedicle, v - front, edge_mm=edge_mm)

    def marrow(inside: NDArray[np.intp]) -> Field:
        return _marrow(anatomy, place.take(inside), paint)

    cover(part, bone, paint.of(Tissue.CORTEX), edge_mm=edge_mm)
    cover(part, bone + CORTEX_MM, marrow, edge_mm=edge_mm)
    into_body = both(stem + CORTEX_MM, slab(v, front - 7.0, front))
    cover(part, into_body, marrow, edge_mm=edge_mm)
    put(image, near, part)


def _add_transverse(
    bone: Field, place: Place, from_pedicle_mm: Field, behind_body_mm: Field, *, edge_mm: float
) -> None:
    """Add the transverse processes to `bone`, distances float32 [N], in place; only where their edge may lie."""
    near = np.flatnonzero(np.abs(from_pedicle_mm - 1.0) < reach(5.4, edge_mm, least_half_mm=3.2))
    if not near.size:
        return
    there, side = place.take(near), np.abs(place.u_mm.take(near))
    outwards = np.clip(side - 16.0, 0.0, None)
    length = along(TRANSVERSE_TIP_MM, there) - 14.0
    transverse = _ellipsoid(
        (side - 14.0, length),
        (from_pedicle_mm.take(near) - 1.0, 5.4),
        (behind_body_mm.take(near) - 9.5 - 0.2 * outwards, 3.2),
        power=2.5,
        least_half_mm=3.2,
    )
    bone[near] = np.minimum(bone.take(near), transverse)


def _plate(x: Field, y: Field, start: tuple[Field, Field], end: tuple[Field, Field], half_thickness_mm: float) -> Field:
    """Return the distance to a plate: a line from start to end, thickened."""
    way_x, way_y = end[0] - start[0], end[1] - start[1]
    share = ((x - start[0]) * way_x + (y - start[1]) * way_y) / (np.square(way_x) + np.square(way_y))
    share = np.clip(share, 0.0, 1.0)
    off = np.hypot(x - start[0] - share * way_x, y - start[1] - share * way_y)
    return np.asarray(off - half_thickness_mm, np.float32)


def _ellipsoid(*axes: tuple[Field, Field | float], power: float, least_half_mm: float) -> Field:
    """Return the distance to a superellipsoid, given along each axis as (coordinate, half size)."""
    radius = sum(np.abs(coordinate / half) ** power for coordinate, half in axes) ** (1.0 / power)
    return np.asarray((radius - 1.0) * np.float64(least_half_mm), np.float32)


def _facet(image: Field, anatomy: Anatomy, place: Place, paint: Paint, side: Side) -> None:
    """Draw the facet joint: the lower vertebra's process anterolateral, the upper vertebra's process posteromedial."""
    near = np.flatnonzero((place.u_mm * regions.sign(side) > 2.0) & (np.abs(place.d_mm) < 18.0) & (place.v_mm > 0))
    if not near.size:
        return
    recesses = anatomy.narrowing[Region.LATERAL_RECESS, side]
    swelling = 1.0 + 0.22 * np.maximum(recesses, anatomy.wear * 0.8)
    # The width of the edge is determined by the least swollen joint in view.
    least_swollen = swelling[np.flatnonzero(np.bincount(place.disc.take(near)))].min()
    near = near.take(_near_joint(anatomy, place, near, side, edge_mm=paint.edge_mm))
    part, there = image.take(near, axis=0, mode="clip"), place.take(near)
    disc = there.disc
    recess, swollen = recesses.take(disc), swelling.take(disc)
    u = there.u_mm * regions.sign(side) - anatomy.facet_off_midline_mm[disc] + 1.0 * recess
    v = there.v_mm - anatomy.body_half_depth_mm[disc] - 11.5 + 0.8 * recess
    across, joint = turned(u, v, np.radians(90.0 - anatomy.facet_angle_deg[disc]))
    # `joint` runs along the cleft; `across` from the upper vertebra's process to the lower one's.
    across, joint = joint * -1.0, across
    across = across + 0.018 * np.square(joint)
    d = there.d_mm
    lower = _ellipsoid(
        (across - 3.9 * swollen, 4.2 * swollen),
        (joint + 1.0, 7.2 * swollen),
        (d - 3.0 - 0.25 * across, 11.5),
        power=2.6,
        least_half_mm=4.2 * least_swollen,
    )
    upper = _ellipsoid(
        (across + 4.3 * swollen, 4.7 * swollen),
        (joint - 1.0, 8.2 * swollen),
        (d + 5.5 - 0.25 * across, 13.5),
        power=2.6,
        least_half_mm=4.7 * least_swollen,
    )
    bone = either(lower, upper)
    cover(part, bone, paint.of(Tissue.CORTEX), edge_mm=paint.edge_mm)
    sclerotic = paint.mix(Tissue.MARROW, Tissue.SCLEROSIS, 0.2 + 0.7 * anatomy.wear[disc])
    cover(part, bone + FACET_CORTEX_MM, sclerotic, edge_mm=paint.edge_mm)
    cleft = both(slab(across, -0.4, 0.6), slab(joint, -6.0 * swollen, 6.0 * swollen), slab(there.d_mm, -10.0, 7.5))
    cover(part, cleft, paint.of(Tissue.SYNOVIUM), edge_mm=paint.edge_mm, opacity=0.6)
    put(image, near, part)


def _near_joint(
    anatomy: Anatomy, place: Place, near: NDArray[np.intp], side: Side, *, edge_mm: float
) -> NDArray[np.intp]:
    """Return which of the places `near` lie in a square that contains their joint and its edge."""
    along_joint, across = (
        reach(half * MOST_SWOLLEN, edge_mm, least_half_mm=4.2) + shift for half, shift in ((8.2, 1.0), (9.0, 0.0))
    )
    half_mm = float(np.hypot(along_joint, across + 0.018 * along_joint**2))
    disc = place.disc.take(near)
    u = place.u_mm.take(near) * regions.sign(side) - anatomy.facet_off_midline_mm.take(disc)
    v = place.v_mm.take(near) - anatomy.body_half_depth_mm.take(disc) - 11.5
    return np.flatnonzero((np.abs(u) < half_mm + 1.0) & (np.abs(v) < half_mm + 1.0))
