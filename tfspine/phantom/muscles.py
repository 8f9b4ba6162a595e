"""Muscles of the back, psoas, and the pelvis with its muscles, drawn only at coordinates where they may lie.

Shapes are given in the coordinates of `around.py`. They were set by visual comparison with real slices.
"""

import numpy as np
from numpy.typing import NDArray

from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.around import Around
from tfspine.phantom.paint import Paint
from tfspine.phantom.shapes import ROUNDING_MM, Field, both, cover, either, ellipse, put, reach, smoothly_either
from tfspine.phantom.tissue import Tissue

ERECTOR_HALF_WIDTH_MM = np.array((27.0, 28.0, 29.0, 29.0, 28.0, 26.0, 20.0, 12.0, 8.0), np.float32)
MULTIFIDUS_HALF_WIDTH_MM = np.array((7.0, 8.0, 9.0, 10.5, 12.5, 16.0, 20.0, 20.0, 16.0), np.float32)
QUADRATUS_HALF_WIDTH_MM = np.array((6.0, 10.0, 15.0, 18.0, 19.0, 14.0, 0.1, 0.1, 0.1), np.float32)
PSOAS_BEFORE_MM = np.array((0.0, 0.0, 0.0, 1.0, 3.0, 8.0, 17.0, 30.0, 38.0), np.float32)
PSOAS_OUTWARDS_MM = np.array((0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 9.0, 18.0, 26.0), np.float32)
ILIAC_FRONT_MM = np.array(((95.0, -4.0), (92.0, -18.0), (86.0, -24.0), (80.0, -26.0)), np.float32)
ILIAC_BACK_MM = np.array(((78.0, 22.0), (52.0, 34.0), (42.0, 30.0), (40.0, 28.0)), np.float32)
"""Front and back end of the iliac wing, (u, behind), at L4-L5, L5-S1, S1-S2 and S2-S3."""

ILIAC_TOP = 4.6
"""The crest lies slightly above L4-L5; fractional index in `frame.DISCS`."""

PSOAS_BEYOND_MM = 3.0
"""How far from its smooth outline a psoas is evaluated; its actual outline is slightly rough."""

QUADRATUS_THIN_MM = 3.0
"""Half width below which a quadratus is only a thin sheet, whose wide soft edge reaches far up and down."""

FIRST_ILIAC_DISC = 5
"""Index of L4-L5 in `frame.DISCS`."""


def draw_back_muscles(
    image: Field, anatomy: Anatomy, around: Around, paint: Paint, is_within: NDArray[np.bool_]
) -> None:
    """Draw multifidus, erector spinae and quadratus of both sides, where `is_within` marks the inside of the body."""
    size = anatomy.muscle_size
    near = np.flatnonzero(_may_be_back_muscle(anatomy, around, edge_mm=paint.edge_mm) & is_within)
    if not near.size:
        return
    part, there = image.take(near, axis=0, mode="clip"), around.take(near)
    multifidus = there.at(MULTIFIDUS_HALF_WIDTH_MM) * size
    erector = there.at(ERECTOR_HALF_WIDTH_MM) * size
    middle = there.fascia - 21.0 * size
    inner = ellipse(there.side - multifidus, there.behind - middle, multifidus + 0.5, 21.0 * size)
    centre = 2.0 * multifidus + 0.72 * erector
    outer = ellipse(there.side - centre, there.behind - middle + 2.0, erector, 19.0 * size)
    quadratus = ellipse(
        there.side - there.at(anatomy.body_half_width_mm) - 32.0,
        there.behind - 12.0,
        there.at(QUADRATUS_HALF_WIDTH_MM),
        7.5 * size,
    )
    shape = either(smoothly_either(inner, outer, 2.0), quadratus)
    warp: Field = np.zeros_like(shape)
    close = np.flatnonzero(shape < 3.0)
    warp[close] = 5.0 * paint.texture(there.point_mm.take(close, axis=0, mode="clip"), (14.0, 14.0, 60.0), layer=3)
    shape = np.asarray(np.maximum(shape + 0.35 * warp, there.behind - there.fascia), np.float32)
    cover(part, shape, lambda inside: _muscle(anatomy, there.take(inside), paint, layer=4), edge_mm=paint.edge_mm)
    between = np.abs(inner - outer + warp) - 0.5 - 2.0 * anatomy.muscle_fat
    septum = both(np.asarray(between, np.float32), shape)
    cover(part, septum, paint.of(Tissue.FAT), edge_mm=2.0, opacity=0.75)
    put(image, near, part)


def _may_be_back_muscle(anatomy: Anatomy, around: Around, *, edge_mm: float) -> NDArray[np.bool_]:
    """Return where the muscles of the back may lie, bool [N]: deeper than the fascia, and not too deep."""
    size = anatomy.muscle_size
    # Outlines are evaluated up to 3 mm away, and half a millimetre further where two outlines merge.
    wide_mm = max(6.0, edge_mm) + 1.0
    thinnest_mm = float(min(MULTIFIDUS_HALF_WIDTH_MM.min(), ERECTOR_HALF_WIDTH_MM.min())) * size
    thickness_mm = 21.0 * size + reach(21.0 * size, wide_mm, least_half_mm=thinnest_mm)
    quadratus_mm = 12.0 - reach(7.5 * size, wide_mm, least_half_mm=QUADRATUS_THIN_MM)
    sheet_mm = reach(QUADRATUS_THIN_MM, wide_mm, least_half_mm=QUADRATUS_THIN_MM)
    middles_mm = anatomy.body_half_width_mm + 32.0
    return np.asarray(
        (around.behind < around.fascia + (max(2.0, edge_mm) / 2 + ROUNDING_MM))
        & (
            (around.behind > around.fascia - thickness_mm)
            | (around.behind > quadratus_mm)
            | ((around.side > float(middles_mm.min()) - sheet_mm) & (around.side < float(middles_mm.max()) + sheet_mm))
        )
    )


def _muscle(anatomy: Anatomy, around: Around, paint: Paint, *, layer: int) -> Field:
    """Return muscle with its streaks of fat, thin sheets along the fibres, float32 [N, 2]."""
    sheets = paint.texture(around.point_mm, (9.0, 7.0, 70.0), layer=layer)
    fine = paint.texture(around.point_mm, (3.0, 3.0, 25.0), layer=layer + 1)
    where = paint.texture(around.point_mm, (30.0, 24.0, 90.0), layer=layer + 2)
    width = 0.03 + 0.30 * anatomy.muscle_fat * np.clip(0.6 + where, 0.0, 1.5)
    streaks = np.clip(1.4 - np.abs(sheets + 0.35 * fine) / width, 0.0, 1.0)
    deep = np.exp(-np.square(np.hypot(around.side - 14.0, around.behind - 36.0) / 13.0))
    infiltrated = np.clip((anatomy.muscle_fat + 0.35 * deep) * (0.8 + 1.2 * where + 0.7 * fine) - 0.25, 0.0, 0.85)
    return paint.mix(Tissue.MUSCLE, Tissue.FAT, np.maximum(0.75 * streaks, infiltrated))


def draw_psoas(image: Field, anatomy: Anatomy, around: Around, paint: Paint) -> None:
    """Draw both psoas, beside the bodies."""
    largest_mm = float(anatomy.psoas_radius_mm.max())
    deep_mm = 1.1 * (largest_mm + PSOAS_BEYOND_MM / 0.9) + ROUNDING_MM
    inmost_mm = float(anatomy.body_half_width_mm.min()) - 0.05 * largest_mm - PSOAS_BEYOND_MM - ROUNDING_MM
    near = np.flatnonzero(
        (np.abs(around.behind - 1.0 + PSOAS_BEFORE_MM.max() / 2) < PSOAS_BEFORE_MM.max() / 2 + deep_mm)
        & (around.side > inmost_mm)
    )
    if not near.size:
        return
    there = around.take(near)
    radius = there.at(anatomy.psoas_radius_mm)
    outwards = there.at(anatomy.body_half_width_mm) + 0.85 * radius + there.at(PSOAS_OUTWARDS_MM)
    before = there.at(PSOAS_BEFORE_MM)
    shape = ellipse(there.side - outwards, there.behind + before - 1.0, 0.9 * radius, 1.1 * radius)
    close = np.flatnonzero(shape < PSOAS_BEYOND_MM)
    there_close = near.take(close)
    part = image.take(there_close, axis=0, mode="clip")
    fine = paint.texture(around.point_mm.take(there_close, axis=0, mode="clip"), (5.0, 5.0, 40.0), layer=8)
    streaks = 0.5 * np.clip(np.abs(fine) * -9.0 + 9.0 * 0.12 * anatomy.muscle_fat + 0.3, 0.0, 1.0)
    muscle = paint.mix(Tissue.MUSCLE, Tissue.FAT, streaks)
    cover(part, np.asarray(shape.take(close) + 1.5 * fine, np.float32), muscle, edge_mm=paint.edge_mm)
    put(image, there_close, part)


def draw_pelvis(image: Field, anatomy: Anatomy, around: Around, paint: Paint, is_within: NDArray[np.bool_]) -> None:
    """Draw the iliac wings between gluteal muscles behind and the iliacus in front, from L4-L5 down."""
    low = np.flatnonzero((around.height > ILIAC_TOP) & is_within)
    if not low.size:
        return
    part, there = image.take(low, axis=0, mode="clip"), around.take(low)
    ends = [_between_discs(table, there.height) for table in (ILIAC_FRONT_MM, ILIAC_BACK_MM)]
    way = [back - front for front, back in zip(*ends, strict=True)]
    past = [there.side - ends[0][0], there.behind - ends[0][1]]
    share = np.clip((past[0] * way[0] + past[1] * way[1]) / (np.square(way[0]) + np.square(way[1])), 0.0, 1.0)
    off = [gone - share * step for gone, step in zip(past, way, strict=True)]
    distance = np.hypot(*off)
    is_outside = off[0] * way[1] - off[1] * way[0] > 0
    depth = 12.0 * np.clip(2.0 * (there.height - ILIAC_TOP), 0.3, 1.5)
    gluteal = np.where(is_outside, distance - 2.6 * depth, 1e3)
    iliacus = np.where(is_outside, 1e3, distance - 1.1 * depth)
    shape = np.asarray(np.minimum(gluteal, iliacus), np.float32)
    cover(part, shape, lambda inside: _muscle(anatomy, there.take(inside), paint, layer=12), edge_mm=2.0)
    wing = np.asarray(distance - 6.0 - 3.0 * share, np.float32)
    cover(part, wing, paint.of(Tissue.CORTEX), edge_mm=paint.edge_mm)
    cover(part, wing + 1.8, paint.of(Tissue.MARROW), edge_mm=paint.edge_mm)
    put(image, low, part)


def _between_discs(table: NDArray[np.float32], height: Field) -> list[NDArray[np.float64]]:
    """Return each column of a table, [discs from L4-L5 down, columns], at heights between its discs, float64 [N]."""
    first = FIRST_ILIAC_DISC
    known, steps = table.astype(np.float64), np.diff(table.astype(np.float64), axis=0)
    place = np.clip(height.astype(np.float64), first, first + len(steps))
    above = np.minimum(place.astype(np.intp) - first, len(steps) - 1)
    past = place - (above + first)
    return [steps[:, column].take(above) * past + known[:, column].take(above) for column in range(table.shape[1])]
