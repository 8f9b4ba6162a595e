"""Patient coordinates: every way in which a picture may be stored, hung for reading without moving the patient."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tfspine.geometry import (
    SliceGeometry,
    along_stack_mm,
    box_centre_mm,
    display_geometry,
    distance_to_slice_mm,
    patient_to_pixel,
    pixel_to_patient,
    plane_of,
    side_of_patient,
    stacking_position_mm,
    stacks_of,
    to_display,
)
from tfspine.labels import Plane, Side

Array = NDArray[np.float64]

LEFT, BACK, HEAD = np.eye(3)
"""Where x, y and z grow to (PS3.3 C.7.6.2.1.1)."""


def axis_permutations() -> list[Array]:
    """Return the 48 ways to lay three axes along three others, as signed permutation matrices.

    Their columns are where a volume's columns, rows and slices grow to.
    """
    return [
        np.array([sign * np.eye(3)[axis] for axis, sign in zip(axes, signs, strict=True)]).T
        for axes in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]


def turned(degrees: tuple[float, float, float]) -> Array:
    """Return a rotation about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        first, second = (other for other in range(3) if other != axis)
        step = np.eye(3)
        step[[first, second], [first, second]] = np.cos(angle)
        step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
        matrix = step @ matrix
    return matrix


def stack(
    axes: Array, *, spacing_mm: tuple[float, float], size_px: tuple[int, int], corner_mm: Array, slices: int = 3
) -> list[SliceGeometry]:
    """Return slices 4 mm apart in the order in which they are stored."""
    return [
        SliceGeometry(
            position_mm=tuple((corner_mm + 4.0 * number * axes[:, 2]).tolist()),
            row_direction=tuple(axes[:, 0].tolist()),
            column_direction=tuple(axes[:, 1].tolist()),
            spacing_mm=spacing_mm,
            size_px=size_px,
        )
        for number in range(slices)
    ]


def places(geometry: SliceGeometry) -> Array:
    """Return the patient position of each pixel, by PS3.3 C.7.6.2.1.1 written out: [rows, columns, 3]."""
    rows, columns = np.meshgrid(*(np.arange(size) for size in geometry.size_px), indexing="ij")
    return (
        np.array(geometry.position_mm)
        + columns[..., None] * geometry.spacing_mm[1] * np.array(geometry.row_direction)
        + rows[..., None] * geometry.spacing_mm[0] * np.array(geometry.column_direction)
    )


spacings = st.tuples(st.floats(0.2, 3.0), st.floats(0.2, 3.0))
sizes = st.tuples(st.integers(2, 7), st.integers(2, 7))
corners = st.tuples(*[st.floats(-400.0, 400.0)] * 3).map(np.array)
tilts = st.tuples(*[st.floats(-20.0, 20.0)] * 3)


@pytest.mark.parametrize("axes", axis_permutations(), ids=str)
@settings(max_examples=15)
@given(spacing_mm=spacings, size_px=sizes, corner_mm=corners, tilt=tilts)
def test_hanging_moves_no_pixel_in_the_patient(
    axes: Array, spacing_mm: tuple[float, float], size_px: tuple[int, int], corner_mm: Array, tilt: tuple[float, ...]
) -> None:
    """All 48 axis permutations, tilted as slices are planned: pictures of x, of y and of z stay true when hung."""
    for geometry in stack(turned(tilt) @ axes, spacing_mm=spacing_mm, size_px=size_px, corner_mm=corner_mm):
        plane = plane_of(geometry)
        if plane is None:
            continue
        hung = display_geometry(geometry, plane)
        stored = places(geometry)
        for axis in range(3):
            picture = to_display(geometry, plane, stored[..., axis])
            assert picture.shape == hung.size_px
            np.testing.assert_allclose(picture, places(hung)[..., axis], atol=1e-6)
        assert hung.row_direction @ (LEFT if plane is Plane.AXIAL else BACK) > 0
        assert hung.column_direction @ (BACK if plane is Plane.AXIAL else -HEAD) > 0
        assert display_geometry(hung, plane) == hung  # hung once is hung


@pytest.mark.parametrize("axes", axis_permutations(), ids=str)
def test_slices_are_numbered_by_the_patient_however_they_are_stored(axes: Array) -> None:
    """Straight stacks by hand: the plane is where slices lie across, and the order is the patient's."""
    slices = stack(axes, spacing_mm=(0.8, 0.5), size_px=(4, 6), corner_mm=np.array([5.0, -7.0, 11.0]))
    across = int(np.argmax(np.abs(axes[:, 2])))
    expected = {0: Plane.SAGITTAL, 1: None, 2: Plane.AXIAL}[across]
    assert {plane_of(geometry) for geometry in slices} == {expected}
    if expected is None:
        return
    hung = [display_geometry(geometry, expected) for geometry in slices]
    ((*order,),) = stacks_of(hung, expected)
    middles = [hung[index].centre_mm[across] for index in order]
    assert np.diff(middles).tolist() == ([4.0, 4.0] if expected is Plane.SAGITTAL else [-4.0, -4.0])
    assert [stacking_position_mm(hung[index], expected) for index in order] == [
        pytest.approx(middle if expected is Plane.SAGITTAL else -middle) for middle in middles
    ]


@pytest.mark.parametrize("axes", axis_permutations(), ids=str)
def test_a_point_keeps_its_side(axes: Array) -> None:
    """A mark 20 mm to the patient's left is at the right of every hung axial slice, and left of the midline in mm."""
    (geometry,) = stack(axes, spacing_mm=(2.0, 1.0), size_px=(61, 121), corner_mm=np.zeros(3), slices=1)
    if plane_of(geometry) is not Plane.AXIAL:
        return
    mark_mm = geometry.centre_mm + np.array([20.0, 6.0, 0.0])
    stored = np.zeros(geometry.size_px)
    stored[tuple(np.rint(patient_to_pixel(geometry, mark_mm)).astype(int))] = 1
    picture, hung = to_display(geometry, Plane.AXIAL, stored), display_geometry(geometry, Plane.AXIAL)
    row, column = np.argwhere(picture)[0]
    assert column > (picture.shape[1] - 1) / 2
    assert row > (picture.shape[0] - 1) / 2
    seen_mm = pixel_to_patient(hung, (row, column))
    np.testing.assert_allclose(seen_mm, mark_mm, atol=1.01)  # the mark is drawn at the nearest pixel
    assert side_of_patient(float(seen_mm[0]), float(geometry.centre_mm[0])) is Side.LEFT


POSITIONS = {
    "supine": ([1, 0, 0, 0, 1, 0], (False, False, False)),
    "prone, as measured": ([-1, 0, 0, 0, -1, 0], (False, True, True)),
    "flipped columns": ([-1, 0, 0, 0, 1, 0], (False, True, False)),
    "flipped rows": ([1, 0, 0, 0, -1, 0], (False, False, True)),
    "rows and columns swapped": ([0, 1, 0, 1, 0, 0], (True, False, False)),
}


@pytest.mark.parametrize(("orientation", "turns"), POSITIONS.values(), ids=POSITIONS.keys())
def test_turns_by_hand(orientation: list[int], turns: tuple[bool, bool, bool]) -> None:
    row, column = np.reshape(orientation, (2, 3)).astype(float)
    geometry = SliceGeometry((0.0, 0.0, 0.0), tuple(row), tuple(column), (2.0, 1.0), (2, 3))
    picture = np.arange(6).reshape(2, 3)
    is_transposed, is_mirrored, is_upside_down = turns
    expected = picture.T if is_transposed else picture
    expected = np.fliplr(expected) if is_mirrored else expected
    expected = np.flipud(expected) if is_upside_down else expected
    np.testing.assert_array_equal(to_display(geometry, Plane.AXIAL, picture), expected)
    assert display_geometry(geometry, Plane.AXIAL).spacing_mm == ((1.0, 2.0) if is_transposed else (2.0, 1.0))


@given(
    spacings,
    corners,
    st.tuples(*[st.floats(-90.0, 90.0)] * 3),
    st.integers(3, 7),
    st.tuples(st.floats(0, 511), st.floats(0, 511)),
)
def test_pixels_and_millimetres_are_inverse_to_a_millionth(
    spacing_mm: tuple[float, float],
    corner_mm: Array,
    tilt: tuple[float, float, float],
    digits: int,
    pixel: tuple[float, float],
) -> None:
    """Also where the header keeps three to seven digits of the directions, which are then not quite at right angles."""
    axes = np.round(turned(tilt), digits)
    (geometry,) = stack(axes, spacing_mm=spacing_mm, size_px=(512, 512), corner_mm=corner_mm, slices=1)
    point_mm = pixel_to_patient(geometry, pixel)
    assert patient_to_pixel(geometry, point_mm) == pytest.approx(np.array(pixel), abs=1e-6)
    assert pixel_to_patient(geometry, patient_to_pixel(geometry, point_mm)) == pytest.approx(point_mm, abs=1e-6)
    assert distance_to_slice_mm(geometry, point_mm) == pytest.approx(0.0, abs=1e-6)
    off_mm = point_mm + 7.5 * geometry.normal
    assert patient_to_pixel(geometry, off_mm) == pytest.approx(np.array(pixel), abs=1e-6)
    assert distance_to_slice_mm(geometry, off_mm) == pytest.approx(7.5, abs=1e-6)


def test_a_box_is_centred_half_a_pixel_before_its_corners_say() -> None:
    """Corners (0, 0) to (2, 4) cover rows 0 and 1, columns 0 to 3: their middle is pixel (0.5, 1.5)."""
    geometry = SliceGeometry((10.0, 20.0, 30.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (2.0, 0.5), (10, 10))
    assert box_centre_mm(geometry, (0, 0, 2, 4)).tolist() == [10.75, 21.0, 30.0]


def oblique(tilt_deg: float, *, middle_z_mm: float, slices: int, jitter_deg: float = 0.0) -> list[SliceGeometry]:
    """Return axial slices 4 mm apart through a disc whose plane falls forwards by a tilt, from head to feet."""
    rng = np.random.default_rng(0)
    geometries = []
    for number in range(slices):
        axes = turned((tilt_deg + jitter_deg * rng.uniform(-1, 1), 0.0, 0.0))
        normal = turned((tilt_deg, 0.0, 0.0))[:, 2]
        middle_mm = np.array([0.0, 60.0, middle_z_mm]) + 4.0 * ((slices - 1) / 2 - number) * normal
        corner_mm = middle_mm - 100.0 * axes[:, 0] - 100.0 * axes[:, 1]
        geometries += stack(axes, spacing_mm=(1.0, 1.0), size_px=(201, 201), corner_mm=corner_mm, slices=1)
    return geometries


@given(st.permutations(range(12)))
def test_oblique_stacks_are_taken_apart_however_their_slices_come(order: list[int]) -> None:
    """Three discs, 35 mm apart, tilted as lordosis tilts them; the ends of neighbours reach past each other."""
    true = [
        geometry
        for tilt_deg, z in ((-18.0, 35.0), (0.0, 0.0), (22.0, -35.0))
        for geometry in oblique(tilt_deg, middle_z_mm=z, slices=4)
    ]
    found = stacks_of([true[index] for index in order], Plane.AXIAL)
    assert [[order[place] for place in one] for one in found] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_slices_turned_by_a_fraction_of_a_degree_stay_one_stack_of_equal_distances() -> None:
    jittered = oblique(10.0, middle_z_mm=0.0, slices=9, jitter_deg=0.3)
    shuffled = [jittered[index] for index in (3, 8, 0, 5, 1, 7, 2, 6, 4)]
    ((*order,),) = stacks_of(shuffled, Plane.AXIAL)
    ordered = [shuffled[index] for index in order]
    assert ordered == jittered
    assert np.diff(along_stack_mm(ordered, Plane.AXIAL)) == pytest.approx(np.full(8, 4.0), abs=0.01)


def test_two_blocks_with_a_gap_are_one_stack_in_order() -> None:
    """Parallel blocks cannot be told from one stack that lacks slices; the gap shows in the distances."""
    blocks = oblique(0.0, middle_z_mm=0.0, slices=2) + oblique(0.0, middle_z_mm=40.0, slices=2)
    ((*order,),) = stacks_of(blocks, Plane.AXIAL)
    assert order == [2, 3, 0, 1]
    assert np.diff(along_stack_mm([blocks[index] for index in order], Plane.AXIAL)).tolist() == [4.0, 36.0, 4.0]


@pytest.mark.parametrize(("tilt_deg", "expected"), [(0, Plane.AXIAL), (44, Plane.AXIAL), (46, None), (90, None)])
def test_a_slice_tilted_towards_the_coronal_plane_is_axial_up_to_45_degrees(
    tilt_deg: float, expected: Plane | None
) -> None:
    assert plane_of(oblique(tilt_deg, middle_z_mm=0.0, slices=1)[0]) is expected
