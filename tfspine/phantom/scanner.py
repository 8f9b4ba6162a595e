"""Where the slices lie, and what a scanner makes of the person there."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry, pixel_to_patient
from tfspine.labels import LEVELS, Plane
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.body import draw_body
from tfspine.phantom.frame import backwards, centre_mm, footwards, locate
from tfspine.phantom.tissue import signals

SLICE_THICKNESS_MM = 4.0
SLICE_DISTANCE_MM = 4.4
SAGITTAL_SLICES = 14
AIM_BEHIND_DISC_MM = (6.0, 11.0)
"""The middle of axial images. Further back, the centres of two steeply tilted stacks would change places."""

SAMPLES_THROUGH_SLICE = 2
"""Samples averaged over the thickness of a slice: partial volume across it."""

NOISE = 0.012
"""Standard deviation of each channel of the Rician noise, relative to the signal of pure water."""

STORED_RANGE = 2400.0
"""Stored value of a signal of 1: bright fluid stays within 12 bits."""


@dataclass(frozen=True)
class Protocol:
    """How one series is measured; times in ms, field of view in mm."""

    plane: Plane
    repetition_time_ms: float
    echo_time_ms: float
    field_of_view_mm: float
    matrix_px: int


@dataclass(frozen=True)
class Cut:
    """One slice to be measured: its geometry, and for an axial one the disc it belongs to and how far it lies off."""

    geometry: SliceGeometry
    disc: int | None
    d_mm: float


def axial_cuts(anatomy: Anatomy, protocol: Protocol, rng: np.random.Generator) -> Iterator[Cut]:
    """Yield five stacks, each parallel to a disc, from head to feet."""
    frame = anatomy.frame
    aim_v = rng.uniform(*AIM_BEHIND_DISC_MM)
    for disc in range(len(LEVELS)):
        count = int(rng.integers(5, 7))
        first = -(count - 1) / 2 * SLICE_DISTANCE_MM + rng.uniform(-1.5, 1.5)
        for index in range(count):
            d_mm = first + index * SLICE_DISTANCE_MM
            middle = centre_mm(frame, disc) + d_mm * footwards(frame, disc) + aim_v * backwards(frame, disc)
            yield Cut(_around(middle, (1.0, 0.0, 0.0), backwards(frame, disc), protocol), disc, d_mm)


def sagittal_cuts(anatomy: Anatomy, protocol: Protocol, rng: np.random.Generator) -> Iterator[Cut]:
    """Yield parallel slices from the patient's right to left, across both rows of foramina."""
    frame = anatomy.frame
    y, z = frame.centres_yz_mm.mean(axis=0)
    first = frame.midline_x_mm - (SAGITTAL_SLICES - 1) / 2 * SLICE_DISTANCE_MM + rng.uniform(-1.5, 1.5)
    shift = rng.uniform(-8.0, 8.0, 2)
    for index in range(SAGITTAL_SLICES):
        middle = np.array([first + index * SLICE_DISTANCE_MM, y + 15.0 + shift[0], z + shift[1]])
        yield Cut(_around(middle, (0.0, 1.0, 0.0), np.array([0.0, 0.0, -1.0]), protocol), None, 0.0)


def scan(anatomy: Anatomy, cut: Cut, protocol: Protocol, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the stored pixels of one slice, uint16 [rows, columns] within 12 bits."""
    rows, columns = cut.geometry.size_px
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
    points = pixel_to_patient(cut.geometry, grid).astype(np.float32).reshape(-1, 3)
    normal = cut.geometry.normal.astype(np.float32)
    table = signals(repetition_time_ms=protocol.repetition_time_ms, echo_time_ms=protocol.echo_time_ms)
    edge_mm = max(cut.geometry.spacing_mm)
    total = np.zeros(len(points), np.float32)
    for sample in range(SAMPLES_THROUGH_SLICE):
        offset = SLICE_THICKNESS_MM * ((sample + 0.5) / SAMPLES_THROUGH_SLICE - 0.5)
        place = locate(anatomy.frame, points + np.float32(offset) * normal)
        total += draw_body(anatomy, place, table, edge_mm=edge_mm)
    image = (total / SAMPLES_THROUGH_SLICE).reshape(rows, columns) * _coil_shading(cut.geometry, points)
    noisy = np.hypot(image + rng.normal(0, NOISE, image.shape), rng.normal(0, NOISE, image.shape))
    return np.clip(np.rint(noisy * STORED_RANGE), 0, 4095).astype(np.uint16)


def _around(
    middle: NDArray[np.float64], row: tuple[float, float, float], column: NDArray[np.float64], protocol: Protocol
) -> SliceGeometry:
    spacing = protocol.field_of_view_mm / protocol.matrix_px
    half = (protocol.matrix_px - 1) / 2 * spacing
    position = middle - half * np.asarray(row) - half * column
    return SliceGeometry(
        position_mm=(float(position[0]), float(position[1]), float(position[2])),
        row_direction=row,
        column_direction=(float(column[0]), float(column[1]), float(column[2])),
        spacing_mm=(spacing, spacing),
        size_px=(protocol.matrix_px, protocol.matrix_px),
    )


def _coil_shading(geometry: SliceGeometry, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the receive profile of a spine coil under the back: brighter there, float32 [rows, columns]."""
    depth = points[:, 1] - points[:, 1].max()
    return np.asarray(0.55 + 0.6 * np.exp(depth / 70.0), np.float32).reshape(geometry.size_px)
