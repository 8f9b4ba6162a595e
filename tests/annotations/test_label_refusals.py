"""What label files, tables and splits refuse, and how they say it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfspine.annotations.labelled_boxes import labels_table
from tfspine.annotations.splits import split_table
from tfspine.errors import FormatError
from tfspine.formats.boxes_csv import BOX_COLUMNS, read_boxes, readings_table, write_boxes
from tfspine.formats.labelimg_xml import from_voc_box, read_voc, to_voc_box, write_voc
from tfspine.formats.slices_csv import SLICE_COLUMNS
from tfspine.formats.splits_csv import read_splits, write_split_table
from tfspine.labels import Grade, Level, Region, Side
from tfspine.structures import AnnotatedSlice, Annotation, Box

SIZE = (100, 120)


def one_line(action: Callable[[], object]) -> str:
    with pytest.raises(FormatError) as error:
        action()
    assert "\n" not in str(error.value)
    return str(error.value)


def canal(box: Box) -> AnnotatedSlice:
    return AnnotatedSlice("k", SIZE, (Annotation(box, Region.CENTRAL_CANAL, None, Grade.MILD),))


@settings(deadline=None)
@given(st.tuples(st.floats(0, 99), st.floats(0, 119)), st.tuples(st.floats(0.01, 60), st.floats(0.01, 60)))
def test_a_float_box_moves_by_at_most_a_pixel(corner: tuple[float, float], extent: tuple[float, float]) -> None:
    ymin, xmin = corner
    box = (ymin, xmin, min(ymin + extent[0], 100.0), min(xmin + extent[1], 120.0))
    back = from_voc_box(to_voc_box(box, SIZE))
    assert all(abs(after - before) <= 1 for after, before in zip(back, box, strict=True))
    assert 0 <= back[0] < back[2] <= 100
    assert 0 <= back[1] < back[3] <= 120


def test_a_corner_a_hair_outside_lies_on_the_border(tmp_path: Path) -> None:
    write_voc(tmp_path / "k.xml", canal((-1e-5, 3.0, 20.0, 120.00001)))
    assert read_voc(tmp_path / "k.xml").annotations[0].box == (0.0, 3.0, 20.0, 120.0)


@pytest.mark.parametrize("box", [(-2.0, 0.0, 5.0, 5.0), (5.0, 0.0, 5.0, 5.0), (0.0, 0.0, float("nan"), 5.0)])
def test_a_box_outside_or_without_area_is_not_written(tmp_path: Path, box: Box) -> None:
    assert "k.xml: object 1: box" in one_line(lambda: write_voc(tmp_path / "k.xml", canal(box)))
    assert not list(tmp_path.iterdir())


def test_a_foramen_without_side_is_not_written(tmp_path: Path) -> None:
    label = AnnotatedSlice("k", SIZE, (Annotation((1.0, 1.0, 5.0, 5.0), Region.NEURAL_FORAMEN, None),))
    assert "object 1: neural_foramen without a side" in one_line(lambda: write_voc(tmp_path / "k.xml", label))


def test_the_layout_is_labelimgs(tmp_path: Path) -> None:
    """No declaration, tab indent, `level` after the children that other readers count."""
    path = tmp_path / "k.xml"
    item = Annotation((0.0, 1.0, 9.0, 11.0), Region.NEURAL_FORAMEN, Side.LEFT, Grade.SEVERE, Level.L4_L5)
    write_voc(path, AnnotatedSlice("k", SIZE, (item,)))
    lines = path.read_text().splitlines()
    assert lines[0] == "<annotation>"
    assert "\t<filename>k.png</filename>" in lines
    assert "\t\t<width>120</width>" in lines
    assert lines[-3:] == ["\t\t<level>L4-L5</level>", "\t</object>", "</annotation>"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<annotation>", "no element found"),
        (b"", "no element found"),
        (b"<html/>", "<html>"),
        (b'<?xml version="1.0" encoding="shift_jis"?><annotation/>', "multi-byte"),
        (b"<annotation><size><width>4</width></size></annotation>", "size/height"),
    ],
)
def test_a_file_that_is_no_label_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "scan_07.xml"
    path.write_bytes(content)
    message = one_line(lambda: read_voc(path))
    assert "scan_07.xml" in message
    assert said in message


def test_an_unknown_level_lists_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "k.xml"
    item = Annotation((0.0, 1.0, 9.0, 11.0), Region.NEURAL_FORAMEN, Side.LEFT, None, Level.L4_L5)
    write_voc(path, AnnotatedSlice("k", SIZE, (item,)))
    path.write_text(path.read_text().replace("L4-L5", "L4-5"))
    assert 'object 1: level "L4-5"; expected one of L1-L2, ' in one_line(lambda: read_voc(path))


def slices_csv(folder: Path) -> Path:
    row = dict.fromkeys(SLICE_COLUMNS, "1") | {"key": "k", "study": "0012345678", "plane": "axial"}
    path = folder / "slices.csv"
    pd.DataFrame([row | {"rows": "100", "columns": "120"}]).to_csv(path, index=False)
    return folder


def test_labels_become_a_table_that_survives_the_disk(tmp_path: Path) -> None:
    """Pseudonyms of digits only keep their zeros; unknown values stay empty."""
    write_voc(tmp_path / "k.xml", canal((1.0, 2.0, 11.0, 22.0)))
    table = labels_table(tmp_path, slices_csv(tmp_path))
    assert tuple(table.columns) == BOX_COLUMNS
    row = table.iloc[0]
    assert row[["study", "slice", "plane", "side", "level", "grade"]].tolist() == [
        *("0012345678", "k", "axial", "", "", "mild")
    ]
    assert row[["ymin", "xmin", "ymax", "xmax"]].tolist() == [1.0, 2.0, 11.0, 22.0]
    assert pd.isna(row["score"])
    write_boxes(tmp_path / "boxes.csv", table)
    pd.testing.assert_frame_equal(read_boxes(tmp_path / "boxes.csv"), table)


def test_a_table_without_boxes_survives_too(tmp_path: Path) -> None:
    write_boxes(tmp_path / "boxes.csv", readings_table([]))
    pd.testing.assert_frame_equal(read_boxes(tmp_path / "boxes.csv"), readings_table([]))


def test_labels_that_do_not_fit_the_slices_are_refused(tmp_path: Path) -> None:
    table = slices_csv(tmp_path)
    assert "*.xml" in one_line(lambda: labels_table(tmp_path, table))
    write_voc(tmp_path / "k.xml", AnnotatedSlice("k", (90, 120), ()))
    assert "the picture has [100, 120]" in one_line(lambda: labels_table(tmp_path, table))
    (tmp_path / "k.xml").rename(tmp_path / "stray.xml")
    assert "none of 1 label files, the first stray.xml" in one_line(lambda: labels_table(tmp_path, table))
    write_voc(tmp_path / "k.xml", AnnotatedSlice("k", (100, 120), ()))
    assert "stray.xml: no slice stray" in one_line(lambda: labels_table(tmp_path, table))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("region", "canal", 'region "canal"'),
        ("plane", "sagittal", "a region of the row's plane"),
        ("side", "left", "nothing for the canal"),
        ("level", "L6-S1", 'level "L6-S1"'),
        ("ymax", "1", "more than ymin"),
        ("xmin", "wide", 'xmin "wide"'),
        ("xmin", "-3", "above or left of the image"),
        ("score", "1.5", "0 to 1"),
        ("p_mild", "0.5", "four probabilities"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path: Path, column: str, value: str, said: str) -> None:
    write_voc(tmp_path / "k.xml", canal((1.0, 2.0, 11.0, 22.0)))
    table = labels_table(tmp_path, slices_csv(tmp_path)).astype(object)
    table.loc[0, column] = value
    path = tmp_path / "boxes.csv"
    write_boxes(path, table)
    message = one_line(lambda: read_boxes(path))
    assert "boxes.csv: line 2:" in message
    assert said in message


@pytest.mark.parametrize("content", [b"a,b\n1,2\n1,2,3\n", b"\xff\xfe", b"", b"study\n1\n"])
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert "t.csv: " in one_line(lambda: read_boxes(path))
    assert "t.csv: " in one_line(lambda: read_splits(path))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("p,s,train\np,s,test\n", "line 3: study s is listed twice"),
        ("p,s,train\np,t,test\n", "line 3: patient p in test and in train"),
        ("p,,train\n", "line 2: no patient or no study"),
    ],
)
def test_splits_that_leak_are_refused(tmp_path: Path, lines: str, said: str) -> None:
    path = tmp_path / "splits.csv"
    path.write_text(f"patient,study,split\n{lines}")
    assert said in one_line(lambda: read_splits(path))


def test_all_studies_of_a_patient_share_a_split(tmp_path: Path) -> None:
    slices = pd.DataFrame({"patient": ["p", "p", "p", "q"], "study": ["s", "s", "t", "u"]})
    write_split_table(tmp_path / "splits.csv", split_table(slices, {"p": "test", "q": "train"}))
    assert read_splits(tmp_path / "splits.csv") == {"s": "test", "t": "test", "u": "train"}
