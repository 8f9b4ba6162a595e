"""Levels and sides: spines placed by hand, whose levels follow from where they were put, and simulated patients."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from levels import count_study, measure
from placed_spines import DEPTHS_MM, S1_S2, T12_L1, UNGRADED, axial, spine, turned
from simulated_detector import Detector, View, simulate

from tfspine.labels import LEVELS, Level, Plane, Region, Side
from tfspine.structures import Detection, SliceReading
from tfspine.study.assembly import assemble
from tfspine.study.levels import find_levels, landmarks_of_slices


def named(readings: list[SliceReading]) -> list[tuple[Side | None, Level | None]]:
    placed, _ = assemble(readings)
    return [
        (item.side, item.level) for reading in placed for item in reading.detections if reading.plane is Plane.SAGITTAL
    ]


def test_a_whole_spine_is_named_and_sure() -> None:
    readings, truth = spine()
    assert named(readings) == truth
    assert find_levels(readings).doubt == ""
    placed, _ = assemble(readings)
    assert all(item.is_level_certain for reading in placed for item in reading.detections)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-25, 25), st.floats(-12, 12), st.floats(-12, 12), st.floats(-8, 8),
    st.sampled_from([(1, 1), (-1, 1), (1, -1), (-1, -1)]), st.booleans(),
)  # fmt: skip
def test_sides_and_levels_survive_scoliosis_askew_patients_and_stored_orientation(
    bend_mm: float, about_x: float, about_y: float, about_z: float, orientation: tuple[int, int], canals: bool
) -> None:
    """A bend of 25 mm over 160 is a Cobb angle of 64 degrees: 2 atan(4 x 25 / 160)."""
    turn = turned(0, about_x) @ turned(1, about_y) @ turned(2, about_z)
    readings, truth = spine(bend_mm=bend_mm, turn=turn, orientation=orientation, canals=canals)
    assert named(readings) == truth


def test_a_mirrored_patient_has_its_sides_swapped_and_its_levels_kept() -> None:
    """What lay at x lies at -x: the left row is the right one now, and both are named as before."""
    readings, truth = spine(bend_mm=15.0)
    mirrored, other = spine(bend_mm=-15.0)
    assert named(readings) == truth
    assert named(mirrored) == other
    assert Counter(named(readings)) == Counter(named(mirrored))


@pytest.mark.parametrize(
    ("lowest_z_mm", "is_doubted"),
    [
        (-150.0, False),  # 86 mm below the lowest foramina
        (-110.0, False),  # 46 mm: one spacing of 33 and half a foramen of 10
        (-100.0, True),
        (-76.0, True),
    ],
)
def test_the_sacrum_is_in_view_where_one_more_foramen_would_be(lowest_z_mm: float, is_doubted: bool) -> None:
    readings, truth = spine(lowest_z_mm=lowest_z_mm)
    assert named(readings) == truth
    doubt = find_levels(readings).doubt
    assert ("sagittal images end" in doubt) is is_doubted
    assert bool(doubt) is is_doubted


def test_a_study_cut_off_above_l5_s1_is_never_sure() -> None:
    upper = dict.fromkeys((T12_L1, *LEVELS[:-1]), 0.9)
    readings, _ = spine(upper, lowest_z_mm=-60.0, canals=False)
    placed, result = assemble(readings)
    assert "sagittal images end" in result.level_doubt
    assert not any(item.is_level_certain for reading in placed for item in reading.detections)


def test_foramina_missed_at_l5_s1_are_betrayed_by_the_axial_slices() -> None:
    readings, _ = spine(dict.fromkeys(LEVELS[:-1], 0.9))
    # L5-S1 lies 30 mm below L4-L5.
    assert "axial slices show the canal 3" in find_levels(readings).doubt


@pytest.mark.parametrize("missed", LEVELS[:-1])
def test_a_level_at_which_nothing_was_found_shifts_no_other_and_keeps_its_axial_slices(missed: Level) -> None:
    readings, truth = spine({level: 0.9 for level in LEVELS if level is not missed})
    assert named(readings) == truth
    _, result = assemble(readings)
    assert result.level_doubt == ""
    assert [item.level for item in result.slices] == [level for level in LEVELS for _ in range(2)]


def test_a_gap_of_neither_one_nor_two_levels_puts_the_levels_above_it_in_doubt() -> None:
    readings, _ = spine()
    moved = [slice_up(item) for item in readings]
    levels = find_levels(moved)
    assert [mark.is_certain for mark in levels.landmarks] == [False, False, True, True, True]
    assert levels.doubt == "the gap above L3-L4 is neither one level wide nor two"
    # Nothing confirms the count of foramina alone.
    alone = find_levels([item for item in moved if item.plane is Plane.SAGITTAL])
    assert not any(mark.is_certain for mark in alone.landmarks)


def slice_up(reading: SliceReading) -> SliceReading:
    """Move the foramina, and the axial slices, of the levels above L3-L4."""
    if reading.plane is Plane.SAGITTAL:
        return replace(reading, detections=tuple(up(box) for box in reading.detections))
    x, y, z = reading.geometry.position_mm
    return replace(reading, geometry=replace(reading.geometry, position_mm=(x, y, z + 13.0 if z > 20 else z)))


def up(item: Detection) -> Detection:
    """Move what lies above z = 20 up by 13 mm: the gap of 35 mm becomes 48, the others stay at 30 to 35."""
    ymin, xmin, ymax, xmax = item.box
    shift = 13.0 if (ymin + ymax) / 2 < 150 - 20 else 0.0
    return Detection((ymin - shift, xmin, ymax - shift, xmax), item.region, item.side, item.score, UNGRADED)


def test_faint_foramina_of_t12_l1_count_for_nothing() -> None:
    readings, truth = spine({T12_L1: 0.3, **dict.fromkeys(LEVELS, 0.9)})
    assert named(readings) == truth
    assert find_levels(readings).doubt == ""


def test_faint_foramina_of_the_sacrum_shift_nothing() -> None:
    """They are doubted unless axial slices, planned down to L5-S1, end above them."""
    readings, truth = spine({**dict.fromkeys(LEVELS, 0.9), S1_S2: 0.35})
    assert [pair for pair, known in zip(named(readings), truth, strict=True) if known[1]] == [
        known for known in truth if known[1]
    ]
    assert find_levels(readings).doubt == ""
    sagittal = [reading for reading in readings if reading.plane is Plane.SAGITTAL]
    assert "may be the sacrum's" in find_levels(sagittal).doubt


def test_six_clear_levels_are_doubted_and_counted_from_the_lowest_that_axial_slices_reach() -> None:
    readings, truth = spine({**dict.fromkeys(LEVELS, 0.9), S1_S2: 0.9})
    assert [pair for pair, known in zip(named(readings), truth, strict=True) if known[1]] == [
        known for known in truth if known[1]
    ]
    assert find_levels(readings).doubt.startswith("6 levels of foramina are clear")


def test_boxes_all_along_the_spine_are_no_levels() -> None:
    """A detector that fires every 10 mm."""
    reading, _ = spine({Level.L3_L4: 0.9}, canals=False)
    scattered = [
        SliceReading(
            item.key, "study", item.plane, item.geometry,
            tuple(Detection((row, 110.0, row + 18, 124.0), Region.NEURAL_FORAMEN, None, 0.9, UNGRADED)
                  for row in range(60, 220, 10)) if item.detections else (),
        )
        for item in reading
    ]  # fmt: skip
    assert "lie between levels" in find_levels(scattered).doubt


def test_few_levels_or_none_are_said_to_be() -> None:
    readings, _ = spine({Level.L4_L5: 0.9, Level.L5_S1: 0.9})
    assert "at 2 levels only" in find_levels(readings).doubt
    readings, _ = spine({Level.L4_L5: 0.0})
    assert find_levels(readings).doubt == "no foramen was found"
    assert find_levels(readings).landmarks == ()


def test_an_oblique_slice_belongs_to_the_disc_it_passes_in_the_canal() -> None:
    """At 30 degrees it passes three discs within 60 mm; in the canal, at y = 20, it passes that of L3-L4."""
    readings, _ = spine()
    levels = find_levels(readings)
    disc_mm = DEPTHS_MM[Level.L3_L4] - 1.5
    for tilt in (-30.0, 0.0, 30.0):
        (mark,) = landmarks_of_slices([axial(disc_mm, tilt)], levels)
        assert mark is not None
        assert mark.level is Level.L3_L4


def test_axial_slices_go_to_the_nearest_disc_and_beyond_22_mm_to_none() -> None:
    readings, _ = spine()
    levels = find_levels(readings)
    discs = {level: DEPTHS_MM[level] - 1.5 for level in LEVELS}
    heights = [
        discs[Level.L1_L2] + 25.0,
        discs[Level.L1_L2] + 19.0,
        (discs[Level.L1_L2] + discs[Level.L2_L3]) / 2 + 2.0,
        (discs[Level.L1_L2] + discs[Level.L2_L3]) / 2 - 2.0,
        discs[Level.L5_S1] - 19.0,
        discs[Level.L5_S1] - 40.0,
    ]
    found = [mark.level if mark else None for mark in landmarks_of_slices([axial(z) for z in heights], levels)]
    assert found == [None, Level.L1_L2, Level.L1_L2, Level.L2_L3, Level.L5_S1, None]


@pytest.mark.parametrize(("off_middle_mm", "is_certain"), [(0.5, False), (1.8, False), (2.5, False), (4.0, True)])
def test_axial_slices_near_the_middle_of_a_vertebra_are_uncertain(off_middle_mm: float, is_certain: bool) -> None:
    """A trained detector was wrong, and certain, 1.8 mm off the middle between two discs."""
    readings, _ = spine()
    middle_mm = (DEPTHS_MM[Level.L1_L2] + DEPTHS_MM[Level.L2_L3]) / 2 - 1.5
    for height_mm in (middle_mm + off_middle_mm, middle_mm - off_middle_mm):
        (mark,) = landmarks_of_slices([axial(height_mm)], find_levels(readings))
        assert mark is not None
        assert mark.is_certain is is_certain


@pytest.mark.parametrize("detector", list(Detector))
def test_simulated_patients_are_named_rightly(detector: Detector) -> None:
    shares = measure(range(15), detector=detector, view=View.WHOLE)
    assert shares["axial_slices_right"] >= 0.98
    assert shares["sagittal_boxes_right"] >= 0.98
    assert shares["sides_right"] == 1.0
    assert shares["studies_uncertain_but_not_lumbarised"] <= 0.05
    assert shares["studies_wrong_and_certain"] == 0.0


@pytest.mark.parametrize("view", [View.CUT_OFF, View.LOWEST_MISSED])
def test_simulated_patients_without_l5_s1_are_uncertain(view: View) -> None:
    counts = sum((count_study(simulate(number, detector=Detector.NOISY, view=view)) for number in range(10)), Counter())
    assert counts["uncertain"] == counts["studies"] == 10


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("detector", list(Detector))
def test_three_hundred_simulated_patients(detector: Detector) -> None:
    whole = measure(range(300), detector=detector, view=View.WHOLE)
    assert min(whole["axial_slices_right"], whole["sagittal_boxes_right"]) >= 0.98
    cut_off = measure(range(300), detector=detector, view=View.CUT_OFF)
    assert cut_off["studies_uncertain"] >= 0.98
