"""Smooth factors on an image: coil sensitivity, saturation band, gradient corners, bias.

Points are patient positions, float32 [..., 3] in mm; a factor has the same shape without the last axis.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry
from tfspine.phantom.artefacts import Artefacts, Coil, Saturation
from tfspine.phantom.kspace import Image

COIL_ROWS = 7
COIL_HALF_DISTANCE_MM = 55.0
"""Each row of a spine array has two elements, this far to either side of the table's middle."""

COARSE_PX = 8
"""The coil's profile is computed at every eighth pixel and interpolated linearly in between."""

EDGE_OF_LOGISTIC = 4.394
"""Width from 0.1 to 0.9 of 1 / (1 + exp(-x)): 2 ln 9."""

BIAS_WAVES = ((0.5, 0.0), (0.0, 0.5), (0.5, 0.5), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
"""Periods of the bias per image along (rows, columns)."""


def points_of(geometry: SliceGeometry) -> NDArray[np.float32]:
    """Return the patient positions of all pixels, float32 [rows, columns, 3]."""
    rows, columns = geometry.size_px
    return _points_at(geometry, np.arange(rows), np.arange(columns))


def coil_sensitivity(
    coil: Coil, geometry: SliceGeometry, *, skin_mm: NDArray[np.float64], reference_mm: NDArray[np.float64]
) -> Image:
    """Return the array's sensitivity over a slice, float32 [rows, columns], 1 at the depth of a reference point.

    The field on the axis of a loop of radius R falls as R^3 / (R^2 + r^2)^(3/2) (Biot and Savart); the elements are
    combined by the root of the sum of squares (Roemer 1990, Magn Reson Med 16:192-225).

    Args:
        coil: the array.
        geometry: the slice.
        skin_mm: patient position [3] of the skin where the back touches the table.
        reference_mm: patient position [3] at which the sensitivity between the elements is 1.
    """
    rows, columns = geometry.size_px
    row_nodes, column_nodes = (np.linspace(0, length - 1, length // COARSE_PX + 2) for length in (rows, columns))
    coarse = _loops(coil, _points_at(geometry, row_nodes, column_nodes), skin_mm)
    across = np.asarray(skin_mm) * [1.0, 0.0, 1.0] + np.asarray(reference_mm) * [0.0, 1.0, 0.0]
    coarse = coarse / _loops(coil, np.asarray(across, np.float32), skin_mm)
    by_row = _between(row_nodes, rows) @ coarse.astype(np.float32)
    return np.asarray(by_row @ _between(column_nodes, columns).T, np.float32)


def saturation_factor(
    saturation: Saturation,
    points_mm: NDArray[np.float32],
    *,
    front_mm: NDArray[np.float64],
    forwards: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the share of the signal that remains at points after saturation by the band.

    Args:
        saturation: the band.
        points_mm: the points.
        front_mm: a patient position [3] on the plane that touches the bodies from the front.
        forwards: unit vector [3] across that plane, away from the spine.
    """
    direction = np.asarray(forwards, np.float32)
    depth = points_mm @ direction - np.float32(np.dot(front_mm, forwards) + saturation.gap_mm)
    steep = np.float32(EDGE_OF_LOGISTIC / saturation.edge_mm)
    inside = _logistic(depth * steep) * _logistic((np.float32(saturation.thickness_mm) - depth) * steep)
    return np.asarray(1.0 - (1.0 - saturation.left) * inside, np.float32)


def corner_mask(artefacts: Artefacts, size_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels were measured, bool [rows, columns].

    Scanners correct the distortion of their gradients far from the centre: a pixel then comes from further out and,
    near the edge, from outside the measured area, which leaves rounded dark corners.
    """
    rows, columns = size_px
    y = np.linspace(-1.0, 1.0, rows)[:, np.newaxis] - artefacts.centre[0]
    x = np.linspace(-1.0, 1.0, columns)[np.newaxis, :] - artefacts.centre[1]
    stretch = artefacts.corner * (np.square(x) + np.square(y))
    is_inside = (np.abs(y * (1.0 + stretch) + artefacts.centre[0]) <= 1.0) & (
        np.abs(x * (1.0 + stretch) + artefacts.centre[1]) <= 1.0
    )
    return np.asarray(is_inside, np.bool_)


def bias_field(artefacts: Artefacts, size_px: tuple[int, int]) -> Image:
    """Return a smooth positive factor, float32 [rows, columns], with a mean near 1."""
    rows, columns = (np.arange(length) / length for length in size_px)
    total = np.zeros(size_px, np.float32)
    for amplitude, (down, across) in zip(artefacts.bias, BIAS_WAVES, strict=False):
        total += amplitude * np.outer(np.cos(2 * np.pi * down * rows), np.cos(2 * np.pi * across * columns))
    return np.asarray(np.exp(total), np.float32)


def _points_at(
    geometry: SliceGeometry, rows: NDArray[np.integer[Any] | np.floating[Any]], columns: NDArray[Any]
) -> NDArray[np.float32]:
    down = np.asarray(geometry.column_direction, np.float64) * geometry.spacing_mm[0]
    across = np.asarray(geometry.row_direction, np.float64) * geometry.spacing_mm[1]
    lines = (np.asarray(geometry.position_mm) + rows[:, np.newaxis] * down).astype(np.float32)
    return np.asarray(lines[:, np.newaxis] + (columns[:, np.newaxis] * across).astype(np.float32), np.float32)


def _loops(coil: Coil, points_mm: NDArray[np.float32], skin_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.zeros(points_mm.shape[:-1])
    behind = np.square(points_mm[..., 1] - (skin_mm[1] + coil.behind_mm))
    for row in range(COIL_ROWS):
        z = skin_mm[2] + coil.offset_mm + (row - (COIL_ROWS - 1) / 2) * coil.pitch_mm
        for x in (skin_mm[0] - COIL_HALF_DISTANCE_MM, skin_mm[0] + COIL_HALF_DISTANCE_MM):
            distance = behind + np.square(points_mm[..., 0] - x) + np.square(points_mm[..., 2] - z)
            squares += (1.0 + distance / coil.radius_mm**2) ** -3
    return np.asarray(np.sqrt(squares))


def _between(nodes: NDArray[np.float64], length: int) -> NDArray[np.float32]:
    """Return the matrix [length, nodes] of linear interpolation from nodes to every pixel."""
    place = np.arange(length) / (nodes[1] - nodes[0])
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(place[:, np.newaxis] - np.arange(len(nodes)))), np.float32)


def _logistic(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(-x, -30.0, 30.0))), np.float32)
