"""Patient coordinates of an image slice, in NumPy.

The frame is DICOM's (PS3.3 C.7.6.2.1.1): millimetres, x grows to the patient's left, y to the back, z to the head.
Pixel coordinates are (row, column), float, with the centre of the first pixel at (0, 0) as in DICOM. Boxes count
from pixel *corners* (`boxes.py`), half a pixel further: corner coordinates are pixel coordinates plus 0.5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.labels import Plane, Side

Vector = tuple[float, float, float]

AXIS_OF_PLANE = {Plane.SAGITTAL: 0, Plane.AXIAL: 2}
"""The patient axis along which a plane's slices are stacked."""

MAXIMUM_TILT_DEG = 45.0
"""Slices tilted further than this from a plane no longer belong to it: past it another plane is nearer."""


@dataclass(frozen=True)
class SliceGeometry:
    """Where one image slice lies in the patient.

    `row_direction` points along growing columns and `column_direction` along growing rows: the first and the second
    half of ImageOrientationPatient. `position_mm` is ImagePositionPatient, the centre of the first pixel.
    `spacing_mm` is PixelSpacing: distance between rows, then between columns. `size_px` is (rows, columns).
    """

    position_mm: Vector
    row_direction: Vector
    column_direction: Vector
    spacing_mm: tuple[float, float]
    size_px: tuple[int, int]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the slice, float64 [3]: row direction x column direction."""
        return np.cross(self.row_direction, self.column_direction)

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Patient position of the middle of the slice, float64 [3]."""
        rows, columns = self.size_px
        return pixel_to_patient(self, [(rows - 1) / 2, (columns - 1) / 2])


def pixel_to_patient(geometry: SliceGeometry, pixels_rc: ArrayLike) -> NDArray[np.float64]:
    """Return patient positions in mm, float64 [..., 3], of pixel coordinates [..., 2] (PS3.3 equation C.7.6.2.1-1)."""
    pixels = np.asarray(pixels_rc, np.float64)
    down, across = _steps_mm(geometry)
    return np.asarray(geometry.position_mm) + pixels[..., :1] * down + pixels[..., 1:] * across


def patient_to_pixel(geometry: SliceGeometry, points_mm: ArrayLike) -> NDArray[np.float64]:
    """Return pixel coordinates, float64 [..., 2], of points [..., 3] dropped at right angles onto the slice."""
    offset = np.asarray(points_mm, np.float64) - np.asarray(geometry.position_mm)
    row = offset @ np.asarray(geometry.column_direction) / geometry.spacing_mm[0]
    column = offset @ np.asarray(geometry.row_direction) / geometry.spacing_mm[1]
    return np.stack([row, column], axis=-1)


def distance_to_slice_mm(geometry: SliceGeometry, points_mm: ArrayLike) -> NDArray[np.float64]:
    """Return the signed distance along the slice normal, float64 [...], of points [..., 3]."""
    return np.asarray((np.asarray(points_mm, np.float64) - np.asarray(geometry.position_mm)) @ geometry.normal)


def box_centre_mm(geometry: SliceGeometry, box_yxyx_px: ArrayLike) -> NDArray[np.float64]:
    """Return the patient position, float64 [..., 3], of the centre of boxes [..., 4]."""
    box = np.asarray(box_yxyx_px, np.float64)
    return pixel_to_patient(geometry, (box[..., :2] + box[..., 2:]) / 2 - 0.5)


def plane_of(geometry: SliceGeometry) -> Plane | None:
    """Return the plane to which the slice is nearest, or None where it is coronal or tilted beyond 45 degrees."""
    normal = np.abs(geometry.normal)
    for plane, axis in AXIS_OF_PLANE.items():
        if normal[axis] > np.cos(np.radians(MAXIMUM_TILT_DEG)):
            return plane
    return None


def side_of_patient(x_mm: float, midline_x_mm: float) -> Side:
    """Return the patient's side on which x lies: x grows to the left (PS3.3 C.7.6.2.1.1)."""
    return Side.LEFT if x_mm > midline_x_mm else Side.RIGHT


def stacking_position_mm(geometry: SliceGeometry, plane: Plane) -> float:
    """Return the patient coordinate by which a plane's slices are ordered, growing with the slice number.

    Axial slices are numbered from head to feet (minus z of the centre), sagittal ones from the patient's right to
    left (x of the centre).
    """
    coordinate = float(geometry.centre_mm[AXIS_OF_PLANE[plane]])
    return -coordinate if plane is Plane.AXIAL else coordinate


def _steps_mm(geometry: SliceGeometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the steps in mm of one row down and of one column across."""
    down = np.asarray(geometry.column_direction) * geometry.spacing_mm[0]
    across = np.asarray(geometry.row_direction) * geometry.spacing_mm[1]
    return down, across
