"""Assembling a study: sides, levels and worst grades on readings placed by hand, and on simulated truth."""

from dataclasses import replace

import numpy as np
import pytest

from tfspine.evaluation.boxes.pairs import restrict
from tfspine.evaluation.boxes.region_grades import region_grades
from tfspine.formats.boxes_csv import readings_table
from tfspine.geometry import SliceGeometry
from tfspine.labels import LEVELS, Grade, Level, Plane, Region, Side
from tfspine.phantom.anatomy import draw_anatomy
from tfspine.phantom.cuts import axial_cuts, sagittal_cuts
from tfspine.phantom.protocol import Protocol
from tfspine.phantom.truth import annotate
from tfspine.structures import Box, Detection, SliceReading
from tfspine.study.assembly import assemble

SIZE = (200, 200)


def sagittal(x_mm: float) -> SliceGeometry:
    """1 mm pixels; row r lies at z = 100 - r, column c at y = c - 100."""
    return SliceGeometry((x_mm, -100.0, 100.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 1.0), SIZE)


def axial(z_mm: float) -> SliceGeometry:
    """1 mm pixels; column c lies at x = c - 100: the patient's right at the image's left."""
    return SliceGeometry((-100.0, -100.0, z_mm), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0), SIZE)


def detection(region: Region, box: Box, grade: Grade = Grade.NORMAL, *, sure: float = 0.9) -> Detection:
    rest = (1 - sure) / 3
    probabilities = [rest] * 4
    probabilities[grade] = sure
    return Detection(box, region, None, 0.8, (probabilities[0], probabilities[1], probabilities[2], probabilities[3]))


def around(row: float, column: float) -> Box:
    return row - 5, column - 5, row + 5, column + 5


def foramina(x_mm: float, rows: list[float], grade: Grade = Grade.NORMAL) -> SliceReading:
    found = tuple(detection(Region.NEURAL_FORAMEN, around(row, 100), grade) for row in rows)
    return SliceReading(f"s{x_mm}", "study", Plane.SAGITTAL, sagittal(x_mm), found)


def canal(z_mm: float, column: float = 100.0, grade: Grade = Grade.NORMAL, sure: float = 0.9) -> SliceReading:
    found = (detection(Region.CENTRAL_CANAL, around(100, column), grade, sure=sure),)
    return SliceReading(f"a{z_mm}", "study", Plane.AXIAL, axial(z_mm), found)


FIVE_ROWS = [20.0, 55.0, 90.0, 125.0, 160.0]


def test_foramina_get_side_from_x_and_level_from_below() -> None:
    placed, _ = assemble([canal(0.0), foramina(-18.0, FIVE_ROWS), foramina(18.0, FIVE_ROWS)])
    assert [item.side for item in placed[1].detections] == [Side.RIGHT] * 5
    assert [item.side for item in placed[2].detections] == [Side.LEFT] * 5
    assert [item.level for item in placed[1].detections] == list(LEVELS)


def test_the_midline_is_where_the_canals_are_not_where_the_stack_is() -> None:
    """Canals at x = 30: a foramen at x = 18 lies on the right of this patient."""
    placed, _ = assemble([canal(0.0, column=130.0), foramina(18.0, FIVE_ROWS)])
    assert {item.side for item in placed[1].detections} == {Side.RIGHT}


def test_axial_slices_belong_to_the_nearest_foramina() -> None:
    # Rows 20 and 160 lie at z = 80 and z = -60 (pixel centres half a pixel from box corners).
    placed, _ = assemble([canal(78.0), canal(-50.0), foramina(-18.0, FIVE_ROWS)])
    assert placed[0].detections[0].level is Level.L1_L2
    assert placed[1].detections[0].level is Level.L5_S1


def test_a_row_is_its_worst_slice_and_of_equals_the_surest() -> None:
    readings = [
        canal(78.0, grade=Grade.MILD),
        canal(80.0, grade=Grade.MODERATE, sure=0.5),
        canal(82.0, grade=Grade.MODERATE, sure=0.7),
        foramina(-18.0, FIVE_ROWS),
    ]
    _, result = assemble(readings)
    row = next(row for row in result.rows if (row.region, row.level) == (Region.CENTRAL_CANAL, Level.L1_L2))
    assert (row.grade, row.probability, row.slice_key) == (Grade.MODERATE, pytest.approx(0.7), "a82.0")


def test_a_doubtful_box_does_not_grade_its_region() -> None:
    """Severe on a box of score 0.5 and normal on one of 0.8: the doubtful box does not decide."""
    doubtful = canal(82.0, grade=Grade.SEVERE)
    doubtful = replace(doubtful, detections=(replace(doubtful.detections[0], score=0.5),))
    _, result = assemble([canal(80.0), doubtful, foramina(-18.0, FIVE_ROWS)])
    row = next(row for row in result.rows if (row.region, row.level) == (Region.CENTRAL_CANAL, Level.L1_L2))
    assert (row.grade, row.slice_key) == (Grade.NORMAL, "a80.0")


def test_nothing_found_is_not_normal() -> None:
    _, result = assemble([foramina(-18.0, FIVE_ROWS), foramina(18.0, [])])
    assert len(result.rows) == 5 + 10 + 10
    assert all(row.grade is None for row in result.rows if row.region is not Region.NEURAL_FORAMEN)
    assert all(row.grade is None for row in result.rows if row.side is Side.LEFT)


def test_a_stray_box_between_two_levels_neither_joins_nor_adds_any() -> None:
    stray = foramina(-20.0, [72.0])
    placed, _ = assemble([*(foramina(x, FIVE_ROWS) for x in (-22.0, -18.0, 18.0, 22.0)), stray])
    assert all([item.level for item in reading.detections] == list(LEVELS) for reading in placed[:4])


def test_a_stray_box_below_the_sacrum_does_not_shift_the_levels() -> None:
    stray = foramina(-20.0, [190.0])
    placed, _ = assemble([*(foramina(x, FIVE_ROWS) for x in (-22.0, -18.0, 18.0, 22.0)), stray])
    assert [item.level for item in placed[0].detections] == list(LEVELS)
    assert placed[4].detections[0].level is None  # 30 mm from the nearest level


def test_without_any_foramen_no_level_is_claimed() -> None:
    placed, _ = assemble([canal(0.0)])
    assert placed[0].detections[0].level is None


def test_simulated_truth_gets_its_levels_and_sides_back() -> None:
    """The truth of 20 patients read by a perfect detector that gives neither level nor side of foramina."""
    right = wrong = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        anatomy = draw_anatomy(rng)
        cuts = [
            *axial_cuts(anatomy, Protocol(Plane.AXIAL, 4000, 90, 200, 256), rng),
            *sagittal_cuts(anatomy, Protocol(Plane.SAGITTAL, 500, 12, 265, 256), rng),
        ]
        truth = [annotate(anatomy, cut) for cut in cuts]
        readings = [
            SliceReading(
                str(index),
                "study",
                Plane.SAGITTAL if cut.disc is None else Plane.AXIAL,
                cut.geometry,
                tuple(
                    Detection(item.box, item.region, item.side if cut.disc is not None else None, 1.0, (1, 0, 0, 0))
                    for item in annotations
                ),
            )
            for index, (cut, annotations) in enumerate(zip(cuts, truth, strict=True))
        ]
        placed, _ = assemble(readings)
        for reading, annotations in zip(placed, truth, strict=True):
            for found, item in zip(reading.detections, annotations, strict=True):
                is_right = (found.level, found.side) == (item.level, item.side)
                right, wrong = right + is_right, wrong + (not is_right)
    assert right / (right + wrong) >= 0.98


def test_a_box_below_the_operating_point_grades_nothing_but_keeps_its_level() -> None:
    """The severe canal is as sure as the mild one, but its model counts boxes from a higher score on."""
    mild, severe = canal(20.0, grade=Grade.MILD), canal(19.0, grade=Grade.SEVERE)
    severe = replace(severe, detections=(replace(severe.detections[0], score_threshold=0.9),))
    placed, result = assemble([mild, severe, foramina(-18.0, FIVE_ROWS), foramina(18.0, FIVE_ROWS)])
    level = placed[0].detections[0].level
    assert level is not None and placed[1].detections[0].level is level
    [row] = [row for row in result.rows if (row.region, row.level) == (Region.CENTRAL_CANAL, level)]
    assert (row.grade, row.slice_key) == (Grade.MILD, mild.key)


def test_an_evaluation_grades_regions_by_the_rule_that_assembles_a_study() -> None:
    """Boxes of any grade and score: whatever grade the study gets, the evaluation of its boxes gives the same."""
    rng = np.random.default_rng(5)
    grades = [Grade(int(code)) for code in rng.integers(0, 4, 40)]
    readings = [foramina(x_mm, FIVE_ROWS, grades.pop()) for x_mm in (-20.0, -16.0, 16.0, 20.0)]
    readings += [canal(float(z_mm), grade=grades.pop(), sure=float(rng.uniform(0.4, 1))) for z_mm in range(-70, 80, 5)]
    readings = [
        replace(reading, detections=tuple(replace(it, score=float(rng.uniform(0.6, 1))) for it in reading.detections))
        for reading in readings
    ]
    placed, result = assemble(readings)
    boxes = readings_table(placed)
    graded = region_grades(restrict(boxes, boxes, covered=None), iou=0.3).regions
    found = {(row.region, row.level, row.side): row.call for row in graded.itertuples()}
    expected = {
        (row.region.value, row.level.value, row.side or ""): row.grade for row in result.rows if row.grade is not None
    }
    assert found == expected
    assert len({grade for grade in expected.values()}) > 2
