"""Where the slices of a series lie: planned as a technologist would, with small deviations.

Slices are in stacking order, from head to feet or from the patient's right to left, within one stack and from stack
to stack: if two stacks would cross, the upper one ends earlier.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry, distance_to_slice_mm, stacking_position_mm
from tfspine.labels import Plane
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.frame import DISCS, LUMBAR, SpineFrame, backwards, footwards, locate, to_patient
from tfspine.phantom.protocol import Protocol, Stacks

AIM_BEHIND_DISC_MM = (4.0, 12.0)
"""The middle of axial images. Further back, the centres of two steeply tilted stacks would change places."""

SAGITTAL_AIM_BEHIND_DISC_MM = 15.0

CANAL_BEHIND_BODY_MM = 9.0
"""Distance of the middle of the canal behind the body; `Cut.d_mm` is measured there."""

PER_DISC_HEIGHT_MM = 28.6
STRAIGHT_MARGIN_MM = 11.0
SAGITTAL_WIDTH_MM = 62.0
"""Extent of the slices: along each disc, beyond the first and last disc, and from side to side."""

LOWER_BLOCK_DISCS = 2
"""Number of discs in the lower of two blocks: they are separated above L4-L5, where lordosis begins."""

STEEPEST_TILT_DEG = 42.0
ROTATION_DEG = 1.0
OBLIQUITY_DEG = 1.0
SIDE_SHIFT_MM = 4.0
"""Standard deviations of the planning error; the largest error is three standard deviations."""

_MOST_DEVIATIONS = 3.0
_CLEARANCE_MM = 1.0
_ITERATIONS = 12

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """One slice to be measured.

    An axial slice has the index (in `frame.DISCS`) of the disc nearest to its intersection with the canal, and its
    distance below the plane of that disc there. `stack` is the number of the stack in its series.
    """

    geometry: SliceGeometry
    disc: int | None
    d_mm: float
    stack: int = 0


def axial_cuts(anatomy: Anatomy, protocol: Protocol, rng: np.random.Generator) -> Iterator[Cut]:
    """Yield the axial slices of a series, each stack from head to feet."""
    stacks = (
        _per_disc(anatomy, protocol, rng) if protocol.stacks is Stacks.PER_DISC else _blocks(anatomy, protocol, rng)
    )
    aims = _canal_at_discs(anatomy)
    for number, stack in enumerate(_without_crossing(stacks)):
        for geometry in stack:
            disc, d_mm = _nearest_disc(anatomy.frame, geometry, aims)
            # A stack along one disc ends where another disc is nearer.
            if protocol.stacks is not Stacks.PER_DISC or disc == _lumbar()[number]:
                yield Cut(geometry, disc, d_mm, number)


def sagittal_cuts(anatomy: Anatomy, protocol: Protocol, rng: np.random.Generator) -> Iterator[Cut]:
    """Yield parallel slices from the patient's right to left, across both rows of foramina."""
    error = protocol.planning_error
    middle = np.mean([_on_disc(anatomy.frame, disc, SAGITTAL_AIM_BEHIND_DISC_MM) for disc in _lumbar()], axis=0)
    middle += [_stray(rng, 1.5), *(error * rng.uniform(-8.0, 8.0, 2))]
    row, column = _turned(
        np.array([0.0, 1.0, 0.0]),
        np.array([0.0, 0.0, -1.0]),
        tilt_deg=_stray(rng, error * OBLIQUITY_DEG),
        rotation_deg=_stray(rng, error * ROTATION_DEG),
    )
    for geometry in _stack(middle, row, column, _count(SAGITTAL_WIDTH_MM, protocol), protocol):
        yield Cut(geometry, None, 0.0)


def on_slice(anatomy: Anatomy, cut: Cut, *, u_mm: NDArray[np.float64], v_mm: NDArray[np.float64]) -> Vector:
    """Return where an axial slice meets the lines along the spine at (u, v), patient positions float64 [N, 3].

    A slice need not be parallel to a disc, so the distance to the disc plane changes along the slice.
    """
    if cut.disc is None:
        raise ValueError("a sagittal slice has no disc; expected an axial one")
    row, column = np.asarray(cut.geometry.row_direction), np.asarray(cut.geometry.column_direction)
    middle = _on_disc(anatomy.frame, cut.disc, CANAL_BEHIND_BODY_MM)
    middle = middle - distance_to_slice_mm(cut.geometry, middle) * cut.geometry.normal
    points = np.tile(middle, (len(u_mm), 1))
    for _ in range(_ITERATIONS):
        place = locate(anatomy.frame, points.astype(np.float32))
        points = points + (u_mm - place.u_mm)[:, np.newaxis] * row + (v_mm - place.v_mm)[:, np.newaxis] * column
    return points


def body_front_mm(anatomy: Anatomy, cut: Cut) -> tuple[Vector, Vector]:
    """Return the plane that touches the bodies from the front: a patient position and a unit vector away from them.

    For an axial slice it passes the front of the nearest disc, straight across the image; for a sagittal slice it is
    the line that touches the lumbar bodies.
    """
    frame = anatomy.frame
    if cut.disc is not None:
        front = -float(anatomy.body_half_depth_mm[cut.disc])
        point = to_patient(frame, disc=cut.disc, d_mm=cut.d_mm, u_mm=0.0, v_mm=front)[0]
        return point, -np.asarray(cut.geometry.column_direction)
    fronts = np.array([_on_disc(frame, disc, -float(anatomy.body_half_depth_mm[disc])) for disc in _lumbar()])
    slope, _ = np.polyfit(fronts[:, 2], fronts[:, 1], 1)
    foremost = fronts[np.argmin(fronts[:, 1] - slope * fronts[:, 2])]
    return foremost, np.array([0.0, -1.0, slope]) / np.hypot(1.0, slope)


def _per_disc(anatomy: Anatomy, protocol: Protocol, rng: np.random.Generator) -> list[list[SliceGeometry]]:
    """Return five stacks, each along a disc."""
    aim_v, side = rng.uniform(*AIM_BEHIND_DISC_MM), _stray(rng, protocol.planning_error * SIDE_SHIFT_MM)
    stacks = []
    for disc in _lumbar():
        count = _count(PER_DISC_HEIGHT_MM + rng.uniform(-2.0, 2.0), protocol)
        middle = _on_disc(anatomy.frame, disc, aim_v) + rng.uniform(-1.5, 1.5) * footwards(anatomy.frame, disc)
        stacks.append(_planned(middle, side, backwards(anatomy.frame, disc), count, protocol, rng))
    return stacks


def _blocks(anatomy: Anatomy, protocol: Protocol, rng: np.random.Generator) -> list[list[SliceGeometry]]:
    """Return one straight stack through all discs, or two that are separated above L4-L5."""
    aim_v, side = rng.uniform(*AIM_BEHIND_DISC_MM), _stray(rng, protocol.planning_error * SIDE_SHIFT_MM)
    discs = _lumbar()
    parts = [discs] if protocol.stacks is Stacks.STRAIGHT else [discs[:-LOWER_BLOCK_DISCS], discs[-LOWER_BLOCK_DISCS:]]
    stacks = []
    for part in parts:
        back = np.mean([backwards(anatomy.frame, disc) for disc in part], axis=0)
        back /= np.linalg.norm(back)
        down = np.array([0.0, back[2], -back[1]])
        aims = np.array([_on_disc(anatomy.frame, disc, aim_v) for disc in part])
        depths = (aims - aims.mean(axis=0)) @ down
        middle = aims.mean(axis=0) + (depths.min() + depths.max()) / 2 * down
        count = _count(float(np.ptp(depths)) + 2 * STRAIGHT_MARGIN_MM, protocol)
        stacks.append(_planned(middle, side, back, count, protocol, rng))
    return stacks


def _planned(
    middle_mm: Vector, side_mm: float, back: Vector, count: int, protocol: Protocol, rng: np.random.Generator
) -> list[SliceGeometry]:
    """Return an axial stack, rotated and tilted by the planning error."""
    error = protocol.planning_error
    wanted_deg = np.degrees(np.arctan2(back[2], back[1]))
    tilt_deg = np.clip(wanted_deg + _stray(rng, error * OBLIQUITY_DEG), -STEEPEST_TILT_DEG, STEEPEST_TILT_DEG)
    row, column = _turned(
        np.array([1.0, 0.0, 0.0]),
        np.array([0.0, np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))]),
        tilt_deg=_stray(rng, error * OBLIQUITY_DEG),
        rotation_deg=_stray(rng, error * ROTATION_DEG),
    )
    return list(_stack(middle_mm + side_mm * np.array([1.0, 0.0, 0.0]), row, column, count, protocol))


def _stack(middle_mm: Vector, row: Vector, column: Vector, count: int, protocol: Protocol) -> Iterator[SliceGeometry]:
    """Yield parallel slices in stacking order around the middle of a stack."""
    onwards = -np.cross(row, column)  # rows go left or back, columns back or down: to the feet, or to the left
    spacing = protocol.field_of_view_mm / protocol.matrix_px
    half = (protocol.matrix_px - 1) / 2 * spacing
    for index in range(count):
        centre = middle_mm + (index - (count - 1) / 2) * protocol.distance_mm * onwards
        yield SliceGeometry(
            position_mm=_vector(centre - half * row - half * column),
            row_direction=_vector(row),
            column_direction=_vector(column),
            spacing_mm=(spacing, spacing),
            size_px=(protocol.matrix_px, protocol.matrix_px),
        )


def _without_crossing(stacks: Sequence[Sequence[SliceGeometry]]) -> Iterator[list[SliceGeometry]]:
    """Yield the stacks without those slices that lie below the first one of the next stack."""
    for stack, following in zip(stacks, [*stacks[1:], None], strict=True):
        end = stacking_position_mm(following[0], Plane.AXIAL) - _CLEARANCE_MM if following else np.inf
        yield [geometry for geometry in stack if stacking_position_mm(geometry, Plane.AXIAL) < end]


def _canal_at_discs(anatomy: Anatomy) -> list[tuple[int, Vector]]:
    """Return each graded disc with the patient position where its plane crosses the middle of the canal."""
    return [
        (disc, _on_disc(anatomy.frame, disc, float(anatomy.body_half_depth_mm[disc]) + CANAL_BEHIND_BODY_MM))
        for disc in _lumbar()
    ]


def _nearest_disc(frame: SpineFrame, geometry: SliceGeometry, aims: list[tuple[int, Vector]]) -> tuple[int, float]:
    """Return the disc that is nearest to a slice in the canal, and how far the slice lies below its plane there."""
    distances = [
        (disc, -float(distance_to_slice_mm(geometry, aim)) / float(footwards(frame, disc) @ geometry.normal))
        for disc, aim in aims
    ]
    return min(distances, key=lambda pair: abs(pair[1]))


def _turned(row: Vector, column: Vector, *, tilt_deg: float, rotation_deg: float) -> tuple[Vector, Vector]:
    """Return the directions of an image tilted about its column direction, then rotated in its own plane."""
    tilt, rotation = np.radians(tilt_deg), np.radians(rotation_deg)
    row = np.cos(tilt) * row + np.sin(tilt) * np.cross(row, column)
    return (
        np.cos(rotation) * row + np.sin(rotation) * column,
        np.cos(rotation) * column - np.sin(rotation) * row,
    )


def _lumbar() -> list[int]:
    return list(range(len(DISCS))[LUMBAR])


def _on_disc(frame: SpineFrame, disc: int, v_mm: float) -> Vector:
    """Return the patient position on the midline of a disc, `v_mm` behind its centre."""
    return np.asarray(to_patient(frame, disc=disc, d_mm=0.0, u_mm=0.0, v_mm=v_mm)[0])


def _count(height_mm: float, protocol: Protocol) -> int:
    return max(3, round(height_mm / protocol.distance_mm))


def _stray(rng: np.random.Generator, deviation: float) -> float:
    return float(np.clip(rng.standard_normal(), -_MOST_DEVIATIONS, _MOST_DEVIATIONS) * deviation)


def _vector(values: Vector) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
