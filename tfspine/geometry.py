"""Patient coordinates of an image slice, in NumPy.

The frame is DICOM's (PS3.3 C.7.6.2.1.1): millimetres, x grows to the patient's left, y to the back, z to the head.
Pixel coordinates are (row, column), float, with the centre of the first pixel at (0, 0) as in DICOM. Boxes count
from pixel *corners* (`boxes.py`), half a pixel further: corner coordinates are pixel coordinates plus 0.5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.labels import Plane, Side

T = TypeVar("T", bound=np.generic)

Vector = tuple[float, float, float]

AXIS_OF_PLANE = {Plane.SAGITTAL: 0, Plane.AXIAL: 2}
"""The patient axis along which a plane's slices are stacked."""

DIRECTION_OF_NUMBERS = {Plane.SAGITTAL: 1.0, Plane.AXIAL: -1.0}
"""Whether slice numbers grow with that axis: from the patient's right to left, and from head to feet."""

DISPLAY_AXES = {
    Plane.AXIAL: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    Plane.SAGITTAL: ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}
"""Directions in which columns and rows grow in radiological display: an axial slice has the patient's left at the
image's right and the front on top, a sagittal slice has the front at the image's left and the head on top."""

PARALLEL_DEG = 1.0
"""Slices whose normals differ by less belong to one stack; scanners round directions, and plan in whole degrees."""

MAXIMUM_TILT_DEG = 45.0
"""Slices tilted further than this from a plane do not belong to it: beyond it another plane is nearer."""


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
        (a, b, c), (d, e, f) = self.row_direction, self.column_direction
        # np.cross is many times slower on three numbers.
        across = np.array([b * f - c * e, c * d - a * f, a * e - b * d])
        # Headers round the directions, so that they are not quite unit vectors.
        return np.asarray(across / np.linalg.norm(across))

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
    """Return pixel coordinates, float64 [..., 2], of points [..., 3] projected orthogonally onto the slice.

    The exact inverse of `pixel_to_patient`, even if rounding made the directions not quite orthogonal.
    """
    offset = np.asarray(points_mm, np.float64) - np.asarray(geometry.position_mm)
    return np.asarray(offset @ np.linalg.pinv(np.stack(_steps_mm(geometry))))


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


def display_geometry(geometry: SliceGeometry, plane: Plane) -> SliceGeometry:
    """Return the geometry of a slice after it was turned by `to_display`."""
    is_transposed, is_mirrored, is_upside_down = _turns(geometry, plane)
    if is_transposed:
        geometry = replace(
            geometry,
            row_direction=geometry.column_direction,
            column_direction=geometry.row_direction,
            spacing_mm=geometry.spacing_mm[::-1],
            size_px=geometry.size_px[::-1],
        )
    rows, columns = geometry.size_px
    first = [rows - 1 if is_upside_down else 0, columns - 1 if is_mirrored else 0]
    return replace(
        geometry,
        position_mm=_vector(pixel_to_patient(geometry, first)),
        row_direction=_vector(np.multiply(geometry.row_direction, -1 if is_mirrored else 1)),
        column_direction=_vector(np.multiply(geometry.column_direction, -1 if is_upside_down else 1)),
    )


def to_display(geometry: SliceGeometry, plane: Plane, pixels: NDArray[T]) -> NDArray[T]:
    """Return a slice's pixels in radiological display (`DISPLAY_AXES`), by transposing and flipping only.

    With `display_geometry` every pixel keeps its position in the patient. A stored image may have any of eight
    orientations, and models trained on displayed images would confuse its left and right recess.

    Args:
        geometry: where the stored slice lies.
        plane: the plane that it is nearest to (`plane_of`).
        pixels: [rows, columns] as stored.
    """
    is_transposed, is_mirrored, is_upside_down = _turns(geometry, plane)
    hung = pixels.T if is_transposed else pixels
    return hung[:: -1 if is_upside_down else 1, :: -1 if is_mirrored else 1]


def side_of_patient(x_mm: float, midline_x_mm: float) -> Side:
    """Return the patient's side on which x lies: x grows to the left (PS3.3 C.7.6.2.1.1)."""
    return Side.LEFT if x_mm > midline_x_mm else Side.RIGHT


def stack_middle_x_mm(geometries: Iterable[SliceGeometry]) -> float:
    """Return x of the middle of a sagittal stack, which is near the patient's midline; 0 without slices."""
    x_mm = [float(geometry.centre_mm[0]) for geometry in geometries]
    return (min(x_mm) + max(x_mm)) / 2 if x_mm else 0.0


def stacks_of(geometries: Sequence[SliceGeometry], plane: Plane) -> list[list[int]]:
    """Return the stacks of parallel slices of a series, as indices in the order in which slices are numbered.

    Axial slices are numbered from head to feet, sagittal ones from the patient's right to left: within a stack along
    its normal, and stacks in the order of their centres. InstanceNumber is ignored, as vendors number differently.
    """
    stacks: list[list[int]] = []
    normals = [geometry.normal for geometry in geometries]
    for index, normal in enumerate(normals):
        for stack in stacks:
            if np.dot(normals[stack[0]], normal) > np.cos(np.radians(PARALLEL_DEG)):
                stack.append(index)
                break
        else:
            stacks.append([index])
    ordered = [_sorted_along(stack, along_stack_mm([geometries[index] for index in stack], plane)) for stack in stacks]

    def middle_mm(stack: Sequence[int]) -> float:
        return float(np.mean([stacking_position_mm(geometries[index], plane) for index in stack]))

    return sorted(ordered, key=middle_mm)


def along_stack_mm(stack: Sequence[SliceGeometry], plane: Plane) -> NDArray[np.float64]:
    """Return the positions of a stack's slices along its normal, float64 [slices], growing with the slice number.

    The normal is that of the first slice, and a slice's position is that of its centre: for slices rotated by half a
    degree against one another, their own corners and normals would give positions that are off by millimetres.
    """
    normal = stack[0].normal
    towards = np.sign(normal[AXIS_OF_PLANE[plane]]) * DIRECTION_OF_NUMBERS[plane]
    centres_mm = np.array([geometry.centre_mm for geometry in stack])
    return np.asarray(centres_mm @ normal * towards)


def stacking_position_mm(geometry: SliceGeometry, plane: Plane) -> float:
    """Return the patient coordinate of a slice's centre along its plane's axis, growing with the slice number.

    Minus z for axial slices (from head to feet), x for sagittal ones (from the patient's right to left).
    """
    return DIRECTION_OF_NUMBERS[plane] * float(geometry.centre_mm[AXIS_OF_PLANE[plane]])


def _sorted_along(stack: Sequence[int], positions_mm: ArrayLike) -> list[int]:
    return [stack[place] for place in np.argsort(positions_mm, kind="stable")]


def _turns(geometry: SliceGeometry, plane: Plane) -> tuple[bool, bool, bool]:
    """Return whether radiological display needs a transpose, then a flip of the columns, then one of the rows."""
    across, down = DISPLAY_AXES[plane]
    along_rows, along_columns = (
        np.array([np.dot(direction, axis) for axis in (across, down)])
        for direction in (geometry.row_direction, geometry.column_direction)
    )
    as_it_is = abs(along_rows[0]) + abs(along_columns[1])
    is_transposed = abs(along_rows[1]) + abs(along_columns[0]) > as_it_is
    if is_transposed:
        along_rows, along_columns = along_columns, along_rows
    return bool(is_transposed), bool(along_rows[0] < 0), bool(along_columns[1] < 0)


def _vector(values: ArrayLike) -> Vector:
    x, y, z = (float(value) + 0.0 for value in np.asarray(values))  # adding 0 turns -0 into 0
    return x, y, z


def _steps_mm(geometry: SliceGeometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the steps in mm of one row down and of one column across."""
    down = np.asarray(geometry.column_direction) * geometry.spacing_mm[0]
    across = np.asarray(geometry.row_direction) * geometry.spacing_mm[1]
    return down, across
