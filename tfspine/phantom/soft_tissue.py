"""The tissues around the spine, from the skin inwards: skin, fat, vessels, organs and muscles.

Shapes are given in the coordinates of `around.py`. They were set by visual comparison with real slices.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.around import Around, around_of
from tfspine.phantom.frame import Place
from tfspine.phantom.muscles import draw_back_muscles, draw_pelvis, draw_psoas
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import (
    ROUNDING_MM,
    Field,
    both,
    cover,
    ellipse,
    put,
    reach,
    turned,
)
from tfspine.phantom.tissue import Tissue

AORTA_DIVIDES = 4.8


@dataclass(frozen=True)
class _Skin:
    """The places near the skin, `near` [M]; their distance outside it, in mm; and which of all [N] are inside."""

    near: NDArray[np.intp]
    outside_mm: Field
    is_within: NDArray[np.bool_]


def draw_surroundings(anatomy: Anatomy, place: Place, paint: Paint) -> Field:
    """Return the signal of everything but the spine, float32 [N, 2].

    Each drawing step first finds by coordinates where it may have an effect and draws only there; nothing is drawn
    outside the skin.
    """
    around = around_of(anatomy, place)
    skin = _skin(anatomy, around, paint)
    image = np.empty((len(place.u_mm), 2), np.float32)
    image[:] = paint.of(Tissue.FAT, 0.95)
    _organs(image, anatomy, around, paint, skin.is_within)
    _kidneys(image, around, paint, skin.is_within)
    _vessels(image, anatomy, around, paint)
    draw_back_muscles(image, anatomy, around, paint, skin.is_within)
    draw_psoas(image, anatomy, around, paint)
    draw_pelvis(image, anatomy, around, paint, skin.is_within)
    _cover_with_skin(image, around, paint, skin)
    return image


def _organs(image: Field, anatomy: Anatomy, around: Around, paint: Paint, is_within: NDArray[np.bool_]) -> None:
    """Draw bowel with gas in front of and beside the fat around the spine."""
    belly = np.flatnonzero((around.behind < 30.0) & is_within)
    u, behind = around.u.take(belly), around.behind.take(belly)
    bed = 1.0 - np.sqrt(np.square(u / 92.0) + np.square((behind - 20.0) / 62.0))
    before = np.flatnonzero(bed < 0.2)
    belly, bed = belly.take(before), bed.take(before)
    point_mm = around.point_mm.take(belly, axis=0, mode="clip")
    blobs = paint.texture(point_mm, (26.0, 22.0, 30.0), layer=1)
    gas_from = 2.2 - 2.2 * anatomy.gas
    least_mm = 60.0 * bed + 8.0 * blobs + 9.0 * paint.lattice.least
    some = np.flatnonzero((blobs > min(-0.1, gas_from - 1.0 / 9.0) - ROUNDING_MM) & (least_mm < 1.5 + ROUNDING_MM))
    belly, blobs, point_mm = belly.take(some), blobs.take(some), point_mm.take(some, axis=0, mode="clip")
    fine = paint.texture(point_mm, (7.0, 7.0, 7.0), layer=2)
    depth_mm = np.asarray(60.0 * bed.take(some) + 9.0 * fine + 8.0 * blobs, np.float32)
    part = image.take(belly, axis=0, mode="clip")
    loops = both(depth_mm, np.asarray(6.0 * (0.15 - blobs), np.float32))
    cover(part, loops, lambda inside: paint.of(Tissue.BOWEL, 0.85 + 0.25 * fine.take(inside)), edge_mm=3.0)
    gas = both(depth_mm, np.asarray(9.0 * (gas_from - blobs), np.float32))
    cover(part, gas, paint.of(Tissue.AIR), edge_mm=2.0)
    put(image, belly, part)


def _kidneys(image: Field, around: Around, paint: Paint, is_within: NDArray[np.bool_]) -> None:
    """Draw the kidneys, each with fat in its middle."""
    wide, tall = (reach(half, paint.edge_mm, least_half_mm=20.0) for half in (27.0, 52.0))
    near = np.flatnonzero(
        (np.abs(around.height - 2.3) < (tall + 6.0) / 26.0)
        & (np.abs(around.side - 66.0) < wide)
        & (np.abs(around.behind - 2.0) < wide)
        & is_within
    )
    if not near.size:
        return
    part, there = image.take(near, axis=0, mode="clip"), around.take(near)
    height = 26.0 * (there.height - 2.3)
    for side, shift in ((1.0, -4.0), (-1.0, 6.0)):
        u, v = turned(there.u * side - 66.0, there.behind - 2.0, 0.5)
        radius = np.sqrt(np.square(u / 27.0) + np.square(v / 21.0) + np.square((height - shift) / 52.0))
        cover(part, np.asarray((radius - 1.0) * 20.0, np.float32), paint.of(Tissue.KIDNEY), edge_mm=paint.edge_mm)
        cover(part, np.asarray((radius - 0.42) * 20.0, np.float32), paint.of(Tissue.FAT), edge_mm=4.0)
    put(image, near, part)


def _vessels(image: Field, anatomy: Anatomy, around: Around, paint: Paint) -> None:
    """Draw the aorta to the left and the vena cava to the right of the midline; both divide at L4-L5."""
    wide, deep = (reach(half, paint.edge_mm + 2.0, least_half_mm=0.6 * 8.0) for half in (10.5, 8.5))
    fronts = anatomy.body_half_depth_mm
    apart_mm = np.clip(around.height - AORTA_DIVIDES, 0.0, None)
    before = around.behind - 4.0 * apart_mm
    near = np.flatnonzero(
        (before > -float(fronts.max()) - 12.0 - deep)
        & (before < -float(fronts.min()) - 9.5 + deep)
        & (around.side < 13.0 + wide + 17.0 * apart_mm)
    )
    if not near.size:
        return
    part, there, apart = image.take(near, axis=0, mode="clip"), around.take(near), apart_mm.take(near)
    front = there.at(anatomy.body_half_depth_mm)
    void = paint.of(Tissue.VESSEL)
    divided = np.clip(1.0 - 1.2 * apart, 0.6, 1.0)
    for middle, half_u, half_v, gap in ((8.0, 8.5, 8.5, 12.0), (-13.0, 10.5, 8.0, 9.5)):
        for direction in (-1.0, 1.0):
            u = there.u - middle * np.clip(1.0 - apart, 0.0, 1.0) - direction * 17.0 * apart
            v = there.behind + front + gap - 4.0 * apart
            shape = ellipse(np.asarray(u, np.float32), np.asarray(v, np.float32), half_u * divided, half_v * divided)
            cover(part, shape - 1.0, paint.of(Tissue.MUSCLE), edge_mm=paint.edge_mm)
            cover(part, shape, void, edge_mm=paint.edge_mm)
    put(image, near, part)


def _skin(anatomy: Anatomy, around: Around, paint: Paint) -> _Skin:
    """Return where the skin is; the fat beneath it is thickest above the sacrum."""
    half = paint.edge_mm / 2 + ROUNDING_MM
    waist = anatomy.waist_half_width_mm - 0.25 * np.abs(around.behind)
    # The deepest structure drawn here is the band of fascia or, where the fat is thin, the skin.
    deepest = min(-0.35, 0.75 * anatomy.skin_fat_mm - 3.0 - 1.8) - half
    near = np.flatnonzero((around.behind - around.fascia > deepest) | (around.side - waist > -1.8 - half))
    u, behind = around.u.take(near), around.behind.take(near)
    thickness = anatomy.skin_fat_mm * (0.75 + 0.5 * np.exp(-np.square((around.height.take(near) - 6.0) / 2.0)))
    groove = 3.0 * np.exp(-np.square(u / 14.0))
    surface = around.fascia.take(near) + thickness + np.square(u) / (2.0 * anatomy.back_curve_mm) * 0.3 - groove
    outside = np.asarray(np.maximum(behind - surface, around.side.take(near) - waist.take(near)), np.float32)
    is_within = np.ones(len(around.u), np.bool_)
    is_within[near] = 0.5 + outside / np.float32(paint.edge_mm) < 1.0
    return _Skin(near, outside, is_within)


def _cover_with_skin(image: Field, around: Around, paint: Paint, skin: _Skin) -> None:
    """Draw fascia, subcutaneous fat with its septa, skin and air."""
    image.view(np.complex64)[:, 0][~skin.is_within] = 0.0
    within = np.flatnonzero(skin.is_within.take(skin.near))
    near, outside = skin.near.take(within), skin.outside_mm.take(within)
    part = image.take(near, axis=0, mode="clip")
    fascia, behind = around.fascia.take(near), around.behind.take(near)

    def cells(inside: NDArray[np.intp]) -> Field:
        point_mm = around.point_mm.take(near.take(inside), axis=0)
        walls = np.clip(1.0 - np.abs(paint.texture(point_mm, (13.0, 5.0, 13.0), layer=15)) / 0.06, 0, 1)
        return paint.mix(Tissue.FAT, Tissue.FASCIA, 0.35 * walls)

    cover(part, np.asarray(fascia + 0.8 - behind, np.float32), cells, edge_mm=paint.edge_mm)
    cover(part, np.abs(behind - fascia) - 0.35, paint.of(Tissue.FASCIA), edge_mm=paint.edge_mm, opacity=0.6)
    cover(part, -outside - 1.8, paint.of(Tissue.SKIN), edge_mm=paint.edge_mm)
    cover(part, -outside, paint.of(Tissue.AIR), edge_mm=paint.edge_mm)
    put(image, near, part)
