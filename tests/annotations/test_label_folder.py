"""What is said of a folder that holds no labels, or labels of other slices."""

import json
from pathlib import Path

import pytest

from tfspine.annotations.label_folder import label_files, labels_below, labels_of_slices
from tfspine.errors import AnnotationError
from tfspine.outputs import write_text


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no other files; name the folder that LabelImg saves to"),
        (
            {"s1.txt": "0 0.5 0.5 0.25 0.125\n", "classes.txt": "canal\n"},
            "1 YOLO files, the first s1.txt; save as PascalVOC",
        ),
        ({"a.json": json.dumps({"images": [], "annotations": [], "categories": []})}, "a.json is a COCO file"),
        ({"a.json": json.dumps([{"image": "a.png", "annotations": []}])}, "a.json is a CreateML file"),
        (
            {"deep/s1.xml": "", "other/s2.xml": ""},
            "they lie in .*deep and 1 more folders;",
        ),
        ({"s1.png": "", "s2.PNG": ""}, "2 pictures and no labels; draw boxes with LabelImg"),
        ({"notes.docx": "", "other.txt": "0 1 2"}, "2 other files"),
    ],
)
def test_a_folder_without_labels_says_what_it_holds(files: dict[str, str], said: str, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    for name, content in files.items():
        write_text(tmp_path / "labels" / name, content)
    with pytest.raises(AnnotationError, match=rf"labels: no label files \(\*\.xml\); {said}"):
        label_files(tmp_path / "labels")


def test_labels_of_no_slice_are_of_another_ingest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_text(tmp_path / f"{name}.xml", "<annotation/>")
    with pytest.raises(AnnotationError, match=r"none of 2 label files, the first a\.xml, .*another ingest or de-ident"):
        labels_of_slices(tmp_path, ["c", "d", "e"])
    assert list(labels_of_slices(tmp_path, ["b", "c"])) == ["a", "b"]  # a stranger beside others is told one by one


def test_labels_below_a_folder_are_found_whatever_the_case_of_their_endings(tmp_path: Path) -> None:
    (tmp_path / "patient").mkdir()
    for name in ("a.xml", "patient/b.XML", "patient/c.Xml", "patient/d.txt"):
        (tmp_path / name).write_text("")
    assert sorted(path.name for path in labels_below(tmp_path)) == ["a.xml", "b.XML", "c.Xml"]
