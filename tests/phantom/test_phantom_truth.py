"""The truth of simulated patients: sides, levels, grades and boxes agree with the person in 3-D."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfspine.geometry import box_centre_mm
from tfspine.labels import LEVELS, Grade, Plane, Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import Anatomy, draw_anatomy
from tfspine.phantom.cuts import Cut, axial_cuts, sagittal_cuts
from tfspine.phantom.frame import FIRST_LEVEL, locate, to_patient
from tfspine.phantom.protocol import Protocol
from tfspine.phantom.severity import grade_of
from tfspine.phantom.truth import annotate
from tfspine.structures import Annotation

AXIAL = Protocol(Plane.AXIAL, 4000, 90, 200.0, 256)
SAGITTAL = Protocol(Plane.SAGITTAL, 550, 12, 265.0, 256)
seeds = st.integers(0, 10_000)


def person(
    seed: int,
) -> tuple[Anatomy, list[tuple[Cut, tuple[Annotation, ...]]], list[tuple[Cut, tuple[Annotation, ...]]]]:
    rng = np.random.default_rng(seed)
    anatomy = draw_anatomy(rng)
    axial = [(cut, annotate(anatomy, cut)) for cut in axial_cuts(anatomy, AXIAL, rng)]
    sagittal = [(cut, annotate(anatomy, cut)) for cut in sagittal_cuts(anatomy, SAGITTAL, rng)]
    return anatomy, axial, sagittal


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_sides_are_the_patients(seed: int) -> None:
    anatomy, axial, sagittal = person(seed)
    for cut, annotations in [*axial, *sagittal]:
        for item in annotations:
            x = box_centre_mm(cut.geometry, item.box)[0]
            if item.side is not None and item.level is not None:
                midline = anatomy.frame.centres_mm[FIRST_LEVEL + LEVELS.index(item.level), 0]
                assert (x > midline) == (item.side is Side.LEFT)  # patient x grows to the left
        columns = {item.side: item.box[1] for item in annotations if item.region is Region.LATERAL_RECESS}
        if columns:
            assert columns[Side.RIGHT] < columns[Side.LEFT]  # radiological display: the right at the image's left


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_every_axial_slice_has_one_canal_and_levels_go_from_head_to_feet(seed: int) -> None:
    _, axial, _ = person(seed)
    for _, annotations in axial:
        assert sum(item.region is Region.CENTRAL_CANAL for item in annotations) == 1
    levels = [annotations[0].level for _, annotations in axial]
    assert levels == sorted(levels, key=LEVELS.index)
    assert set(levels) == set(LEVELS)
    heights = [cut.geometry.centre_mm[2] for cut, _ in axial]
    assert heights == sorted(heights, reverse=True)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_foramina_are_boxed_on_both_sides_at_every_level(seed: int) -> None:
    _, _, sagittal = person(seed)
    boxed = {(item.side, item.level) for _, annotations in sagittal for item in annotations}
    assert boxed == {(side, level) for side in Side for level in LEVELS}
    for _, annotations in sagittal:
        tops = [item.box[0] for item in sorted(annotations, key=lambda item: LEVELS.index(item.level or LEVELS[0]))]
        assert tops == sorted(tops)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_boxes_lie_inside_the_image_and_are_not_tiny(seed: int) -> None:
    _, axial, sagittal = person(seed)
    for _, annotations in [*axial, *sagittal]:
        for item in annotations:
            ymin, xmin, ymax, xmax = item.box
            assert 0 <= ymin < ymax <= 256
            assert 0 <= xmin < xmax <= 256
            assert min(ymax - ymin, xmax - xmin) >= 9  # a canal that is all but closed: 7 mm at 0.78 mm a pixel


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(FIRST_LEVEL, FIRST_LEVEL + 4), st.floats(0, 1))
def test_a_canal_box_holds_the_narrowed_sac_and_no_more_than_the_open_one(seed: int, disc: int, lost: float) -> None:
    anatomy = draw_anatomy(np.random.default_rng(seed))
    point = to_patient(anatomy.frame, disc=disc, d_mm=0.0, u_mm=0.0, v_mm=26.0)
    place = locate(anatomy.frame, point.astype(np.float32))
    u_low, u_high, v_low, v_high = regions.canal_box_mm(anatomy, place, lost)
    half, front, back = (float(value[0]) for value in regions.sac_mm(anatomy, place, lost))
    open_half, open_front, open_back = (float(value[0]) for value in regions.sac_mm(anatomy, place, 0.0))
    assert u_low <= -half
    assert u_high >= half
    assert v_low <= front < back <= v_high
    border = regions.BOX_MARGIN_MM
    assert u_high <= open_half + border + 1e-3
    assert v_low >= open_front - border - 1e-3
    assert v_high <= open_back + border + 1e-3


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(FIRST_LEVEL, FIRST_LEVEL + 4), st.floats(-12, 12), st.floats(-30, 30), st.floats(0, 30))
def test_places_and_positions_are_inverse(seed: int, disc: int, d: float, u: float, v: float) -> None:
    frame = draw_anatomy(np.random.default_rng(seed)).frame
    points = to_patient(frame, disc=disc, d_mm=d, u_mm=u, v_mm=v)
    place = locate(frame, points.astype(np.float32))
    assert place.disc[0] == disc
    assert [place.d_mm[0], place.u_mm[0], place.v_mm[0]] == pytest.approx([d, u, v], abs=0.1)


@given(st.floats(0, 1), st.floats(0, 1))
def test_grade_never_falls_as_severity_rises(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert grade_of(low) <= grade_of(high)


def test_lurie_thirds() -> None:
    """Lurie 2008: mild up to a third of the canal, moderate up to two thirds, severe beyond."""
    assert [grade_of(s) for s in (0.0, 0.2, 0.5, 0.9)] == list(Grade)
    assert grade_of(0.34) is Grade.MODERATE
    assert grade_of(0.67) is Grade.SEVERE


def test_a_canal_is_wide_again_away_from_its_disc() -> None:
    anatomy = next(
        person
        for person in (draw_anatomy(np.random.default_rng(seed)) for seed in range(200))
        if person.narrowing[Region.CENTRAL_CANAL, None][FIRST_LEVEL + 3] > 0.7
    )
    assert regions.canal_narrowing(anatomy, FIRST_LEVEL + 3, 0.0) > 0.7
    assert regions.canal_narrowing(anatomy, FIRST_LEVEL + 3, 11.0) == 0.0
