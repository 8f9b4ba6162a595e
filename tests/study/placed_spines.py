"""Spines placed by hand, whose levels follow from where they were put."""

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry, patient_to_pixel
from tfspine.labels import LEVELS, Level, Plane, Region, Side
from tfspine.structures import Detection, SliceReading

T12_L1, S1_S2 = "T12-L1", "S1-S2"
DEPTHS_MM = {T12_L1: 103.0, **dict(zip(LEVELS, (70.0, 36.0, 1.0, -34.0, -64.0), strict=True)), S1_S2: -92.0}
"""Heights z of foramina, 28 to 35 mm apart (`phantom/measures.py`)."""

UNGRADED = (0.25, 0.25, 0.25, 0.25)
Matrix = NDArray[np.float64]


def turned(axis: int, angle_deg: float) -> Matrix:
    """Rotation matrix about one patient axis."""
    sine, cosine = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    first, second = [other for other in range(3) if other != axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def spine(
    found: dict[str, float] | None = None,
    *,
    lowest_z_mm: float = -150.0,
    bend_mm: float = 0.0,
    turn: Matrix | None = None,
    orientation: tuple[int, int] = (1, 1),
    canals: bool = True,
) -> tuple[list[SliceReading], list[tuple[Side, Level | None]]]:
    """Two rows of foramina 18 mm off the midline, three slices each, and canals on axial slices through every disc.

    Args:
        found: score of the foramina at each level that is found.
        lowest_z_mm: where sagittal images end.
        bend_mm: how far to the left of its ends the spine's middle lies: a parabola, vertebrae at right angles to it.
        turn: how the patient, and nothing of the scanner, is turned.
        orientation: signs of the columns' and rows' directions of sagittal images.
        canals: whether there are axial slices.

    Returns:
        The readings, and side and level of each foramen in their order.
    """
    found = found or dict.fromkeys(LEVELS, 0.9)
    turn = np.eye(3) if turn is None else turn
    boxes: dict[float, list[Detection]] = {x: [] for x in np.arange(-60.0, 61.0, 4.0)}
    truth: dict[float, list[tuple[Side, Level | None]]] = {x: [] for x in boxes}
    geometries = {x: sagittal(x, lowest_z_mm, orientation) for x in boxes}
    for level, score in found.items():
        z = DEPTHS_MM[level]
        lean = -2 * bend_mm * z / 80.0**2  # slope of x = bend (1 - (z / 80)^2)
        sideways = np.array([1.0, 0.0, -lean]) / np.hypot(1.0, lean)
        for side in Side:
            for off_mm in (14.0, 18.0, 22.0):
                middle = np.array([bend_mm * (1 - (z / 80.0) ** 2), 20.0 + z**2 / 400.0, z])
                centre = turn @ (middle + (off_mm if side is Side.LEFT else -off_mm) * sideways)
                x = min(boxes, key=lambda place, centre=centre: abs(place - centre[0]))  # type: ignore[misc]
                row, column = patient_to_pixel(geometries[x], centre) + 0.5
                box = (row - 9, column - 7, row + 9, column + 7)
                boxes[x].append(Detection(box, Region.NEURAL_FORAMEN, None, score, UNGRADED))
                truth[x].append((side, Level(level) if level in LEVELS else None))
    readings = [
        SliceReading(f"s{x}", "study", Plane.SAGITTAL, geometries[x], tuple(items)) for x, items in boxes.items()
    ]
    for level in LEVELS if canals else ():
        z = DEPTHS_MM[level] - 6.0
        x, y, z = turn @ np.array([bend_mm * (1 - (z / 80.0) ** 2), 25.0, z])
        canal = Detection((y + 92, x + 90, y + 108, x + 110), Region.CENTRAL_CANAL, None, 0.9, UNGRADED)
        readings += [
            SliceReading(f"a{level}{shift}", "study", Plane.AXIAL, axial(z + shift), (canal,)) for shift in (0, 4)
        ]
    return readings, [item for items in truth.values() for item in items]


def sagittal(x_mm: float, lowest_z_mm: float, orientation: tuple[int, int]) -> SliceGeometry:
    """1 mm pixels from z = 150 down to the lowest and from y = -100 to 150, stored in one of four orientations."""
    across, down = orientation
    height = int(150 - lowest_z_mm)
    y, z = (-100.0 if across > 0 else 150.0), (150.0 if down > 0 else lowest_z_mm)
    return SliceGeometry((x_mm, y, z), (0.0, across, 0.0), (0.0, 0.0, -down), (1.0, 1.0), (height, 250))


def axial(z_mm: float, tilt_deg: float = 0.0, y_mm: float = 20.0) -> SliceGeometry:
    """1 mm pixels; a slice that passes y_mm at z_mm and rises to the back by its tilt."""
    column = np.array([0.0, np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))])
    position = np.array([-100.0, y_mm, z_mm]) - 100.0 * column
    return SliceGeometry(tuple(position), (1.0, 0.0, 0.0), tuple(column), (1.0, 1.0), (200, 200))  # type: ignore[arg-type]
