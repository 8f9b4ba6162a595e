"""Skin, fat, muscles, vessels, organs and pelvis: what surrounds the spine, from the skin inwards.

Shapes here are given across the midline (`u_mm`) and straight behind the spine's curve (`behind_mm`); their sizes at
every disc are linear in between, by height alone. They were set by eye, side by side with real slices.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.frame import Place
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import Field, both, cover, either, ellipse, smoothly_either, turned
from tfspine.phantom.tissue import Tissue

SPINOUS_LENGTH_MM = np.array((24.0, 26.0, 28.0, 30.0, 30.0, 27.0, 18.0, 9.0, 6.0), np.float32)
"""From the canal's back to the tip of the spinous process above each disc."""

ERECTOR_HALF_WIDTH_MM = np.array((27.0, 28.0, 29.0, 29.0, 28.0, 26.0, 20.0, 12.0, 8.0), np.float32)
MULTIFIDUS_HALF_WIDTH_MM = np.array((7.0, 8.0, 9.0, 10.5, 12.5, 16.0, 20.0, 20.0, 16.0), np.float32)
QUADRATUS_HALF_WIDTH_MM = np.array((6.0, 10.0, 15.0, 18.0, 19.0, 14.0, 0.1, 0.1, 0.1), np.float32)
PSOAS_BEFORE_MM = np.array((0.0, 0.0, 0.0, 1.0, 3.0, 8.0, 17.0, 30.0, 38.0), np.float32)
PSOAS_OUTWARDS_MM = np.array((0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 9.0, 18.0, 26.0), np.float32)
ILIAC_FRONT_MM = np.array(((95.0, -4.0), (92.0, -18.0), (86.0, -24.0), (80.0, -26.0)), np.float32)
ILIAC_BACK_MM = np.array(((78.0, 22.0), (52.0, 34.0), (42.0, 30.0), (40.0, 28.0)), np.float32)
"""Front and back end of the iliac wing, (u, behind), at L4-L5, L5-S1, S1-S2 and S2-S3."""

ILIAC_TOP = 4.6
"""The crest stands a little above L4-L5: place between the discs, counted as in `frame.DISCS`."""

AORTA_DIVIDES = 4.8


@dataclass(frozen=True)
class Around:
    """Coordinates of the surroundings, float32 [N]: `side` is the distance from the midline, `height` the disc index.

    `above` and `fraction` are its whole part and the rest.
    """

    u: Field
    side: Field
    behind: Field
    height: Field
    above: NDArray[np.intp]
    fraction: Field

    def at(self, values: NDArray[np.float32]) -> Field:
        """Return a size known at every disc at these heights."""
        steps = np.diff(values, append=values[-1])
        return np.asarray(values[self.above] + self.fraction * steps[self.above], np.float32)


def draw_surroundings(image: Field, anatomy: Anatomy, place: Place, paint: Paint) -> None:
    """Draw everything but the spine into `image`, float32 [N, 2], in place."""
    around = _around(anatomy, place)
    image[:] = paint.of(Tissue.FAT, 0.95)
    _organs(image, anatomy, place, around, paint)
    _vessels(image, anatomy, around, paint)
    _back_muscles(image, anatomy, place, around, paint)
    _psoas(image, anatomy, place, around, paint)
    _pelvis(image, anatomy, place, around, paint)
    _skin(image, anatomy, place, around, paint)


def _around(anatomy: Anatomy, place: Place) -> Around:
    heights_mm = -anatomy.frame.centres_mm[:, 2]
    height = np.interp(-place.point_mm[:, 2], heights_mm, np.arange(len(heights_mm))).astype(np.float32)
    above = height.astype(np.intp)
    return Around(place.u_mm, np.abs(place.u_mm), place.behind_mm, height, above, height - above)


def _fascia_mm(anatomy: Anatomy, around: Around) -> Field:
    """Return how far behind the spine the muscles end."""
    tip = around.at(anatomy.body_half_depth_mm + anatomy.canal_depth_mm + SPINOUS_LENGTH_MM)
    return np.asarray(tip + 1.0 - np.square(around.u) / (2.0 * 0.8 * anatomy.back_curve_mm), np.float32)


def _organs(image: Field, anatomy: Anatomy, place: Place, around: Around, paint: Paint) -> None:
    """Bowel with gas before and beside a bed of fat around the spine, and the kidneys in that fat."""
    bed = 1.0 - np.sqrt(np.square(around.u / 92.0) + np.square((around.behind - 20.0) / 62.0))
    belly = np.flatnonzero((bed < 0.2) & (around.behind < 30.0))
    part, there, depth_mm = image[belly], place.take(belly), 60.0 * bed[belly]
    blobs = paint.texture(there.point_mm, (26.0, 22.0, 30.0), layer=1)
    fine = paint.texture(there.point_mm, (7.0, 7.0, 7.0), layer=2)
    depth_mm = np.asarray(depth_mm + 9.0 * fine + 8.0 * blobs, np.float32)
    loops = both(depth_mm, np.asarray(6.0 * (0.15 - blobs), np.float32))
    cover(part, loops, paint.of(Tissue.BOWEL, 0.85 + 0.25 * fine), edge_mm=3.0)
    gas = both(depth_mm, np.asarray(9.0 * (2.2 - 2.2 * anatomy.gas - blobs), np.float32))
    cover(part, gas, paint.of(Tissue.AIR), edge_mm=2.0)
    image[belly] = part
    kidney_height = 26.0 * (around.height - 2.3)
    for side, shift in ((1.0, -4.0), (-1.0, 6.0)):
        u, v = turned(around.u * side - 66.0, around.behind - 2.0, 0.5)
        radius = np.sqrt(np.square(u / 27.0) + np.square(v / 21.0) + np.square((kidney_height - shift) / 52.0))
        cover(image, np.asarray((radius - 1.0) * 20.0, np.float32), paint.of(Tissue.KIDNEY), edge_mm=paint.edge_mm)
        cover(image, np.asarray((radius - 0.42) * 20.0, np.float32), paint.of(Tissue.FAT), edge_mm=4.0)


def _vessels(image: Field, anatomy: Anatomy, around: Around, paint: Paint) -> None:
    """Aorta to the left and vena cava to the right of the midline; both divide at L4-L5."""
    front = around.at(anatomy.body_half_depth_mm)
    apart = np.clip(around.height - AORTA_DIVIDES, 0.0, None)
    void = paint.of(Tissue.VESSEL)
    divided = np.clip(1.0 - 1.2 * apart, 0.6, 1.0)
    for middle, half_u, half_v, before in ((8.0, 8.5, 8.5, 12.0), (-13.0, 10.5, 8.0, 9.5)):
        for direction in (-1.0, 1.0):
            u = around.u - middle * np.clip(1.0 - apart, 0.0, 1.0) - direction * 17.0 * apart
            v = around.behind + front + before - 4.0 * apart
            shape = ellipse(np.asarray(u, np.float32), np.asarray(v, np.float32), half_u * divided, half_v * divided)
            cover(image, shape - 1.0, paint.of(Tissue.MUSCLE), edge_mm=paint.edge_mm)
            cover(image, shape, void, edge_mm=paint.edge_mm)


def _back_muscles(image: Field, anatomy: Anatomy, place: Place, around: Around, paint: Paint) -> None:
    fascia = _fascia_mm(anatomy, around)
    size = anatomy.muscle_size
    multifidus = around.at(MULTIFIDUS_HALF_WIDTH_MM) * size
    erector = around.at(ERECTOR_HALF_WIDTH_MM) * size
    middle = fascia - 21.0 * size
    inner = ellipse(around.side - multifidus, around.behind - middle, multifidus + 0.5, 21.0 * size)
    centre = 2.0 * multifidus + 0.72 * erector
    outer = ellipse(around.side - centre, around.behind - middle + 2.0, erector, 19.0 * size)
    quadratus = ellipse(
        around.side - around.at(anatomy.body_half_width_mm) - 32.0,
        around.behind - 12.0,
        around.at(QUADRATUS_HALF_WIDTH_MM),
        7.5 * size,
    )
    shape = either(smoothly_either(inner, outer, 2.0), quadratus)
    warp: Field = np.zeros_like(shape)
    close = np.flatnonzero(shape < 3.0)
    warp[close] = 5.0 * paint.texture(place.point_mm[close], (14.0, 14.0, 60.0), layer=3)
    shape = np.asarray(np.maximum(shape + 0.35 * warp, around.behind - fascia), np.float32)
    cover(image, shape, lambda inside: _muscle(anatomy, place.take(inside), paint, layer=4), edge_mm=paint.edge_mm)
    between = np.abs(inner - outer + warp) - 0.5 - 2.0 * anatomy.muscle_fat
    septum = both(np.asarray(between, np.float32), shape)
    cover(image, septum, paint.of(Tissue.FAT), edge_mm=2.0, opacity=0.75)


def _muscle(anatomy: Anatomy, place: Place, paint: Paint, *, layer: int) -> Field:
    """Return muscle with its streaks of fat, thin sheets along the fibres, float32 [N, 2]."""
    sheets = paint.texture(place.point_mm, (9.0, 7.0, 70.0), layer=layer)
    fine = paint.texture(place.point_mm, (3.0, 3.0, 25.0), layer=layer + 1)
    where = paint.texture(place.point_mm, (30.0, 24.0, 90.0), layer=layer + 2)
    width = 0.03 + 0.30 * anatomy.muscle_fat * np.clip(0.6 + where, 0.0, 1.5)
    streaks = np.clip(1.4 - np.abs(sheets + 0.35 * fine) / width, 0.0, 1.0)
    deep = np.exp(-np.square(np.hypot(np.abs(place.u_mm) - 14.0, place.behind_mm - 36.0) / 13.0))
    infiltrated = np.clip((anatomy.muscle_fat + 0.35 * deep) * (0.8 + 1.2 * where + 0.7 * fine) - 0.25, 0.0, 0.85)
    return paint.mix(Tissue.MUSCLE, Tissue.FAT, np.maximum(0.75 * streaks, infiltrated))


def _psoas(image: Field, anatomy: Anatomy, place: Place, around: Around, paint: Paint) -> None:
    radius = around.at(anatomy.psoas_radius_mm)
    outwards = around.at(anatomy.body_half_width_mm) + 0.85 * radius + around.at(PSOAS_OUTWARDS_MM)
    before = around.at(PSOAS_BEFORE_MM)
    shape = ellipse(around.side - outwards, around.behind + before - 1.0, 0.9 * radius, 1.1 * radius)
    close = np.flatnonzero(shape < 3.0)
    part = image[close]
    fine = paint.texture(place.point_mm[close], (5.0, 5.0, 40.0), layer=8)
    streaks = 0.5 * np.clip(np.abs(fine) * -9.0 + 9.0 * 0.12 * anatomy.muscle_fat + 0.3, 0.0, 1.0)
    muscle = paint.mix(Tissue.MUSCLE, Tissue.FAT, streaks)
    cover(part, np.asarray(shape[close] + 1.5 * fine, np.float32), muscle, edge_mm=paint.edge_mm)
    image[close] = part


def _pelvis(image: Field, anatomy: Anatomy, place: Place, around: Around, paint: Paint) -> None:
    """Iliac wings between gluteal muscles behind and the iliacus in front, from L4-L5 down."""
    low = np.flatnonzero(around.height > ILIAC_TOP)
    if not low.size:
        return
    part = image[low]
    discs = np.arange(5, 5 + len(ILIAC_FRONT_MM))
    ends = [
        np.stack([np.interp(around.height[low], discs, column) for column in table.T], axis=1)
        for table in (ILIAC_FRONT_MM, ILIAC_BACK_MM)
    ]
    point = np.stack([around.side[low], around.behind[low]], axis=1)
    way = ends[1] - ends[0]
    share = np.clip(((point - ends[0]) * way).sum(axis=1) / np.square(way).sum(axis=1), 0.0, 1.0)
    off = point - ends[0] - share[:, None] * way
    distance = np.hypot(*off.T)
    is_outside = off[:, 0] * way[:, 1] - off[:, 1] * way[:, 0] > 0
    depth = 12.0 * np.clip(2.0 * (around.height[low] - ILIAC_TOP), 0.3, 1.5)
    gluteal = np.where(is_outside, distance - 2.6 * depth, 1e3)
    iliacus = np.where(is_outside, 1e3, distance - 1.1 * depth)
    shape = np.asarray(np.minimum(gluteal, iliacus), np.float32)
    cover(part, shape, lambda inside: _muscle(anatomy, place.take(low[inside]), paint, layer=12), edge_mm=2.0)
    wing = np.asarray(distance - 6.0 - 3.0 * share, np.float32)
    cover(part, wing, paint.of(Tissue.CORTEX), edge_mm=paint.edge_mm)
    cover(part, wing + 1.8, paint.of(Tissue.MARROW), edge_mm=paint.edge_mm)
    image[low] = part


def _skin(image: Field, anatomy: Anatomy, place: Place, around: Around, paint: Paint) -> None:
    """Fascia, subcutaneous fat with its septa, skin, air; the fat is thickest above the sacrum."""
    fascia = _fascia_mm(anatomy, around)
    thickness = anatomy.skin_fat_mm * (0.75 + 0.5 * np.exp(-np.square((around.height - 6.0) / 2.0)))
    groove = 3.0 * np.exp(-np.square(around.u / 14.0))
    surface = fascia + thickness + np.square(around.u) / (2.0 * anatomy.back_curve_mm) * 0.3 - groove
    waist = anatomy.waist_half_width_mm - 0.25 * np.abs(around.behind)
    outside = np.asarray(np.maximum(around.behind - surface, around.side - waist), np.float32)
    fat = np.asarray(fascia + 0.8 - around.behind, np.float32)

    def cells(inside: NDArray[np.intp]) -> Field:
        walls = np.clip(1.0 - np.abs(paint.texture(place.point_mm[inside], (13.0, 5.0, 13.0), layer=15)) / 0.06, 0, 1)
        return paint.mix(Tissue.FAT, Tissue.FASCIA, 0.35 * walls)

    cover(image, fat, cells, edge_mm=paint.edge_mm)
    cover(image, np.abs(around.behind - fascia) - 0.35, paint.of(Tissue.FASCIA), edge_mm=paint.edge_mm, opacity=0.6)
    cover(image, -outside - 1.8, paint.of(Tissue.SKIN), edge_mm=paint.edge_mm)
    cover(image, -outside, paint.of(Tissue.AIR), edge_mm=paint.edge_mm)
