"""The person as signal: every tissue laid over what lies beneath it, from the skin inwards.

Works on places (`frame.py`), so that axial and sagittal slices cut the same person.
"""

from collections.abc import Mapping

import numpy as np

from tfspine.labels import Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.frame import Place
from tfspine.phantom.shapes import Field, both, cover, either, ellipse, rounded_block, slab, tapered_ellipse
from tfspine.phantom.tissue import Tissue

Signals = Mapping[Tissue, float]

ROOTS = (
    (-0.62, 0.30),
    (-0.40, 0.55),
    (-0.15, 0.70),
    (0.15, 0.70),
    (0.40, 0.55),
    (0.62, 0.30),
    (-0.30, 0.20),
    (0.30, 0.22),
)
"""Cauda equina in the sac, in halves of its width and depth: most roots lie at the back (supine patient)."""


def draw_body(anatomy: Anatomy, place: Place, signals: Signals, *, edge_mm: float) -> Field:
    """Return the signal at places, float32 [N].

    Args:
        anatomy: the person.
        place: where the samples lie.
        signals: signal of each tissue in the sequence.
        edge_mm: width over which two tissues mix: the size of a pixel.
    """
    texture = _texture(anatomy, place)
    image = np.asarray(signals[Tissue.FAT] * (0.92 + 0.10 * texture), np.float32)
    _soft_tissue(image, anatomy, place, signals, texture, edge_mm)
    _bodies_and_discs(image, anatomy, place, signals, texture, edge_mm)
    _posterior_arch(image, anatomy, place, signals, edge_mm)
    _canal(image, anatomy, place, signals, edge_mm)
    for side in Side:
        _foramen(image, anatomy, place, signals, side, edge_mm)
        _recess(image, anatomy, place, signals, side, edge_mm)
    cover(image, slab(place.v_mm, anatomy.skin_depth_mm, 1e4), signals[Tissue.AIR], edge_mm=edge_mm)
    return image


def _texture(anatomy: Anatomy, place: Place) -> Field:
    """Return a smooth pattern in -1 to 1 that belongs to the person, not to the slice."""
    phase = anatomy.texture_phases
    along = place.d_mm + 36.0 * place.disc.astype(np.float32)
    first = np.sin(0.9 * place.u_mm + 0.5 * place.v_mm + phase[0]) * np.sin(0.35 * along - 0.6 * place.v_mm + phase[1])
    second = np.sin(0.23 * place.u_mm - 0.31 * place.v_mm + 0.11 * along + phase[2])
    return np.asarray(0.6 * first + 0.4 * second, np.float32)


def _soft_tissue(
    image: Field, anatomy: Anatomy, place: Place, signals: Signals, texture: Field, edge_mm: float
) -> None:
    u, v = place.u_mm, place.v_mm
    side = np.abs(u)
    bowel = signals[Tissue.BOWEL] * (0.8 + 0.45 * texture)
    cover(image, slab(v, -1e4, -42.0), bowel, edge_mm=8.0)
    streaks = np.clip((texture - 0.75 + anatomy.muscle_fat) * 1.5, 0.0, 0.8)
    muscle = np.asarray(signals[Tissue.MUSCLE] + streaks * (signals[Tissue.FAT] - signals[Tissue.MUSCLE]), np.float32)
    back = either(ellipse(side - 33.0, v - 50.0, 26.0, 23.0), ellipse(side - 12.0, v - 50.0, 10.5, 18.0))
    cover(image, back, muscle, edge_mm=edge_mm)
    psoas = ellipse(side - 41.0, v + 2.0, 16.0, 20.0)
    cover(image, psoas, signals[Tissue.MUSCLE] * (1.0 + 0.08 * texture), edge_mm=edge_mm)
    cover(image, ellipse(u - 8.0, v + 30.0, 9.0, 9.0), signals[Tissue.VESSEL], edge_mm=edge_mm)
    cover(image, ellipse(u + 15.0, v + 29.0, 11.0, 8.0), signals[Tissue.VESSEL], edge_mm=edge_mm)


def _bodies_and_discs(
    image: Field, anatomy: Anatomy, place: Place, signals: Signals, texture: Field, edge_mm: float
) -> None:
    u, d, v = place.u_mm, place.d_mm, place.v_mm
    half_u, half_v = anatomy.body_half_width_mm[place.disc], anatomy.body_half_depth_mm[place.disc]
    half_d = anatomy.disc_half_height_mm[place.disc]
    block = rounded_block(u, v, half_u, half_v)
    cover(image, block, signals[Tissue.CORTEX], edge_mm=edge_mm)
    marrow = signals[Tissue.MARROW] * (1.0 + 0.08 * texture)
    cover(image, both(block + 1.2, -slab(d, -half_d - 0.8, half_d + 0.8)), marrow, edge_mm=edge_mm)
    bulge = 4.5 * regions.canal_severity(anatomy, place.disc, d)
    in_disc = slab(d, -half_d, half_d)
    rim = both(rounded_block(u, v - bulge / 2, half_u, half_v + bulge / 2), in_disc)
    cover(image, rim, signals[Tissue.ANNULUS], edge_mm=edge_mm)
    wet = anatomy.hydration[place.disc]
    nucleus = wet * signals[Tissue.NUCLEUS] + (1.0 - wet) * signals[Tissue.DRY_NUCLEUS]
    core = both(ellipse(u, v, 0.68 * half_u, 0.6 * half_v), in_disc + 1.0)
    cover(image, core, nucleus, edge_mm=2.0 * edge_mm)


def _posterior_arch(image: Field, anatomy: Anatomy, place: Place, signals: Signals, edge_mm: float) -> None:
    """Pedicles, facets with their joint, laminae and spinous process."""
    side, d, v = np.abs(place.u_mm), place.d_mm, place.v_mm
    front = anatomy.body_half_depth_mm[place.disc]
    back = front + anatomy.canal_depth_mm[place.disc]
    pedicle = both(slab(side, 13.0, 22.0), slab(v, front - 3.0, front + 14.0), slab(d, 6.5, 30.0))
    facet = both(ellipse(side - 20.5, v - (front + 18.0), 8.5, 7.5), slab(d, -14.0, 9.0))
    lamina = both(slab(v + 0.25 * side, back + 1.5, back + 6.5), slab(side, -1.0, 18.0), slab(d, -17.0, -3.0))
    spinous = both(slab(side, -1.0, 3.6), slab(v, back + 3.0, back + 28.0), slab(d, -19.0, -2.0))
    bone = either(pedicle, facet, lamina, spinous)
    cover(image, bone, signals[Tissue.CORTEX], edge_mm=edge_mm)
    cover(image, bone + 1.6, signals[Tissue.MARROW], edge_mm=edge_mm)
    joint = both(
        slab(side - 0.45 * (v - front - 18.0), 19.7, 21.0), slab(v, front + 13.0, front + 23.5), slab(d, -7, 7)
    )
    cover(image, joint, signals[Tissue.CARTILAGE], edge_mm=edge_mm)


def _canal(image: Field, anatomy: Anatomy, place: Place, signals: Signals, edge_mm: float) -> None:
    """Epidural fat and flavum around the sac, and the roots in it; fluid and fat go as the canal narrows."""
    u, d, v = place.u_mm, place.d_mm, place.v_mm
    severity = regions.canal_severity(anatomy, place.disc, d)
    front, depth = anatomy.body_half_depth_mm[place.disc], anatomy.canal_depth_mm[place.disc]
    wide, deep = anatomy.sac_half_width_mm[place.disc], anatomy.sac_half_depth_mm[place.disc]
    canal = tapered_ellipse(u, v - front - depth / 2, wide + 2.0, depth / 2, taper=0.15)
    at_disc = np.clip(1.5 - np.abs(d) / 8.0, 0.0, 1.0)
    lining = signals[Tissue.LIGAMENT] * at_disc + signals[Tissue.FAT] * (1.0 - at_disc)
    cover(image, canal, np.asarray(lining, np.float32), edge_mm=edge_mm)
    open_ = 1.0 - severity
    fat = ellipse(u, v - (front + depth - 3.2), 5.0 * open_ + 0.2, 3.2 * open_ + 0.2)
    cover(image, fat, signals[Tissue.FAT], edge_mm=edge_mm)
    half_u, half_v = wide * (1.0 - 0.45 * severity), deep * (1.0 - 0.66 * severity)
    centre_v = front + 1.0 + 5.0 * severity + half_v
    fluid = np.asarray(
        signals[Tissue.CSF] + 0.85 * severity * (signals[Tissue.NERVE] - signals[Tissue.CSF]), np.float32
    )
    cover(image, tapered_ellipse(u, v - centre_v, half_u, half_v, taper=0.2), fluid, edge_mm=edge_mm)
    for root_u, root_v in ROOTS:
        root = ellipse(u - root_u * half_u, v - centre_v - root_v * half_v, 0.9, 0.9)
        cover(image, root, signals[Tissue.NERVE], edge_mm=edge_mm)


def _recess(image: Field, anatomy: Anatomy, place: Place, signals: Signals, side: Side, edge_mm: float) -> None:
    """Fat with the descending root; the facet's overgrowth takes the fat first and flattens the root last."""
    severity = regions.sided(anatomy, Region.LATERAL_RECESS, side)[place.disc]
    u = place.u_mm - regions.sign(side) * regions.RECESS_U_MM
    v = place.v_mm - (anatomy.body_half_depth_mm[place.disc] + regions.RECESS_BEHIND_BODY_MM)
    here = slab(place.d_mm, -regions.RECESS_REACH_MM, regions.RECESS_REACH_MM)
    half_u, half_v = regions.RECESS_HALF_MM
    cover(image, both(ellipse(u, v, half_u + 2.0, half_v + 2.0), here), signals[Tissue.LIGAMENT], edge_mm=edge_mm)
    open_ = 1.0 - severity
    shrunk = ellipse(u, v + half_v * severity, half_u * (1.0 - 0.6 * severity), half_v * open_ + 0.1)
    cover(image, both(shrunk, here), signals[Tissue.FAT], edge_mm=edge_mm)
    root = ellipse(u, v + half_v * severity, 1.8, 1.8 * np.minimum(1.0, 1.6 * open_) + 0.1)
    cover(image, both(root, here), signals[Tissue.NERVE], edge_mm=edge_mm)


def _foramen(image: Field, anatomy: Anatomy, place: Place, signals: Signals, side: Side, edge_mm: float) -> None:
    """The keyhole: fat around root and vessels, taken from front, back and below as the foramen narrows."""
    severity = regions.sided(anatomy, Region.NEURAL_FORAMEN, side)[place.disc]
    d = place.d_mm - regions.FORAMEN_D_MM
    v = place.v_mm - (anatomy.body_half_depth_mm[place.disc] + regions.FORAMEN_BEHIND_BODY_MM)
    outwards = place.u_mm * regions.sign(side)
    here = slab(outwards, *regions.FORAMEN_U_MM)
    height, depth = regions.FORAMEN_HALF_HEIGHT_MM, regions.FORAMEN_HALF_DEPTH_MM
    cover(image, both(ellipse(d, v, height + 1.0, depth + 1.0), here), signals[Tissue.LIGAMENT], edge_mm=edge_mm)
    open_ = 1.0 - severity
    shrunk = ellipse(d + 2.5 * severity, v, height * (1.0 - 0.55 * severity), depth * (1.0 - 0.80 * severity))
    fat = signals[Tissue.FAT] * (1.0 - 0.35 * severity)
    cover(image, both(shrunk, here), np.asarray(fat, np.float32), edge_mm=edge_mm)
    cover(image, both(ellipse(d + 3.5, v, 3.0, 2.8 * open_ + 0.9), here), signals[Tissue.NERVE], edge_mm=edge_mm)
    cover(image, both(ellipse(d - 3.5, v, 1.3 * open_, 1.3 * open_), here), signals[Tissue.VESSEL], edge_mm=edge_mm)
