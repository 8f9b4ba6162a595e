"""The foramina: keyholes of fat around a root and its vessels, each of a form of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.labels import Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.frame import Place
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import Field, both, cover, ellipse, slab, turned
from tfspine.phantom.tissue import Tissue

RIM_MM = 0.8
"""How far the flavum and the capsule of the joint, dark, reach around the fat; before it is the body's own border."""

ROOT_HALF_MM = (2.7, 2.4)


def draw_foramina(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw the foramina of both sides into `image`, float32 [N, 2], in place."""
    for side in Side:
        outwards = place.u_mm * regions.sign(side)
        near = np.flatnonzero((outwards > 8.0) & (outwards < 40.0) & (place.v_mm > 5.0) & (place.v_mm < 55.0))
        part, there = image[near], place.take(near)
        _foramen(part, anatomy, there, paint, side)
        image[near] = part


@dataclass(frozen=True)
class _Keyhole:
    """One foramen as the points near it see it: all float32 [N]; `lost` is the share of it that is gone."""

    d_mm: Field
    v_mm: Field
    half_d_mm: Field
    half_v_mm: Field
    lost: Field
    here: Field


def _foramen(image: Field, anatomy: Anatomy, place: Place, paint: Paint, side: Side) -> None:
    """Fat before the joint, taken from front, back and below by what is dark as the foramen narrows."""
    form = anatomy.foramina[side]
    hole = _keyhole(anatomy, place, side)
    taper = 1.0 - form.taper[place.disc] * np.clip(hole.d_mm / hole.half_d_mm, -0.3, 1.0)
    _fat_behind(image, hole, place, paint, form.fat_behind[place.disc])
    rim = ellipse(hole.d_mm, hole.v_mm, hole.half_d_mm + RIM_MM, (hole.half_v_mm + RIM_MM) * taper)
    behind = np.clip(0.5 + 2.0 * hole.v_mm / hole.half_v_mm, 0.0, 1.0)
    filled = np.maximum(behind, np.clip(3.0 * hole.lost, 0.0, 1.0))
    cover(image, both(rim, hole.here), paint.of(Tissue.LIGAMENT), edge_mm=paint.edge_mm, opacity=filled)
    fat = ellipse(
        hole.d_mm + 2.5 * hole.lost,
        hole.v_mm,
        hole.half_d_mm * (1.0 - 0.55 * hole.lost),
        hole.half_v_mm * taper * (1.0 - 0.80 * hole.lost),
    )
    grain = paint.texture(place.point_mm, (3.0, 2.5, 3.0), layer=32)
    signal = paint.of(Tissue.FAT, (1.0 - 0.35 * hole.lost) * (0.95 + 0.1 * grain))
    cover(image, both(fat, hole.here), signal, edge_mm=paint.edge_mm)
    strands = both(-np.asarray(0.55 - np.abs(grain), np.float32), fat + 0.6, slab(hole.d_mm, -1.0, 9.0), hole.here)
    cover(image, strands, paint.of(Tissue.VEIN), edge_mm=1.5, opacity=0.25)
    _root_and_vessels(image, hole, paint, form.root[place.disc], form.vessels[place.disc])


def _keyhole(anatomy: Anatomy, place: Place, side: Side) -> _Keyhole:
    disc, form = place.disc, anatomy.foramina[side]
    inner, outer = regions.foramen_u_mm(anatomy, disc)
    middle, half = regions.foramen_v_mm(anatomy, disc, side)
    d, v = turned(
        place.d_mm - regions.FORAMEN_D_MM,
        place.v_mm - middle,
        form.tilt_rad[disc],
    )
    return _Keyhole(
        d_mm=d,
        v_mm=v,
        half_d_mm=anatomy.foramen_half_height_mm[disc],
        half_v_mm=half,
        lost=anatomy.narrowing[Region.NEURAL_FORAMEN, side][disc],
        here=slab(place.u_mm * regions.sign(side), inner - 1.0, outer + 3.0),
    )


def _fat_behind(image: Field, hole: _Keyhole, place: Place, paint: Paint, opacity: Field) -> None:
    """Behind the joint, under the muscles, there often is fat again."""
    fat = ellipse(hole.d_mm + 7.0, hole.v_mm - 17.0, 6.5, 4.5)
    fat += 2.0 * paint.texture(place.point_mm, (5.0, 5.0, 5.0), layer=33)
    cover(image, both(fat, hole.here), paint.of(Tissue.FAT), edge_mm=2.0, opacity=opacity)


def _root_and_vessels(
    image: Field, hole: _Keyhole, paint: Paint, root: NDArray[np.float32], vessels: NDArray[np.float32]
) -> None:
    open_ = 1.0 - hole.lost
    half_d, half_v = ROOT_HALF_MM
    ganglion = ellipse(
        hole.d_mm - root[:, 0], hole.v_mm - root[:, 1], half_d * root[:, 2], (half_v * open_ + 0.9) * root[:, 2]
    )
    cover(image, both(ganglion, hole.here), paint.of(Tissue.NERVE), edge_mm=paint.edge_mm)
    for index in range(vessels.shape[1]):
        down, across, radius = vessels[:, index].T
        vessel = ellipse(hole.d_mm - down, hole.v_mm - across * hole.half_v_mm, radius * open_, radius * open_)
        cover(image, both(vessel, hole.here), paint.of(Tissue.VESSEL), edge_mm=paint.edge_mm)
