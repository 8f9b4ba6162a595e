"""Checks of levels and sides: no problem in the true labels of simulated patients, and each wrong one is reported."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tfspine.annotations.checks import check_labels
from tfspine.annotations.level_checks import level_warnings
from tfspine.annotations.side_checks import side_warnings
from tfspine.formats.labelimg_xml import write_voc
from tfspine.formats.problems_csv import Severity
from tfspine.formats.slices_csv import SliceRow
from tfspine.geometry import SliceGeometry
from tfspine.labels import LEVELS, Grade, Level, Plane, Region, Side
from tfspine.phantom.anatomy import draw_anatomy
from tfspine.phantom.cuts import axial_cuts, sagittal_cuts
from tfspine.phantom.truth import annotate
from tfspine.phantom.vendors import GE, SIEMENS, draw_protocol
from tfspine.structures import AnnotatedSlice, Annotation

SIZE = (100, 120)
Labels = dict[str, AnnotatedSlice]
Facts = dict[str, SliceRow]


def study(seed: int) -> tuple[Labels, Facts]:
    """Return the truth of a simulated patient."""
    rng = np.random.default_rng([31, seed])
    anatomy = draw_anatomy(rng)
    labels: Labels = {}
    facts: Facts = {}
    for plane, plan in ((Plane.AXIAL, axial_cuts), (Plane.SAGITTAL, sagittal_cuts)):
        protocol = draw_protocol((SIEMENS, GE)[seed % 2], plane, rng, field_t=1.5, matrix_px=320)
        for index, cut in enumerate(plan(anatomy, protocol, rng)):
            key = f"{seed}-{plane}-{index:02d}"
            labels[key] = AnnotatedSlice(key, cut.geometry.size_px, annotate(anatomy, cut))
            facts[key] = SliceRow("k", str(seed), plane, cut.geometry)
    return labels, facts


def with_levels(labels: Labels, change: Callable[[Level], Level], *planes: Plane) -> Labels:
    """Return labels whose levels are changed in some planes."""

    def changed(item: Annotation) -> Annotation:
        is_meant = item.region.plane in (planes or tuple(Plane)) and item.level is not None
        return replace(item, level=change(item.level)) if is_meant and item.level else item

    return {key: replace(item, annotations=tuple(map(changed, item.annotations))) for key, item in labels.items()}


def higher(level: Level) -> Level:
    return LEVELS[max(LEVELS.index(level) - 1, 0)]


def exchanged(level: Level) -> Level:
    return {Level.L3_L4: Level.L4_L5, Level.L4_L5: Level.L3_L4}.get(level, level)


def test_the_truth_of_simulated_patients_gives_no_warning() -> None:
    for seed in range(8):
        assert list(level_warnings(*study(seed))) == []


@pytest.mark.parametrize(
    ("change", "planes", "said"),
    [
        (lambda level: Level.L4_L5, (), "boxes are at L4-L5, over"),
        (lambda level: LEVELS[4 - LEVELS.index(level)], (), "levels are out of order"),
        (exchanged, (Plane.AXIAL,), "levels are out of order"),
        (exchanged, (Plane.SAGITTAL,), "levels are out of order"),
        (higher, (Plane.AXIAL,), "axial and sagittal slices disagree on levels"),
    ],
)
def test_wrong_levels_are_said(change: Callable[[Level], Level], planes: tuple[Plane, ...], said: str) -> None:
    labels, facts = study(3)
    assert any(said in text for _, text in level_warnings(with_levels(labels, change, *planes), facts))


def axial_at(z_mm: float) -> SliceGeometry:
    """1 mm pixels; columns grow to the patient's left, column c at x = c - 60."""
    return SliceGeometry((-60.0, -50.0, z_mm), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0), SIZE)


def canals(*named: tuple[float, str]) -> tuple[Labels, Facts]:
    """Return slices with a canal each, at a height and with the name of a level."""
    labels: Labels = {}
    facts: Facts = {}
    for number, (z_mm, level) in enumerate(named):
        canal = Annotation(
            (40.0, 50.0, 60.0, 70.0), Region.CENTRAL_CANAL, None, Grade.MILD, Level(level) if level else None
        )
        labels[f"a{number}"] = AnnotatedSlice(f"a{number}", SIZE, (canal,))
        facts[f"a{number}"] = SliceRow("k", "s", Plane.AXIAL, axial_at(z_mm))
    return labels, facts


def warnings_of(*named: tuple[float, str]) -> list[str]:
    return [text for _, text in level_warnings(*canals(*named))]


def test_one_disc_alone_may_have_one_level() -> None:
    assert warnings_of((0.0, "L4-L5"), (4.0, "L4-L5"), (8.0, "L4-L5")) == []


def test_a_level_on_two_distant_slices_is_said() -> None:
    [text] = warnings_of((70.0, "L4-L5"), (35.0, "L3-L4"), (0.0, "L4-L5"))[:1]
    assert text == "L4-L5 is 70 mm from L4-L5 on slice a0; one of them is wrong"


def test_a_level_left_out_in_counting_is_said() -> None:
    assert warnings_of((35.0, "L3-L4"), (0.0, "L5-S1")) == ["L3-L4 and L5-S1 are 35 mm apart, too near for 2 levels"]
    assert warnings_of((70.0, "L3-L4"), (0.0, "L4-L5")) == ["L3-L4 and L4-L5 are 70 mm apart, too far for 1 level"]
    assert warnings_of((70.0, "L3-L4"), (0.0, "L5-S1")) == []


@pytest.mark.parametrize(("slices", "said"), [(10, 0), (11, 1)])
def test_without_positions_the_number_of_slices_tells(slices: int, said: int) -> None:
    texts = warnings_of(*[(math.nan, "L4-L5")] * slices)
    assert texts == ["all 11 axial slices are at L4-L5; name each level"] * said


def test_levels_are_named_throughout_or_not_at_all() -> None:
    assert warnings_of((35.0, ""), (0.0, "")) == []
    [text] = warnings_of((35.0, ""), (0.0, "L5-S1"))
    assert "boxes without a level on 1 slices" in text


def test_two_levels_on_one_axial_slice_are_said() -> None:
    labels, facts = canals((0.0, "L4-L5"))
    other = Annotation((40.0, 80.0, 50.0, 90.0), Region.LATERAL_RECESS, Side.LEFT, Grade.MILD, Level.L5_S1)
    labels["a0"] = replace(labels["a0"], annotations=(*labels["a0"].annotations, other))
    texts = [text for _, text in level_warnings(labels, facts)]
    assert "boxes of L4-L5 and L5-S1 on one axial slice; it shows one level" in texts


def recess(side: Side, column: float) -> Annotation:
    return Annotation((40.0, column, 50.0, column + 10), Region.LATERAL_RECESS, side, Grade.NORMAL)


CANAL = Annotation((40.0, 50.0, 60.0, 70.0), Region.CENTRAL_CANAL, None, Grade.NORMAL)
"""Its middle lies at x = -0.5 mm."""


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ((CANAL, recess(Side.LEFT, 80.0)), []),
        ((CANAL, recess(Side.RIGHT, 80.0)), ["right_lateral_recess: lies to the patient's left of the canal"]),
        ((CANAL, recess(Side.LEFT, 30.0)), ["left_lateral_recess: lies to the patient's right of the canal"]),
        ((recess(Side.RIGHT, 80.0),), ["right_lateral_recess: lies to the patient's left of the study's midline"]),
        ((recess(Side.RIGHT, 57.0),), []),  # x = 1.5 mm: too near the midline to say
        ((CANAL, recess(Side.RIGHT, 72.0), recess(Side.LEFT, 85.0)), ["right_lateral_recess: lies to"]),
        ((CANAL, recess(Side.LEFT, 110.0)), ["left_lateral_recess: lies 55 mm from the canal"]),
        ((replace(CANAL, box=(40.0, 85.0, 60.0, 105.0)),), ["central_canal: lies 34 mm from the study's midline"]),
    ],
)  # fmt: skip
def test_sides_are_judged_by_the_canal_on_the_slice(boxes: tuple[Annotation, ...], said: list[str]) -> None:
    found = list(side_warnings(boxes, axial_at(0.0), 0.0))
    assert [text.startswith(start) for text, start in zip(found, said, strict=True)] == [True] * len(said)


def test_check_writes_them_as_warnings_beside_the_file(tmp_path: Path) -> None:
    labels, facts = canals((40.0, "L5-S1"), (0.0, "L4-L5"))
    labels["a0"] = replace(labels["a0"], annotations=(*labels["a0"].annotations, recess(Side.RIGHT, 80.0)))
    for key, item in labels.items():
        write_voc(tmp_path / f"{key}.xml", item)
    found = check_labels(tmp_path, facts)
    assert {problem.severity for problem in found} == {Severity.WARNING}
    assert {problem.file for problem in found} == {"a0.xml"}
    texts = " ".join(problem.problem for problem in found)
    assert "levels are out of order: L5-S1 lies 40 mm above L4-L5 on slice a1" in texts
    assert "right_lateral_recess: lies to the patient's left of the canal; sides are the patient's" in texts
