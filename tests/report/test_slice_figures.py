"""The drawing of a slice: sides and directions from the geometry, millimetres instead of pixels."""

import base64
import dataclasses
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from report_samples import AXIAL, SAGITTAL, make_slice

from tfspine.colors import GRADE_COLORS
from tfspine.geometry import SliceGeometry
from tfspine.labels import Grade, Plane
from tfspine.report.slice_figures import FigureBox, edge_letters, slice_figure


def letters(svg: str) -> list[str]:
    return re.findall(r'<text class="edge"[^>]*>(\w)</text>', svg)


def numbers(svg: str, tag: str, *names: str) -> list[float]:
    element = re.search(rf"<{tag} [^>]*>", svg)
    assert element
    return [float(re.search(rf'\b{name}="([-\d.]+)"', element[0])[1]) for name in names]


@pytest.mark.parametrize(
    ("geometry", "plane", "expected"),
    [
        (AXIAL, Plane.AXIAL, ["R", "A", "L"]),
        (dataclasses.replace(AXIAL, row_direction=(-1.0, 0.0, 0.0)), Plane.AXIAL, ["L", "A", "R"]),
        (SAGITTAL, Plane.SAGITTAL, ["A", "H", "P"]),
    ],
)
def test_letters_follow_the_geometry(geometry: SliceGeometry, plane: Plane, expected: list[str]) -> None:
    assert letters(slice_figure(make_slice("s1", plane, geometry), [], title="t")) == expected


def test_tilted_slices_keep_their_letters() -> None:
    tilted = dataclasses.replace(AXIAL, column_direction=(0.0, float(np.cos(0.4)), float(-np.sin(0.4))))
    assert edge_letters(tilted) == ("R", "A")


def test_boxes_are_drawn_in_millimetres() -> None:
    # 2 mm between rows and 1 mm between columns: a box of 10 x 10 pixels is 20 mm high and 10 mm wide.
    box = FigureBox((40.0, 50.0, 50.0, 60.0), Grade.MILD, 0.5, "left")
    svg = slice_figure(make_slice("s1", Plane.SAGITTAL, SAGITTAL), [box], title="t")
    assert numbers(svg, "rect", "x", "y", "width", "height") == [50, 80, 10, 20]
    # The window of 84 mm around its centre (90, 55) mm: rows from 48 to 132 mm, columns from 13 to 97 mm.
    assert numbers(svg, "image", "x", "y", "width", "height") == [13, 48, 84, 84]
    assert re.search(r'viewBox="13.00 48.00 84.00 84.00"', svg)


def test_the_pixels_of_the_picture_are_those_that_the_window_shows() -> None:
    slice_ = make_slice("s1", Plane.SAGITTAL, SAGITTAL)
    svg = slice_figure(slice_, [FigureBox((40.0, 50.0, 50.0, 60.0), Grade.MILD, 0.5, "left")], title="t")
    png = base64.b64decode(re.search(r'href="data:image/png;base64,([^"]+)"', svg)[1])
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(png))), slice_.pixels[24:66, 13:97])


@given(st.floats(0, 100), st.floats(0, 100), st.floats(2, 20), st.floats(2, 20))
def test_the_window_holds_the_box_and_stays_on_the_slice(y: float, x: float, height: float, width: float) -> None:
    box = FigureBox((y, x, y + height, x + width), Grade.SEVERE, 0.9, "below")
    svg = slice_figure(make_slice("s1", Plane.AXIAL, AXIAL), [box], title="t")
    left, top, wide, high = map(float, re.search(r'viewBox="([^"]*)"', svg)[1].split())
    assert -0.01 <= left <= x + 0.01
    assert -0.01 <= top <= y + 0.01
    assert x + width - 0.02 <= left + wide <= 120.02
    assert y + height - 0.02 <= top + high <= 120.02


def test_the_worst_box_is_drawn_last_and_so_on_top() -> None:
    boxes = [FigureBox((40, 40, 60, 60), grade, 0.9, "below") for grade in (Grade.SEVERE, Grade.NORMAL)]
    svg = slice_figure(make_slice("s1", Plane.AXIAL, AXIAL), boxes, title="t")
    assert svg.index(GRADE_COLORS[Grade.NORMAL]) < svg.index(GRADE_COLORS[Grade.SEVERE])


def test_titles_are_escaped() -> None:
    assert "<b>" not in slice_figure(make_slice("s1", Plane.AXIAL, AXIAL), [], title='"><b>')
