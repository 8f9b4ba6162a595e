"""RSNA 2024: the CSV files with their quirks, and points that become boxes of stated millimetres."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rsna_samples as rsna
from hypothesis import given
from hypothesis import strategies as st

from tfspine.annotations.importers.rsna import (
    BOX_MM,
    IngestedSlice,
    PlacedPoints,
    PointPicture,
    place_points,
    point_box,
)
from tfspine.annotations.importers.rsna_output import grades3_table
from tfspine.annotations.importers.rsna_tables import Grade3, Point, RsnaTables, StudyRegion, grade_column, read_tables
from tfspine.errors import AnnotationError
from tfspine.geometry import SliceGeometry, pixel_to_patient
from tfspine.labels import Level, Plane, Region, Side
from tfspine.structures import pseudonym

SIZE = (rsna.ROWS, rsna.COLUMNS)
STUDY = pseudonym(rsna.STUDY)


def axial(number: int) -> SliceGeometry:
    return SliceGeometry((-30.0, -48.0, 20.0 - 5.0 * number), (1, 0, 0), (0, 1, 0), (1.0, 0.5), SIZE)


def sagittal(number: int) -> SliceGeometry:
    return SliceGeometry((-12.0 + 4.0 * number, -30.0, 48.0), (0, 1, 0), (0, 0, -1), (1.0, 0.5), SIZE)


def target(series: str, number: int, frame: str = "1") -> IngestedSlice:
    plane = Plane.AXIAL if series == rsna.AXIAL else Plane.SAGITTAL
    geometry = axial(number) if plane is Plane.AXIAL else sagittal(number)
    return IngestedSlice(
        f"{STUDY}-{plane}-{number:02d}", STUDY, plane, geometry, f"{rsna.STUDY}.{series}.{number}", frame
    )


TARGETS = [target(rsna.AXIAL, n) for n in range(1, 9)] + [target(rsna.SAGITTAL_T1, n) for n in range(1, 8)]


def picture_of(point: Point) -> PointPicture:
    geometry = axial if point.series_id in (rsna.AXIAL, rsna.SECOND_AXIAL) else sagittal
    uid = f"{rsna.STUDY}.{point.series_id}.{point.instance_number}"
    return PointPicture(uid, "1", geometry(point.instance_number))


def reasons(folder: Path, points: list[str], **tables: object) -> list[tuple[int | None, str]]:
    read = read_tables(rsna.write_tables(folder, points, **tables))
    return [(item.line, item.reason) for item in read.refused]


def test_conditions_and_columns_join_as_the_files_spell_them() -> None:
    assert grade_column("Left Neural Foraminal Narrowing", "L5/S1") == "left_neural_foraminal_narrowing_l5_s1"


def test_three_grades_stay_three(tmp_path: Path) -> None:
    grades = {"spinal_canal_stenosis_l4_l5": "Severe", "left_subarticular_stenosis_l1_l2": "Moderate"}
    tables = read_tables(rsna.write_tables(tmp_path, [], grades=grades))
    assert len(tables.grades) == 25
    assert tables.grades[StudyRegion(rsna.STUDY, Region.CENTRAL_CANAL, None, Level.L4_L5)] is Grade3.SEVERE
    assert tables.grades[StudyRegion(rsna.STUDY, Region.LATERAL_RECESS, Side.LEFT, Level.L1_L2)] is Grade3.MODERATE
    assert list(tables.grades.values()).count(Grade3.NORMAL_MILD) == 23


def test_missing_and_unknown_grades_are_told_and_kept_without(tmp_path: Path) -> None:
    grades = {"spinal_canal_stenosis_l1_l2": "", "spinal_canal_stenosis_l2_l3": "Mild"}
    found = reasons(tmp_path, [], grades=grades)
    assert found == [
        (2, "spinal_canal_stenosis_l1_l2: no grade; kept without a grade"),
        (2, 'spinal_canal_stenosis_l2_l3: "Mild"; expected one of Normal/Mild, Moderate, Severe; kept without a grade'),
    ]


def test_points_that_contradict_the_other_files_are_refused(tmp_path: Path) -> None:
    points = [
        "22,3,Left Neural Foraminal Narrowing,L1/L2,10.5,20.5",
        "22,3,Left Neural Foraminal Narrowing,L1/L2,10.5,20.5",
        "21,3,Left Neural Foraminal Narrowing,L1/L2,10.5,20.5",
        "22,3,Spinal Canal Stenosis,L1/L2,10.5,20.5",
        "99,3,Spinal Canal Stenosis,L1/L2,10.5,20.5",
        "21,3,Facet Arthropathy,L1/L2,10.5,20.5",
        "21,3,Spinal Canal Stenosis,L6/S1,10.5,20.5",
        "21,2.5,Spinal Canal Stenosis,L1/L2,10.5,20.5",
        "21,3,Spinal Canal Stenosis,L1/L2,,20.5",
        "21,3,Spinal Canal Stenosis,L1/L2,inf,20.5",
    ]
    found = reasons(tmp_path, points)
    assert [line for line, _ in found] == list(range(3, 12))
    for (_, reason), expected in zip(
        found,
        [
            "same region on the same picture as line 2",
            "neural_foramen marked on a series Sagittal T2/STIR; expected Sagittal T1",
            "central_canal marked on a series Sagittal T1; expected Sagittal T2/STIR",
            "series 99 of study 4711 is not in train_series_descriptions.csv",
            'condition "Facet Arthropathy"',
            'level "L6/S1"',
            'instance_number "2.5"',
            'x ""; expected a number',
            'x "inf"; expected a number',
        ],
        strict=True,
    ):
        assert expected in reason


def test_studies_without_series_and_lines_twice_are_told(tmp_path: Path) -> None:
    header = "study_id,series_id,series_description\n"
    assert reasons(tmp_path, [], series=header) == [(None, "study 4711 has no series in train_series_descriptions.csv")]
    series = f"{rsna.SERIES}{rsna.STUDY},{rsna.AXIAL},Sagittal T1\n{rsna.STUDY},30,Coronal T2\n"
    assert [reason for _, reason in reasons(tmp_path, [], series=series)] == [
        "series 23 is repeated as Sagittal T1; first Axial T2",
        'description "Coronal T2"; expected one of Sagittal T2/STIR, Sagittal T1, Axial T2',
    ]
    (tmp_path / "train.csv").write_text((tmp_path / "train.csv").read_text() + f"{rsna.STUDY}" + "," * 25 + "\n")
    assert "study 4711 is repeated, first on line 2" in [item.reason for item in read_tables(tmp_path).refused]


def place(folder: Path, points: list[str], **changes: Any) -> tuple[RsnaTables, PlacedPoints]:
    tables = read_tables(rsna.write_tables(folder, points))
    settings = {"targets": TARGETS, "picture_of": picture_of} | changes
    return tables, place_points(tables, **settings)


def test_a_foramen_is_boxed_with_both_spacings(tmp_path: Path) -> None:
    """22 mm of 1.0 mm rows are 11 up and down; 13 mm of 0.5 mm columns are 13 to each side."""
    _, placed = place(tmp_path, ["22,3,Left Neural Foraminal Narrowing,L4/L5,60,40"])
    [label] = placed.labels
    assert label.key == f"{STUDY}-sagittal-03"
    [item] = label.annotations
    assert item.box == pytest.approx((29.0, 47.0, 51.0, 73.0))
    assert (item.region, item.side, item.level, item.grade) == (Region.NEURAL_FORAMEN, Side.LEFT, Level.L4_L5, None)


def test_a_box_at_the_border_is_clipped_and_a_point_beyond_refused(tmp_path: Path) -> None:
    points = ["22,3,Left Neural Foraminal Narrowing,L1/L2,2,4", "22,3,Left Neural Foraminal Narrowing,L2/L3,130,4"]
    _, placed = place(tmp_path, points)
    assert placed.labels[0].annotations[0].box == pytest.approx((0.0, 0.0, 15.0, 15.0))
    assert [(item.line, item.reason) for item in placed.refused] == [
        (3, "x 130, y 4 lies outside the picture of 120 x 96")
    ]


def test_a_canal_goes_to_the_axial_slice_through_its_point(tmp_path: Path) -> None:
    """By hand: column 80, row 44 of sagittal 4 is x = 4, y = -30 + 79.5 / 2 = 9.75, z = 48 - 43.5 = 4.5 mm.

    The nearest axial slice is number 3, at z = 5. There x = 4 is column 68 and y = 9.75 row 57.75 from pixel centres,
    half a pixel more from corners; the box is 16 x 19 mm.
    """
    _, placed = place(tmp_path, ["21,4,Spinal Canal Stenosis,L2/L3,80,44"])
    [label] = placed.labels
    assert label.key == f"{STUDY}-axial-03"
    assert label.annotations[0].box == pytest.approx((58.25 - 8, 68.5 - 19, 58.25 + 8, 68.5 + 19))
    assert placed.refused == ()


def test_a_canal_far_from_every_axial_slice_is_refused(tmp_path: Path) -> None:
    _, placed = place(tmp_path, ["21,4,Spinal Canal Stenosis,L5/S1,80,90"])
    assert placed.refused[0].reason == "nearest axial slice passes 21.5 mm away; expected at most 3"
    moved = [target(rsna.AXIAL, n, frame="2") for n in range(1, 9)]
    _, placed = place(tmp_path, ["21,4,Spinal Canal Stenosis,L2/L3,80,44"], targets=moved)
    assert "different frames of reference" in placed.refused[0].reason


def test_a_mark_on_a_series_that_ingest_did_not_take_is_refused(tmp_path: Path) -> None:
    _, placed = place(tmp_path, ["24,2,Right Subarticular Stenosis,L5/S1,50,60"])
    assert placed.labels == ()
    assert placed.refused[0].reason == "picture 4711/24/2.dcm is not among the slices: ingest took another series"


def test_a_region_is_boxed_once(tmp_path: Path) -> None:
    points = [
        "23,4,Right Subarticular Stenosis,L4/L5,40,60",
        "23,5,Right Subarticular Stenosis,L4/L5,40,60",
        "23,4,Right Subarticular Stenosis,L5/S1,44,60",
        "23,4,Left Subarticular Stenosis,L4/L5,80,60",
    ]
    _, placed = place(tmp_path, points)
    assert [len(label.annotations) for label in placed.labels] == [2]
    assert [(item.line, item.reason) for item in placed.refused] == [
        (3, f"region already boxed on slice {STUDY}-axial-04; the first point counts"),
        (4, f"slice {STUDY}-axial-04 already has this region, at L4-L5; it can have one"),
    ]


def test_a_study_that_ingest_refused_is_told(tmp_path: Path) -> None:
    _, placed = place(tmp_path, [], targets=[])
    assert placed.refused[0].reason == "study 4711 is not among the slices; see refused.csv of ingest"


def test_the_table_has_every_region_with_or_without_a_box(tmp_path: Path) -> None:
    tables, placed = place(tmp_path, ["22,3,Left Neural Foraminal Narrowing,L4/L5,60,40"])
    table = grades3_table(tables.grades, placed)
    assert len(table) == 25 and set(table["grade3"]) == {"normal_mild"}
    assert list(table.loc[table["slice"] != "", "level"]) == ["L4-L5"]


@given(
    row=st.floats(20, 70), column=st.floats(30, 90), spacing=st.tuples(st.floats(0.4, 1.5), st.floats(0.4, 1.5)),
    turn=st.booleans(),
)  # fmt: skip
def test_a_turned_slice_gives_the_same_millimetres(
    row: float, column: float, spacing: tuple[float, float], turn: bool
) -> None:
    """A picture hung upside down has its box elsewhere in pixels and at the same place in the patient."""
    geometry = SliceGeometry((0.0, 0.0, 0.0), (1, 0, 0), (0, 1, 0), spacing, (200, 240))
    point_mm = pixel_to_patient(geometry, [row, column])
    if turn:
        last = pixel_to_patient(geometry, [199, 239]).tolist()
        geometry = SliceGeometry((last[0], last[1], last[2]), (-1, 0, 0), (0, -1, 0), spacing, (200, 240))
    box = np.array(point_box(point_mm.tolist(), geometry, height_mm=10.0, width_mm=6.0))
    inside = (box[:2] > 0).all() and box[2] < 200 and box[3] < 240
    if inside:
        assert (box[2:] - box[:2]) * spacing == pytest.approx((10.0, 6.0))
        centre = (box[:2] + box[2:]) / 2 - 0.5
        assert pixel_to_patient(geometry, centre) == pytest.approx(point_mm, abs=1e-6)


def test_every_region_has_a_size_and_a_point_beside_the_slice_none() -> None:
    assert set(BOX_MM) == set(Region)
    with pytest.raises(AnnotationError, match="lies outside the image"):
        point_box([500.0, 0.0, 0.0], axial(1), height_mm=10.0, width_mm=10.0)
