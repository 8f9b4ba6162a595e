"""Angles of spines whose course is known in closed form."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.geometry import box_centre_mm
from tfspine.labels import Level, Plane, Region, Side
from tfspine.phantom.anatomy import draw_anatomy
from tfspine.phantom.cuts import axial_cuts
from tfspine.phantom.frame import SpineFrame
from tfspine.phantom.protocol import Protocol
from tfspine.phantom.truth import annotate
from tfspine.study.curve import FoundRegion, coronal_angle_deg, midline_places_mm

FRONT = np.array([0.0, -1.0, 0.0])
HEIGHTS = np.linspace(-70.0, 70.0, 30)


def course(x_mm: np.ndarray) -> list[np.ndarray]:  # type: ignore[type-arg]
    return [np.array([x, 12.0, z]) for x, z in zip(x_mm, HEIGHTS, strict=True)]


@pytest.mark.parametrize("half_deg", [5.0, 12.5, 20.0, 30.0])
def test_a_parabola_by_hand(half_deg: float) -> None:
    """A course x = c z^2 leans by atan(2 c z): with 2 c 70 = tan(half) the ends lean by half to either side."""
    factor = np.tan(np.radians(half_deg)) / 140.0
    assert coronal_angle_deg(course(factor * HEIGHTS**2)) == pytest.approx(2 * half_deg, abs=0.2)


@pytest.mark.parametrize("angle_deg", [10.0, 25.0, 40.0])
def test_an_arc_has_the_angle_at_its_centre(angle_deg: float) -> None:
    radius = 70.0 / np.sin(np.radians(angle_deg / 2))
    assert coronal_angle_deg(course(radius - np.sqrt(radius**2 - HEIGHTS**2))) == pytest.approx(angle_deg, rel=0.06)


@given(st.floats(-30.0, 30.0), st.floats(-0.4, 0.4))
def test_a_straight_spine_has_none_however_it_lies(shift_mm: float, lean: float) -> None:
    assert coronal_angle_deg(course(shift_mm + lean * HEIGHTS)) == pytest.approx(0.0, abs=1e-3)


@given(st.permutations(range(30)), st.floats(-0.002, 0.002), st.floats(-50.0, 50.0))
def test_order_side_and_place_change_nothing(order: list[int], factor: float, shift_mm: float) -> None:
    places = course(factor * HEIGHTS**2)
    angle = coronal_angle_deg(places)
    moved = [places[index] * [-1.0, 1.0, 1.0] + [shift_mm, 0.0, shift_mm] for index in order]
    assert coronal_angle_deg(moved) == pytest.approx(angle, abs=1e-6)


def test_stray_boxes_hardly_move_it() -> None:
    """Two of thirty boxes lie 25 mm aside, as a vessel taken for the canal would."""
    x_mm = np.tan(np.radians(15.0)) / 140.0 * HEIGHTS**2
    x_mm[[4, 17]] += 25.0
    assert coronal_angle_deg(course(x_mm)) == pytest.approx(30.0, abs=5.0)


def test_too_few_or_too_close_is_no_answer() -> None:
    places = course(np.zeros(30))
    assert coronal_angle_deg([]) is None
    assert coronal_angle_deg(places[::10]) is None
    assert coronal_angle_deg(places[:10]) is None


def test_the_midline_is_the_surest_canal_and_between_paired_foramina() -> None:
    def found(region: Region, x: float, *, side: Side | None = None, score: float = 1.0) -> FoundRegion:
        level = None if side is None else Level.L3_L4
        return FoundRegion(region, side, level, f"slice {side}", np.array([x, 0.0, 10.0]), FRONT, score)

    places = midline_places_mm(
        [
            found(Region.CENTRAL_CANAL, 2.0, score=0.9),
            found(Region.CENTRAL_CANAL, 30.0, score=0.4),
            found(Region.LATERAL_RECESS, 12.0, side=Side.LEFT),
            found(Region.NEURAL_FORAMEN, 20.0, side=Side.LEFT),
            found(Region.NEURAL_FORAMEN, -16.0, side=Side.RIGHT),
            found(Region.NEURAL_FORAMEN, -40.0, side=Side.RIGHT, score=0.3),
        ]
    )
    assert [place.tolist() for place in places] == [[2.0, -26.0, 10.0], [2.0, 0.0, 10.0]]


@pytest.mark.parametrize("half_deg", [0.0, 10.0, 20.0])
def test_a_bent_simulated_spine(half_deg: float) -> None:
    """The discs of a person with all its lordosis lie on a parabola, which leans by atan(2 c z) at its ends."""
    anatomy = draw_anatomy(np.random.default_rng(3))
    factor = np.tan(np.radians(half_deg)) / 140.0
    centres = anatomy.frame.centres_mm.copy()
    middle = float(centres[4, 2])
    centres[:, 0] = factor * (centres[:, 2] - middle) ** 2
    bent = dataclasses.replace(anatomy, frame=SpineFrame(centres, anatomy.frame.tilts_rad))
    protocol = Protocol(Plane.AXIAL, 4000, 90, 200.0, 256, planning_error=0.0)
    found = [
        FoundRegion(
            item.region,
            None,
            None,
            str(number),
            box_centre_mm(cut.geometry, item.box),
            -np.asarray(cut.geometry.column_direction),
        )
        for number, cut in enumerate(axial_cuts(bent, protocol, np.random.default_rng(4)))
        for item in annotate(bent, cut)
        if item.region is Region.CENTRAL_CANAL
    ]
    places = midline_places_mm(found)
    heights = [float(place[2]) - middle for place in places]
    expected = np.degrees(np.arctan(2 * factor * max(heights)) - np.arctan(2 * factor * min(heights)))
    assert coronal_angle_deg(places) == pytest.approx(expected, abs=3.0)
