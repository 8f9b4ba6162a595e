"""Implicit shapes: functions of coordinates in mm, negative inside, and how they cover the tissues beneath.

Distances are exact only near the surface, which is sufficient for soft edges. An edge is one pixel wide, so that its
partial volume is correct without sampling more finely than the pixels.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDING_MM = 0.01
"""Added to the bounds within which shapes are computed, so that rounding errors elsewhere have no effect."""

Field = NDArray[np.floating[Any]]
Size = Field | float


def ellipse(x_mm: Field, y_mm: Field, half_x_mm: Size, half_y_mm: Size) -> Field:
    """Return the distance to an ellipse around the origin, in mm, negative inside."""
    radius = np.sqrt(np.square(x_mm / half_x_mm) + np.square(y_mm / half_y_mm))
    return np.asarray((radius - 1.0) * np.minimum(half_x_mm, half_y_mm), np.float32)


def rounded_block(x_mm: Field, y_mm: Field, half_x_mm: Size, half_y_mm: Size) -> Field:
    """Return the distance to a superellipse of the fourth power: a block with rounded corners."""
    power = np.square(np.square(x_mm / half_x_mm)) + np.square(np.square(y_mm / half_y_mm))
    return np.asarray((np.sqrt(np.sqrt(power)) - 1.0) * np.minimum(half_x_mm, half_y_mm), np.float32)


def tapered_ellipse(x_mm: Field, y_mm: Field, half_x_mm: Size, half_y_mm: Size, *, taper: Size) -> Field:
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


def smoothly_either(first_mm: Field, second_mm: Field, radius_mm: float) -> Field:
    """Return the union of two shapes whose seam is rounded over `radius_mm`."""
    blend = np.clip(0.5 + 0.5 * (second_mm - first_mm) / radius_mm, 0.0, 1.0)
    mixed = second_mm + blend * (first_mm - second_mm) - radius_mm * blend * (1.0 - blend)
    return np.asarray(mixed, np.float32)


def turned(x_mm: Field, y_mm: Field, angle_rad: Size) -> tuple[Field, Field]:
    """Return coordinates along axes turned by an angle from x to y."""
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    return np.asarray(cosine * x_mm + sine * y_mm, np.float32), np.asarray(cosine * y_mm - sine * x_mm, np.float32)


def cover(
    image: Field,
    distance_mm: Field,
    signal: Field | Callable[[NDArray[np.intp]], Field],
    *,
    edge_mm: float,
    opacity: Size = 1.0,
) -> None:
    """Draw a shape over `image`, in place: its inside becomes `signal`, and both mix over `edge_mm` at the edge.

    Args:
        image: float32 [N, 2], water and fat.
        distance_mm: float32 [N], negative inside the shape.
        signal: float32 [2] or [N, 2]; or a function that returns float32 [M, 2] for the M indices that the shape
            touches, to avoid computing the signal everywhere.
        edge_mm: width of the edge.
        opacity: opacity of the shape, 0 to 1, a number or float32 [N].
    """
    touched = np.flatnonzero(distance_mm < edge_mm / 2)
    if not touched.size:
        return
    share = np.clip(0.5 - distance_mm.take(touched, mode="clip") / np.float32(edge_mm), 0.0, 1.0)
    share = share * (opacity if np.ndim(opacity) == 0 else np.asarray(opacity).take(touched, mode="clip"))
    over = signal(touched) if callable(signal) else signal
    part = over if over.ndim == 1 or callable(signal) else over.take(touched, axis=0, mode="clip")
    under = image.take(touched, axis=0, mode="clip")
    put(image, touched, under + share[:, None] * (part - under))


def put(image: Field, indices: NDArray[np.intp], values: Field) -> None:
    """Set some of the signals of an image, float32 [N, 2], in place; copying whole pairs is ten times faster."""
    image.view(np.complex64)[:, 0][indices] = np.ascontiguousarray(values, np.float32).view(np.complex64)[:, 0]


def reach(half_mm: float, edge_mm: float, *, least_half_mm: float) -> float:
    """Return the largest distance from its middle, along a half axis, to which an ellipse or block and its edge reach.

    Distances are (radius - 1) times the smallest half axis, exact only near the surface, so that the edge is wider
    along a longer axis.
    """
    return half_mm * (1.0 + edge_mm / 2 / least_half_mm) + ROUNDING_MM
