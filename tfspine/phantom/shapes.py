"""Implicit shapes: functions of coordinates in mm, negative inside, and how they cover what lies beneath.

Distances are those to the surface near it, which is all that the soft edges need. A value changes over one pixel,
so that the edge's partial volume is right without sampling finer than the pixels.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
Size = Field | float


def ellipse(x_mm: Field, y_mm: Field, half_x_mm: Size, half_y_mm: Size) -> Field:
    """Return the distance to an ellipse around the origin, in mm, negative inside."""
    radius = np.sqrt(np.square(x_mm / half_x_mm) + np.square(y_mm / half_y_mm))
    return np.asarray((radius - 1.0) * np.minimum(half_x_mm, half_y_mm), np.float32)


def rounded_block(x_mm: Field, y_mm: Field, half_x_mm: Size, half_y_mm: Size) -> Field:
    """Return the distance to a superellipse of the third power: a block with rounded corners."""
    power = np.abs(x_mm / half_x_mm) ** 3 + np.abs(y_mm / half_y_mm) ** 3
    return np.asarray((np.cbrt(power) - 1.0) * np.minimum(half_x_mm, half_y_mm), np.float32)


def tapered_ellipse(x_mm: Field, y_mm: Field, half_x_mm: Size, half_y_mm: Size, *, taper: float) -> Field:
    """Return the distance to an ellipse that narrows to a point along growing y: the sac's triangle.

    Args:
        x_mm: across.
        y_mm: from front to back.
        half_x_mm: half the width before tapering.
        half_y_mm: half the depth.
        taper: share of the width lost at the back, and gained at the front.
    """
    width = half_x_mm * (1.0 - taper * np.clip(y_mm / half_y_mm, -1.0, 1.0))
    return ellipse(x_mm, y_mm, np.asarray(width, np.float32), half_y_mm)


def slab(x_mm: Field, low_mm: Size, high_mm: Size) -> Field:
    """Return the distance to the space between two values of one coordinate."""
    return np.asarray(np.maximum(low_mm - x_mm, x_mm - high_mm), np.float32)


def both(*distances_mm: Field) -> Field:
    """Return the intersection of shapes."""
    result = distances_mm[0]
    for distance in distances_mm[1:]:
        result = np.maximum(result, distance)
    return result


def either(*distances_mm: Field) -> Field:
    """Return the union of shapes."""
    result = distances_mm[0]
    for distance in distances_mm[1:]:
        result = np.minimum(result, distance)
    return result


def cover(image: Field, distance_mm: Field, signal: Size, *, edge_mm: float) -> None:
    """Lay a shape over `image`, in place: inside it becomes `signal`, across the edge both mix over `edge_mm`."""
    share = np.clip(0.5 - distance_mm / np.float32(edge_mm), 0.0, 1.0)
    image += share * (signal - image)
