"""Templates name what importers read, and no new box has a grade before somebody gives it one."""

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from export_samples import AXIAL, write_slices

from tfspine.cli.main import main
from tfspine.labels import GRADE_WORDS, LEVELS, parse_object_name


def written(tmp_path: Path, program: str) -> str:
    out = tmp_path / "template"
    assert main(["labels", "template", "--format", program, "--out", str(out)]) == 0
    return out.read_text()


def test_labelimg_has_one_name_a_line_each_with_a_grade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = written(tmp_path, "labelimg").splitlines()
    assert len(lines) == len(set(lines)) == 5 * 4
    assert {parse_object_name(line)[2] is not None for line in lines} == {True}
    capsys.readouterr()
    assert main(["info", "--labels"]) == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert main(["info", "--labels", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == lines


def test_cvat_labels_are_rectangles_whose_default_is_no_grade(tmp_path: Path) -> None:
    labels = json.loads(written(tmp_path, "cvat"))
    assert [parse_object_name(label["name"])[2] for label in labels] == [None] * 5
    assert {label["type"] for label in labels} == {"rectangle"}
    for label in labels:
        grade, level = label["attributes"]
        assert (grade["name"], grade["values"]) == ("grade", ["ungraded", *GRADE_WORDS])
        assert (level["name"], level["values"]) == ("level", ["unknown", *LEVELS])
        assert grade["default_value"] == "ungraded" and grade["input_type"] == "select" and not grade["mutable"]


def test_label_studio_has_unrotated_rectangles_and_choices_of_each(tmp_path: Path) -> None:
    view = ElementTree.fromstring(written(tmp_path, "labelstudio"))  # noqa: S314, our own
    (rectangles,) = view.findall("RectangleLabels")
    assert rectangles.get("canRotate") == "false"
    assert [parse_object_name(label.get("value", ""))[2] for label in rectangles] == [None] * 5
    choices = {item.get("name"): [choice.get("value") for choice in item] for item in view.findall("Choices")}
    assert choices == {"grade": ["ungraded", *GRADE_WORDS], "level": ["unknown", *LEVELS]}
    assert {item.get("perRegion") for item in view.findall("Choices")} == {"true"}
    assert {item.get("toName") for item in view if item.get("toName")} == {view.find("Image").get("name")}  # type: ignore[union-attr]


def test_settings_are_told_to_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--settings"]) == 0
    told = capsys.readouterr().out
    assert "[detector]\nimage_size_px = [600, 1024]  # 2 of int, 16 to 8192 px\n    The shorter side" in told
    assert max(map(len, told.splitlines())) <= 80
    assert main(["info", "--settings", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert set(rows[0]) == {"section", "key", "type", "default", "range", "unit", "text"}


def test_predictions_go_out_with_their_scores(tmp_path: Path) -> None:
    slices = write_slices(tmp_path / "slices")
    row = {
        **{"study": "0123456789", "slice": AXIAL, "plane": "axial", "region": "central_canal", "side": ""},
        **{"level": "L4-L5", "ymin": "1", "xmin": "2", "ymax": "11", "xmax": "22", "grade": "mild", "score": "0.5"},
    }
    with (tmp_path / "predictions.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    words = ["--predictions", str(tmp_path / "predictions.csv"), "--slices", str(slices)]
    assert main(["export-labels", "coco", *words, "--out", str(tmp_path / "x.json"), "--json"]) == 0
    (box,) = json.loads((tmp_path / "x.json").read_text())["annotations"]
    assert box["bbox"] == [2.0, 1.0, 20.0, 10.0]
    assert (box["score"], box["attributes"]) == (0.5, {"grade": "mild", "level": "L4-L5"})


def test_boxes_on_a_slice_that_is_not_there_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slices = write_slices(tmp_path / "slices")
    header = "study,slice,plane,region,side,level,ymin,xmin,ymax,xmax,grade"
    (tmp_path / "boxes.csv").write_text(f"{header}\n1,elsewhere,axial,central_canal,,,1,1,5,5,\n")
    words = ["--predictions", str(tmp_path / "boxes.csv"), "--slices", str(slices), "--out", str(tmp_path / "x.json")]
    assert main(["export-labels", "coco", *words]) == 2
    assert "no slice elsewhere in" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()
