"""The original authors' label files: image sides become patient sides, grades come from text files."""

import re
from pathlib import Path

import pytest
from picture_samples import write_picture, write_voc_text

from tfspine.annotations.importers.pictures import LabelledPicture
from tfspine.annotations.importers.spineai import PATIENT_PATTERN, SpineAiOptions, read_sides, read_spineai
from tfspine.errors import AnnotationError
from tfspine.labels import DETECTOR_CLASSES, Grade, Plane, Region, Side
from tfspine.structures import Refusal

OPTIONS = SpineAiOptions(re.compile(PATIENT_PATTERN), {})
AXIAL = "12--Axial_3--7"
SAGITTAL = "12--T1W_Sagittal_2--19"
THREE = [("right", (41, 5, 50, 15)), ("left", (11, 5, 20, 15)), ("center", (25, 5, 36, 20))]
FORAMINA = [("sagittal", (5, 30, 15, 40)), ("sagittal", (6, 2, 16, 12)), ("0", (4, 16, 14, 26))]


def read(folder: Path, options: SpineAiOptions = OPTIONS) -> tuple[list[LabelledPicture], list[Refusal]]:
    items = list(read_spineai(folder, options))
    pictures = [item for item in items if isinstance(item, LabelledPicture)]
    return pictures, [item for item in items if isinstance(item, Refusal)]


def by_place(picture: LabelledPicture) -> dict[tuple[Region, Side | None], Grade | None]:
    return {(item.region, item.side): item.grade for item in picture.annotations}


def test_the_images_left_is_the_patients_right(tmp_path: Path) -> None:
    """Detector class 1, which the authors call left, is the patient's right recess (docs/architecture.md)."""
    write_picture(tmp_path / f"{AXIAL}.JPG")
    write_voc_text(tmp_path / f"{AXIAL}.xml", THREE)
    [picture], refused = read(tmp_path)
    assert refused == []
    assert (picture.plane, picture.patient) == (Plane.AXIAL, "12")
    xmin = {(item.region, item.side): item.box[1] for item in picture.annotations}
    assert xmin[Region.LATERAL_RECESS, Side.RIGHT] == 10.0  # the box at the image's left
    assert xmin[Region.LATERAL_RECESS, Side.LEFT] == 40.0
    first = DETECTOR_CLASSES[Plane.AXIAL][0]
    assert (first.class_id, first.side) == (1, Side.RIGHT)


def test_axial_grades_come_from_the_three_text_files(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / f"{AXIAL}.jpg")
    write_voc_text(tmp_path / "images" / f"{AXIAL}.xml", THREE)
    for kind, grade in (("center", "4"), ("left", "2"), ("right", "1")):
        (tmp_path / f"Axial_1-491-axial-{kind}-label.txt").write_text(f"{AXIAL}.xml {grade}\n")
    [picture], refused = read(tmp_path)
    assert refused == []
    assert by_place(picture) == {
        (Region.CENTRAL_CANAL, None): Grade.SEVERE,
        (Region.LATERAL_RECESS, Side.RIGHT): Grade.MILD,
        (Region.LATERAL_RECESS, Side.LEFT): Grade.NORMAL,
    }


def test_sagittal_grades_go_from_top_to_bottom(tmp_path: Path) -> None:
    """The boxes stand in the file in another order; words and digits may be mixed."""
    write_picture(tmp_path / f"{SAGITTAL}.png")
    write_voc_text(tmp_path / f"{SAGITTAL}.xml", FORAMINA)
    (tmp_path / "Sag-sagittal-label.txt").write_text(f"{SAGITTAL}.xml normal 3 severe\n\n")
    [picture], refused = read(tmp_path)
    assert refused == []
    assert [(item.box[0], item.grade) for item in picture.annotations] == [
        (1.0, Grade.NORMAL),
        (15.0, Grade.MODERATE),
        (29.0, Grade.SEVERE),
    ]
    assert {item.side for item in picture.annotations} == {None}


def test_counts_that_do_not_fit_are_refused_with_file_and_line(tmp_path: Path) -> None:
    write_picture(tmp_path / f"{SAGITTAL}.png")
    write_voc_text(tmp_path / f"{SAGITTAL}.xml", FORAMINA)
    (tmp_path / "Sag-sagittal-label.txt").write_text(f"\n{SAGITTAL}.xml 1 2\nmissing.xml 1\n{SAGITTAL} 1\nx.xml five\n")
    [picture], refused = read(tmp_path)
    assert {item.grade for item in picture.annotations} == {None}
    assert {(item.line, item.reason) for item in refused} == {
        (2, f"{SAGITTAL}.xml: 2 grades for 3 sagittal boxes; none is used"),
        (3, "no label file missing.xml"),
        (4, "expected the name of a label file (.xml), then its grades"),
        (5, 'grade "five"; expected one of normal, mild, moderate, severe, 1, 2, 3, 4'),
    }
    assert {item.file for item in refused} == {"Sag-sagittal-label.txt"}


def test_contradicting_lines_grade_nothing(tmp_path: Path) -> None:
    write_picture(tmp_path / f"{AXIAL}.jpg")
    write_voc_text(tmp_path / f"{AXIAL}.xml", THREE)
    text = f"{AXIAL}.xml 2\n{AXIAL}.xml 3\n"
    (tmp_path / "a-axial-center-label.txt").write_text(text)
    [picture], [refusal] = read(tmp_path)
    assert by_place(picture)[Region.CENTRAL_CANAL, None] is None
    assert refusal.line == 2 and "neither is used" in refusal.reason


def test_objects_that_are_grades(tmp_path: Path) -> None:
    """Three axial boxes are recess, canal, recess from the image's left; two cannot be told apart."""
    objects = [("severe", (25, 5, 36, 20)), ("2", (41, 5, 50, 15)), ("normal", (11, 5, 20, 15))]
    for stem, count in (("1--axial--1", 3), ("1--axial--2", 2)):
        write_picture(tmp_path / f"{stem}.jpg")
        write_voc_text(tmp_path / f"{stem}.xml", objects[:count])
    [picture], [refusal] = read(tmp_path)
    assert by_place(picture) == {
        (Region.LATERAL_RECESS, Side.RIGHT): Grade.NORMAL,
        (Region.CENTRAL_CANAL, None): Grade.SEVERE,
        (Region.LATERAL_RECESS, Side.LEFT): Grade.MILD,
    }
    assert refusal.reason == "2 graded axial boxes; expected 3, else their regions are unknown"


def test_objects_that_are_grades_on_a_sagittal_slice(tmp_path: Path) -> None:
    write_picture(tmp_path / f"{SAGITTAL}.jpg")
    write_voc_text(tmp_path / f"{SAGITTAL}.xml", [("4", (5, 30, 15, 40)), ("mild", (5, 2, 15, 12))])
    [picture], _ = read(tmp_path, SpineAiOptions(OPTIONS.patient, {SAGITTAL: Side.LEFT}))
    assert [(item.grade, item.side) for item in picture.annotations] == [
        (Grade.MILD, Side.LEFT),
        (Grade.SEVERE, Side.LEFT),
    ]


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ([("left", (1, 1, 9, 9)), ("sagittal", (1, 1, 9, 9))], "expected labels of one kind"),
        ([("left", (1, 1, 9, 9)), ("left", (20, 1, 29, 9))], '2 boxes "left"; expected one on a slice'),
        ([("left", (1, 1, 90, 9))], "expected a box inside 48 rows x 64 columns"),
        ([("left", (9, 1, 1, 9))], "expected a box inside"),
        ([("left", ("a", 1, 9, 9))], "expected a whole number of pixels"),
    ],
)
def test_labels_that_mean_nothing_are_refused(tmp_path: Path, objects: list, reason: str) -> None:
    write_picture(tmp_path / f"{AXIAL}.jpg")
    write_voc_text(tmp_path / f"{AXIAL}.xml", objects)
    pictures, [refusal] = read(tmp_path)
    assert pictures == []
    assert reason in refusal.reason
    assert str(tmp_path) not in refusal.reason


def test_pictures_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write_voc_text(tmp_path / "1--a.xml", THREE)
    write_voc_text(tmp_path / "2--a.xml", THREE)
    write_picture(tmp_path / "2--a.png", size=(48, 60))
    write_voc_text(tmp_path / "nobody.xml", THREE)
    write_picture(tmp_path / "nobody.png")
    write_voc_text(tmp_path / "other" / "1--a.xml", THREE)
    pictures, refused = read(tmp_path)
    assert pictures == []
    reasons = {item.file: item.reason for item in refused}
    assert "no picture of that name" in reasons["1--a.xml"]
    assert reasons["2--a.xml"] == "label says [48, 64] pixels; the picture has [48, 60] (rows, columns)"
    assert "no patient in the name" in reasons["nobody.xml"]
    assert "same name as 1--a.xml" in reasons["other/1--a.xml"]


def test_a_table_of_sides_that_contradicts_itself(tmp_path: Path) -> None:
    path = tmp_path / "sides.csv"
    path.write_text("file,side\na.JPG,left\nb.png,right\n")
    assert read_sides(path) == {"a": Side.LEFT, "b": Side.RIGHT}
    path.write_text("file,side\na.JPG,left\na.xml,right\n")
    with pytest.raises(AnnotationError, match=r"line 3: a\.xml is listed with both sides"):
        read_sides(path)
    path.write_text("file,side\na.JPG,L\n")
    with pytest.raises(AnnotationError, match='line 2: side "L"; expected left or right'):
        read_sides(path)
