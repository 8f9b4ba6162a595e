"""One slice with its boxes as SVG: the pixels are an inline PNG, boxes and text stay sharp at any size.

The drawing is in millimetres, so that unequal row and column spacing come out right and text has the same size in every
figure. It shows a window around the boxes, not the whole slice.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from tfspine.colors import GRADE_COLORS, OUTLINE
from tfspine.geometry import SliceGeometry
from tfspine.labels import Grade, Plane
from tfspine.structures import Box, SliceImage

WINDOW_MM: dict[Plane, tuple[float, float]] = {Plane.AXIAL: (84.0, 84.0), Plane.SAGITTAL: (84.0, 84.0)}
"""Height and width shown of a slice."""

MARGIN_MM = 16.0
"""Margin around the boxes where they need a larger window; it holds the text."""

UNITS = 84.0
"""Height of a window in units of the drawing, which scales lines and text."""

LINE_MM: dict[Grade, float] = {Grade.NORMAL: 0.45, Grade.MILD: 0.6, Grade.MODERATE: 0.8, Grade.SEVERE: 1.0}
"""Line width increases with the grade, and the grade is written beside each box."""

OUTLINE_MM = 0.35
"""Width of the dark edge on either side of the coloured line, so that white is visible on bright fat."""

_SIDE_LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Letters of the negative and positive end of the patient's axes (DICOM PS3.3 C.7.6.1.1.1)."""


@dataclass(frozen=True)
class FigureBox:
    """A box with the text beside it; `text_side` is where: below, left or right."""

    box: Box
    grade: Grade
    probability: float
    text_side: str


def slice_figure(slice_: SliceImage, boxes: Sequence[FigureBox], *, title: str) -> Markup:
    """Return an ``<svg>`` of one slice.

    Args:
        slice_: the slice.
        boxes: boxes in pixels of the slice.
        title: text for screen readers and on hovering.
    """
    geometry = slice_.geometry
    top, left, height, width = _window_mm(slice_, [item.box for item in boxes])
    unit = height / UNITS
    pixels, place_mm = _cut(slice_, top, left, height, width)
    parts = [
        Markup(
            '<svg class="slice {}" viewBox="{:.2f} {:.2f} {:.2f} {:.2f}" role="img" aria-label="{}"><title>{}</title>'
            '<image href="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" preserveAspectRatio="none"/>'
        ).format(slice_.plane, left, top, width, height, title, title, png_uri(pixels), *place_mm)
    ]
    parts += [_drawn_box(item, geometry, unit) for item in sorted(boxes, key=lambda item: item.grade)]
    parts += _orientation(geometry, top, left, width, unit)
    return Markup("").join([*parts, Markup("</svg>")])


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """Return uint8 [H, W] or [H, W, 3] as a ``data:`` address of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def edge_letters(geometry: SliceGeometry) -> tuple[str, str]:
    """Return the letters of the patient's direction at the image's left edge and top edge.

    The axis closest to the direction of the edge decides: R, L, A, P, H or F.
    """
    return _letter(-np.asarray(geometry.row_direction)), _letter(-np.asarray(geometry.column_direction))


def _letter(direction: NDArray[np.float64]) -> str:
    axis = int(np.abs(direction).argmax())
    return _SIDE_LETTERS[axis][int(direction[axis] > 0)]


def _window_mm(slice_: SliceImage, boxes: Sequence[Box]) -> tuple[float, float, float, float]:
    """Return top, left, height and width in mm of a window around the boxes, within the slice, in its proportions."""
    geometry = slice_.geometry
    size = np.array(WINDOW_MM[slice_.plane])
    extent = np.multiply(geometry.size_px, geometry.spacing_mm)
    centre = extent / 2
    if boxes:
        corners = np.array(boxes, np.float64).reshape(-1, 2, 2) * geometry.spacing_mm
        low, high = corners[:, 0].min(axis=0), corners[:, 1].max(axis=0)
        centre = (low + high) / 2
        size = size * max(1.0, *((high - low + 2 * MARGIN_MM) / size))
    size = size * min(1.0, *(extent / size))
    start = np.clip(centre - size / 2, 0.0, extent - size)
    return float(start[0]), float(start[1]), float(size[0]), float(size[1])


def _cut(
    slice_: SliceImage, top: float, left: float, height: float, width: float
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """Return the pixels that the window shows, and where they lie: x, y, width and height in mm."""
    spacing = np.array(slice_.geometry.spacing_mm)
    # Edges are first rounded to a thousandth of a pixel, because the window mostly ends where the slice does.
    low = np.floor(np.round(np.array([top, left]) / spacing, 3)).astype(int)
    high = np.ceil(np.round(np.array([top + height, left + width]) / spacing, 3)).astype(int)
    (y, x), (size_y, size_x) = low * spacing, (high - low) * spacing
    return slice_.pixels[low[0] : high[0], low[1] : high[1]], (float(x), float(y), float(size_x), float(size_y))


def _drawn_box(item: FigureBox, geometry: SliceGeometry, unit: float) -> Markup:
    """Return the box over a dark line, and the text; ``unit`` scales both with the window."""
    ymin, xmin, ymax, xmax = np.array(item.box) * np.tile(geometry.spacing_mm, 2)
    color, line = GRADE_COLORS[item.grade], LINE_MM[item.grade]
    x, y, anchor = {
        "below": ((xmin + xmax) / 2, ymax + 4.8 * unit, "middle"),
        "left": (xmin - 1.6 * unit, (ymin + ymax) / 2 - 0.6 * unit, "end"),
        "right": (xmax + 1.6 * unit, (ymin + ymax) / 2 - 0.6 * unit, "start"),
    }[item.text_side]
    return Markup(
        '<path d="M{:.2f} {:.2f}h{:.2f}v{:.2f}h-{:.2f}z" fill="none" stroke="{}" stroke-width="{:.2f}"></path>'
        '<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" rx="{:.2f}" fill="none" stroke="{}"'
        ' stroke-width="{:.2f}"/>'
        '<text class="label" text-anchor="{}" font-size="{:.2f}" stroke-width="{:.2f}" fill="{}">'
        '<tspan x="{:.2f}" y="{:.2f}">{}</tspan><tspan x="{:.2f}" y="{:.2f}">{:.0%}</tspan></text>'
    ).format(
        *(xmin, ymin, xmax - xmin, ymax - ymin, xmax - xmin, OUTLINE, (line + 2 * OUTLINE_MM) * unit),
        *(xmin, ymin, xmax - xmin, ymax - ymin, 0.8 * unit, color, line * unit),
        *(anchor, 4.0 * unit, 0.9 * unit, color),
        *(x, y, item.grade.word, x, y + 4.2 * unit, item.probability),
    )


def _orientation(geometry: SliceGeometry, top: float, left: float, width: float, unit: float) -> list[Markup]:
    """Return the letters of the left, upper and right edges, along the top, where they cover the least."""
    at_left, at_top = edge_letters(geometry)
    opposite = {letter: other for pair in _SIDE_LETTERS for letter, other in (pair, pair[::-1])}
    places = (
        (at_left, left + 4.5 * unit),
        (at_top, left + width / 2),
        (opposite[at_left], left + width - 4.5 * unit),
    )
    return [
        Markup(
            '<text class="edge" x="{:.2f}" y="{:.2f}" text-anchor="middle" font-size="{:.2f}" stroke-width="{:.2f}">'
            "{}</text>"
        ).format(x, top + 6.5 * unit, 5 * unit, 0.9 * unit, letter)
        for letter, x in places
    ]
