"""A level that is said to be certain is right: on simulated patients of whom something is missing, moved or too much.

The truth is the simulation's. `levels.count_study` counts axial slices and foramina, and those that are certain.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from levels import count_study, measure_cases
from placed_spines import UNGRADED, spine
from simulated_cases import Case, change, draw_case, readings_of
from simulated_detector import S1_S2, T12_L1, Detector, View, cut_at, simulate

from tfspine.labels import LEVELS, Level, Plane, Region
from tfspine.structures import Detection
from tfspine.study.assembly import assemble
from tfspine.study.levels import find_levels

PATIENTS = range(1, 7)


def counted(case: Case, *, patients: range = PATIENTS, detector: Detector = Detector.PERFECT) -> Counter[str]:
    return sum((count_study(change(number, case, detector=detector), case) for number in patients), Counter())


@pytest.mark.parametrize(
    "case",
    [
        Case(found_beyond=(T12_L1,), missed=(Level.L5_S1,), axial_levels=LEVELS[:4]),
        Case(found_beyond=(T12_L1,), missed=(Level.L5_S1,), axial_levels=LEVELS[1:4]),
        Case(found_beyond=(T12_L1,), missed=(Level.L5_S1, Level.L2_L3), axial_levels=LEVELS[2:4]),
        Case(found_beyond=(T12_L1 - 1, T12_L1), missed=(Level.L4_L5, Level.L5_S1), axial_levels=LEVELS[:3]),
        Case(found_beyond=(S1_S2,), missed=(Level.L1_L2,)),
        Case(found_beyond=(S1_S2,), missed=(Level.L1_L2,), axial_levels=LEVELS[2:]),
        Case(found_beyond=(S1_S2,), missed=(Level.L1_L2, Level.L3_L4), axial_levels=LEVELS[1:]),
        Case(missed=(Level.L5_S1,)),
        Case(missed=(Level.L5_S1,), axial_levels=LEVELS[:4]),
        Case(missed=(Level.L5_S1,), axial_levels=LEVELS[2:4]),
    ],
    ids=str,
)
def test_a_count_from_the_wrong_level_is_never_certain(case: Case) -> None:
    counts = counted(case)
    assert counts["foramina"] > 0
    assert counts["certain"] == counts["certain right"]


@pytest.mark.parametrize(
    "moved_mm",
    [(0, 0, -5), (0, 0, 7), (0, 0, -10), (0, 0, 15), (0, 0, 33), (0, 0, -33), (0, 0, 40), (10, 0, 0), (-20, 0, 0),
     (40, 0, 0), (0, 12, 0), (0, -30, 0), (0, 40, 0), (12, -12, 12), (-20, 20, -25)],
)  # fmt: skip
def test_an_axial_series_that_moved_is_doubted_and_its_levels_and_sides_are_found(
    moved_mm: tuple[float, float, float],
) -> None:
    counts = counted(Case(moved_mm=moved_mm))
    assert counts["certain"] == counts["certain right"]
    assert counts["certain foramina"] == counts["certain side right"]
    if np.linalg.norm(moved_mm) >= 7:
        assert counts["uncertain"] == counts["studies"]
    assert counts["axial right"] >= 0.98 * counts["axial"]
    assert counts["foramina right"] == counts["side right"] == counts["foramina"]


def test_half_of_a_level_to_the_side_swaps_no_side_of_one_row_of_foramina() -> None:
    """Only the right row is found, and the axial series lies 36 mm to the right: its canal seems to lie beyond it."""
    for number in PATIENTS:
        study = change(number, Case(moved_mm=(-36.0, 0.0, 0.0)), detector=Detector.PERFECT)
        slices = tuple(
            replace(item, found=tuple(box for box in item.found if item.plane is Plane.AXIAL or box.side == "right"))
            for item in study.slices
        )
        counts = count_study(replace(study, slices=slices))
        assert counts["certain foramina"] == counts["certain side right"]


def test_series_of_two_frames_of_reference_are_doubted_though_they_fit() -> None:
    study = change(1, Case(), detector=Detector.PERFECT)
    _, result = assemble(readings_of(study, Case(has_frames_apart=True)))
    assert result.level_doubt == "the axial and the sagittal series have different frames of reference"
    assert not any(item.is_certain for item in result.slices)
    assert assemble(readings_of(study))[1].level_doubt == ""


@pytest.mark.parametrize("scale", [0.05, 0.45, 1.0])
@pytest.mark.parametrize("missed", [(), (Level.L5_S1,), (Level.L1_L2,)])
def test_the_scale_of_the_scores_decides_nothing(missed: tuple[Level, ...], scale: float) -> None:
    counts = counted(Case(missed=missed, scale=scale), detector=Detector.NOISY)
    assert counts == counted(Case(missed=missed), detector=Detector.NOISY)
    assert counts["certain"] == counts["certain right"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 30), st.floats(0.05, 1.0), st.floats(0.2, 5.0))
def test_any_change_of_the_scores_that_keeps_their_order_keeps_all_levels(
    number: int, scale: float, power: float
) -> None:
    case = draw_case(number)
    here, there = (
        assemble(readings_of(change(number, other, detector=Detector.NOISY), other))
        for other in (replace(case, scale=1.0, power=1.0), replace(case, scale=scale, power=power))
    )
    assert here[1].level_doubt == there[1].level_doubt
    assert here[1].slices == there[1].slices
    for one, other in zip(here[0], there[0], strict=True):
        assert [(box.level, box.side, box.is_level_certain) for box in one.detections] == [
            (box.level, box.side, box.is_level_certain) for box in other.detections
        ]


@pytest.mark.parametrize("keep", list(Plane))
def test_a_study_of_one_plane_is_read_for_what_it_has_and_uncertain(keep: Plane) -> None:
    for number in PATIENTS:
        study = simulate(number, detector=Detector.PERFECT, view=View.WHOLE)
        counts = count_study(replace(study, slices=tuple(item for item in study.slices if item.plane is keep)))
        assert counts["certain"] == 0
        assert counts["uncertain"] == 1
        assert counts["axial right"] + counts["foramina right"] >= 0.95 * (counts["axial"] + counts["foramina"]) > 0


def test_a_study_cut_at_the_top_is_named_from_below() -> None:
    """Both planes end above L3-L4: three levels are named, and none is certain, because five were not counted."""
    study = simulate(3, detector=Detector.PERFECT, view=View.WHOLE)
    low, high = (
        np.mean([item.geometry.centre_mm[2] for item in study.slices if item.level is level])
        for level in (Level.L3_L4, Level.L2_L3)
    )
    counts = count_study(replace(study, slices=tuple(cut_at(study.slices, (low + high) / 2, -np.inf))))
    assert counts["certain"] == 0
    assert counts["foramina right"] == counts["foramina"] > 0


def test_a_detector_that_boxes_recesses_on_every_slice_tells_no_disc() -> None:
    study = simulate(2, detector=Detector.PERFECT, view=View.WHOLE)
    like = next(box for item in study.slices for box in item.found if box.detection.region is Region.LATERAL_RECESS)
    everywhere = []
    for item in study.slices:
        canal = next((box for box in item.found if box.detection.region is Region.CENTRAL_CANAL), None)
        if canal is not None:
            ymin, xmin, ymax, _ = canal.detection.box
            box = replace(like, detection=replace(like.detection, box=(ymin, xmin - 12, ymax, xmin)), is_true=False)
            item = replace(item, found=(canal, box))
        everywhere.append(item)
    _, result = assemble(readings_of(replace(study, slices=tuple(everywhere))))
    assert "cannot be located from that series alone" in result.level_doubt


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 40), st.sampled_from(Region), st.integers(-20, 300), st.integers(-20, 300),
            st.integers(0, 60), st.sampled_from([0.0, 0.02, 0.5, 1.0]),
        ),
        max_size=30,
    ),
)  # fmt: skip
def test_no_set_of_boxes_is_too_odd_to_be_named(drawn: list[tuple[int, Region, int, int, int, float]]) -> None:
    """Boxes at random, of no height and outside the image too; all five levels have a place, or none has."""
    readings = [replace(item, detections=()) for item in spine()[0]]
    for place, region, top, left, size, score in drawn:
        index = place % len(readings)
        box = (top, left, top + size, left + size)
        found = Detection(box, region, None, score, UNGRADED)
        if region.plane is readings[index].plane:
            readings[index] = replace(readings[index], detections=(*readings[index].detections, found))
    levels = find_levels(readings)
    assert len(levels.landmarks) in (0, 5)
    assert levels.doubt
    placed, result = assemble(readings)
    assert not any(item.is_certain for item in result.slices)
    assert all(np.isfinite(mark.centre_mm).all() for mark in levels.landmarks)
    assert len(placed) == len(readings)


@pytest.mark.parametrize("detector", list(Detector))
def test_sixty_cases(detector: Detector) -> None:
    rows = measure_cases(range(60), detector=detector)
    assert rows["all"]["certain_levels_right"] >= 0.995
    assert rows["all"]["certain_sides_right"] == 1.0
    assert rows["all"]["sides_right"] >= 0.995
    assert rows["intact"]["studies_certain"] >= 0.9


@pytest.mark.long
@pytest.mark.slow
def test_a_thousand_cases() -> None:
    rows = measure_cases(range(1000), detector=Detector.NOISY)
    assert rows["all"]["certain_levels_right"] >= 0.999
    assert rows["all"]["certain_sides_right"] >= 0.999
    assert rows["intact"]["studies_certain"] >= 0.95
    assert rows["intact"]["levels_certain"] >= 0.9 * rows["intact"]["levels"]
