"""The foramina: keyhole-shaped fat around a root and its vessels, each with an individual shape."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.labels import Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import Anatomy, ForamenForm
from tfspine.phantom.frame import DISCS, Place
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import ROUNDING_MM, Field, both, cover, ellipse, put, slab, turned
from tfspine.phantom.tissue import Tissue

RIM_MM = 0.8
"""Width of the dark flavum and joint capsule around the fat; in front of the fat is the border of the body itself."""

INWARDS_MM = 1.0
OUTWARDS_MM = 3.0
"""How far a foramen is drawn beyond its inner and outer ends."""

FAT_BEHIND_EDGE_MM = 2.0
ROOT_HALF_MM = (2.7, 2.4)


def draw_foramina(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw the foramina of both sides into `image`, float32 [N, 2], in place."""
    half = max(paint.edge_mm, FAT_BEHIND_EDGE_MM) / 2 + ROUNDING_MM
    inner, outer = regions.foramen_u_mm(anatomy, np.arange(len(DISCS)))
    inmost = max(8.0, float(inner.min()) - INWARDS_MM - half)
    outmost = min(40.0, float(outer.max()) + OUTWARDS_MM + half)
    for side in Side:
        outwards = place.u_mm * regions.sign(side)
        near = np.flatnonzero((outwards > inmost) & (outwards < outmost) & (place.v_mm > 5.0) & (place.v_mm < 55.0))
        if not near.size:
            continue
        part = image.take(near, axis=0, mode="clip")
        _foramen(part, anatomy, place.take(near), paint, side)
        put(image, near, part)


@dataclass(frozen=True)
class _Keyhole:
    """One foramen at the points near it: all float32 [N]; `lost` is the share of the foramen that is narrowed away."""

    d_mm: Field
    v_mm: Field
    half_d_mm: Field
    half_v_mm: Field
    lost: Field
    here: Field

    def take(self, indices: NDArray[np.intp]) -> "_Keyhole":
        """Return the values at some of the points."""
        return _Keyhole(**{name: values.take(indices) for name, values in vars(self).items()})


def _foramen(image: Field, anatomy: Anatomy, place: Place, paint: Paint, side: Side) -> None:
    """Draw the fat in front of the joint; narrowing replaces it by dark tissue from the front, the back and below."""
    form = anatomy.foramina[side]
    hole = _keyhole(anatomy, place, side)
    _fat_behind(image, hole, place, paint, form.fat_behind)
    far_d, far_v = _extent_mm(anatomy, side, edge_mm=paint.edge_mm)
    near = np.flatnonzero((np.abs(hole.d_mm) < far_d.take(place.disc)) & (np.abs(hole.v_mm) < far_v.take(place.disc)))
    part = image.take(near, axis=0, mode="clip")
    _fill(part, hole.take(near), place.take(near), paint, form)
    put(image, near, part)


def _extent_mm(anatomy: Anatomy, side: Side, *, edge_mm: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the largest distance from its middle, along d and v, at which a foramen is drawn, float32 [discs]."""
    form, edge = anatomy.foramina[side], max(edge_mm, 0.3)
    lost, half_d = anatomy.narrowing[Region.NEURAL_FORAMEN, side], anatomy.foramen_half_height_mm
    _, half_v = regions.foramen_v_mm(anatomy, np.arange(len(DISCS)), side)
    least_taper, most_taper = 1.0 - form.taper, 1.0 + 0.3 * form.taper
    root_d, root_v = (half * form.root[:, 2] for half in (ROOT_HALF_MM[0], ROOT_HALF_MM[1] * (1.0 - lost) + 0.9))
    fat_d, fat_v = half_d * (1.0 - 0.55 * lost), half_v * (1.0 - 0.80 * lost)
    wider = [
        1.0 + edge / 2 / np.minimum(along_d, along_v)
        for along_d, along_v in (
            (half_d + RIM_MM, (half_v + RIM_MM) * least_taper),
            (fat_d, fat_v * least_taper),
            (root_d, root_v),
        )
    ]
    down, across, radius = np.abs(np.moveaxis(form.vessels, -1, 0))
    vessel = radius + edge / 2
    far_d = np.stack(
        [
            (half_d + RIM_MM) * wider[0],
            fat_d * wider[1] + 2.5 * lost,
            root_d * wider[2] + np.abs(form.root[:, 0]),
            (down + vessel).max(axis=1),
        ]
    )
    far_v = np.stack(
        [
            (half_v + RIM_MM) * most_taper * wider[0],
            fat_v * most_taper * wider[1],
            root_v * wider[2] + np.abs(form.root[:, 1]),
            (across * half_v[:, np.newaxis] + vessel).max(axis=1),
        ]
    )
    bounds = [np.asarray(far.max(axis=0) + ROUNDING_MM, np.float32) for far in (far_d, far_v)]
    return bounds[0], bounds[1]


def _fill(image: Field, hole: _Keyhole, place: Place, paint: Paint, form: ForamenForm) -> None:
    taper = 1.0 - form.taper.take(place.disc) * np.clip(hole.d_mm / hole.half_d_mm, -0.3, 1.0)
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
    signal = (1.0 - 0.35 * hole.lost) * (0.95 + 0.1 * grain)
    cover(image, both(fat, hole.here), lambda inside: paint.of(Tissue.FAT, signal.take(inside)), edge_mm=paint.edge_mm)
    strands = both(-np.asarray(0.55 - np.abs(grain), np.float32), fat + 0.6, slab(hole.d_mm, -1.0, 9.0), hole.here)
    cover(image, strands, paint.of(Tissue.VEIN), edge_mm=1.5, opacity=0.25)
    _root_and_vessels(image, hole, paint, form.root.take(place.disc, axis=0), form.vessels.take(place.disc, axis=0))


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
        here=slab(place.u_mm * regions.sign(side), inner - INWARDS_MM, outer + OUTWARDS_MM),
    )


def _fat_behind(image: Field, hole: _Keyhole, place: Place, paint: Paint, opacity: NDArray[np.float32]) -> None:
    """Draw the fat that often lies behind the joint, under the muscles."""
    fat = ellipse(hole.d_mm + 7.0, hole.v_mm - 17.0, 6.5, 4.5)
    half = FAT_BEHIND_EDGE_MM / 2 + ROUNDING_MM
    near = np.flatnonzero((fat < half - 2.0 * paint.lattice.least) & (hole.here < half))
    part, fat = image.take(near, axis=0, mode="clip"), fat.take(near)
    fat += 2.0 * paint.texture(place.point_mm.take(near, axis=0, mode="clip"), (5.0, 5.0, 5.0), layer=33)
    share = opacity.take(place.disc.take(near))
    cover(part, both(fat, hole.here.take(near)), paint.of(Tissue.FAT), edge_mm=FAT_BEHIND_EDGE_MM, opacity=share)
    put(image, near, part)


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
