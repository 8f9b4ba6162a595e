"""``tfspine evaluate`` on files, in a fresh interpreter without TensorFlow and in this one."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from blocked_imports import TENSORFLOW, run_without

from tfspine.cli.main import main
from tfspine.formats.slices_csv import SLICE_COLUMNS

TABLES = ("reference", "recall_cost", "recall", "agreement_four", "agreement_two", "accuracy")

VOC = """<annotation><filename>{key}.png</filename><size><width>64</width><height>64</height><depth>1</depth></size>
{objects}</annotation>"""
CANAL = """<object><name>central_canal:severe</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>10</ymax>
</bndbox></object>"""


@pytest.fixture
def files(tmp_path: Path, box_table: Callable[..., pd.DataFrame]) -> Path:
    """Write a reference of two studies, a reader of three, splits, and the same reference as labels with slices."""
    severe = {"grade": "severe"}
    rows = [{**severe, "study": study, "slice": f"{study}-axial-01"} for study in ("s1", "s2", "s3")]
    box_table(*rows[:2]).to_csv(tmp_path / "reference.csv", index=False)
    box_table(*rows).to_csv(tmp_path / "reader.csv", index=False)
    boxes = pd.read_csv(tmp_path / "reader.csv")
    pd.concat([boxes, boxes]).to_csv(tmp_path / "twice.csv", index=False)
    boxes.assign(slice="far-" + boxes["slice"]).to_csv(tmp_path / "far.csv", index=False)
    boxes.head(0).to_csv(tmp_path / "nothing.csv", index=False)
    (tmp_path / "splits.csv").write_text("patient,study,split\np1,s1,test\np2,s2,train\n")
    (tmp_path / "labels").mkdir()
    (tmp_path / "slices").mkdir()
    for key, objects in (("s1-axial-01", CANAL), ("s2-axial-01", "")):
        (tmp_path / "labels" / f"{key}.xml").write_text(VOC.format(key=key, objects=objects))
    slices = [
        dict.fromkeys(SLICE_COLUMNS, 0)
        | {"key": f"{s}-axial-01", "study": s, "patient": s, "plane": "axial", "rows": 64, "columns": 64}
        for s in ("s1", "s2", "s3")
    ]
    pd.DataFrame(slices, columns=list(SLICE_COLUMNS)).to_csv(tmp_path / "slices" / "slices.csv", index=False)
    return tmp_path


def words(files: Path, *more: str | Path, reference: str = "reference.csv") -> list[str]:
    usual = ["evaluate", "--reference", files / reference, "--reader", f"model={files / 'reader.csv'}"]
    return [*map(str, usual), "--extent", "paper", "--out", str(files / "evaluation"), *map(str, more)]


def measured(files: Path) -> dict:
    return json.loads((files / "evaluation" / "metrics.json").read_text())["readers"]["model"]


def test_everything_is_written_without_tensorflow(files: Path) -> None:
    done = run_without(TENSORFLOW, *words(files))
    assert done.returncode == 0, done.stderr
    out = files / "evaluation"
    assert "100.0 (15.8, 100.0)" in done.stdout  # Clopper-Pearson of 2/2 in any table
    assert "1 boxes on 1 slices outside" in done.stdout
    assert done.stdout.strip() == (out / "summary.txt").read_text().strip()
    assert {path.name for path in out.iterdir()} == {
        "metrics.json", "summary.txt", "manifest.json", "SHA256SUMS", "confusion_model_central_canal.png",
        *(f"{name}.{kind}" for name in TABLES for kind in ("csv", "json", "md", "png")),
    }  # fmt: skip
    assert pd.read_csv(out / "recall.csv")["boxes"].tolist() == [2]


def test_only_the_split_is_compared(files: Path) -> None:
    assert main(words(files, "--splits", files / "splits.csv", "--split", "test")) == 0
    reader = measured(files)
    assert (reader["studies"], reader["outside_boxes"]) == (1, 2)
    assert reader["regions"]["central_canal"]["detection"][0]["recall"]["n"] == 1


def test_a_labelled_slice_without_boxes_is_compared_too(files: Path) -> None:
    assert main(words(files, "--slices", files / "slices", reference="labels")) == 0
    canal = measured(files)["regions"]["central_canal"]
    assert canal["images"] == 2
    assert canal["detection"][0]["false_positives_per_image"]["value"] == 0.5
    assert measured(files)["outside_slices"] == 1


def test_a_reader_may_be_a_folder_of_labels(files: Path) -> None:
    labels = f"same={files / 'labels'}"
    assert main(words(files, "--slices", files / "slices", "--reader", labels, reference="labels")) == 0
    readers = json.loads((files / "evaluation" / "metrics.json").read_text())["readers"]
    assert readers["same"]["regions"]["central_canal"]["detection"][0]["recall"]["value"] == 1.0
    assert (readers["same"]["outside_boxes"], readers["model"]["outside_boxes"]) == (0, 1)


def test_an_average_of_versions_can_be_the_model(files: Path) -> None:
    members = ("--reader", f"other={files / 'reference.csv'}", "--average", "mean=model,other", "--model", "mean")
    assert main(words(files, *members)) == 0
    accuracy = pd.read_csv(files / "evaluation" / "accuracy.csv")
    assert accuracy["reader"].tolist() == ["model", "other", "mean"]
    assert (files / "evaluation" / "accuracy.md").read_text().count("against mean, paired; by box, pooled z") == 1


def test_studies_left_out_of_the_second_set_are_not_compared(files: Path) -> None:
    (files / "excluded").mkdir()
    (files / "excluded" / "studies.csv").write_text(
        "study,patient,axial,sagittal,verdict,left_out_by,detail,flags\n"
        "s1,p1,1,1,exclude,scoliosis,,\ns2,p2,1,1,include,,,\ns3,p3,1,1,include,,,\n"
    )
    external = ("--external-reference", files / "reference.csv", "--external-reader", f"model={files / 'reader.csv'}")
    slices = ("--external-slices", files / "slices", "--external-exclusions", files / "excluded")
    assert main(words(files, *external, *slices)) == 0
    content = json.loads((files / "evaluation" / "metrics.json").read_text())
    assert (content["readers"]["model"]["studies"], content["external"]["readers"]["model"]["studies"]) == (2, 1)
    cohort = pd.read_csv(files / "evaluation" / "cohort.csv", index_col=0)
    assert cohort.loc["Studies"].tolist() == ["2"]  # s2 and s3


def test_a_figure_of_the_second_set_overwrites_none_of_the_first(files: Path, capsys) -> None:
    reader = str(files / "reader.csv")
    second = ("--external-reference", files / "reference.csv", "--external-reader", f"model={reader}")
    assert main(words(files, "--reader", f"external_model={reader}", *second)) == 2
    assert "names too alike for file names" in capsys.readouterr().err


def test_an_average_that_the_second_set_lacks_is_said(files: Path) -> None:
    members = ("--reader", f"other={files / 'reference.csv'}", "--average", "mean=model,other")
    second = ("--external-reference", files / "reference.csv", "--external-reader", f"model={files / 'reader.csv'}")
    assert main(words(files, *members, *second)) == 0
    summary = (files / "evaluation" / "summary.txt").read_text()
    assert "mean, external: no average, as not all of its members read this set" in summary


def test_what_is_not_made_is_said_with_the_reason(files: Path) -> None:
    assert main([*words(files), "--extent", "full", "--set", "evaluation.replicates=20"]) == 0
    summary = (files / "evaluation" / "summary.txt").read_text()
    assert "Not made: discrimination, calibration, rsna_2024: no reader with probabilities" in summary
    assert "Not made: comparisons: no other reader besides members of the model" in summary
    assert not (files / "evaluation" / "calibration.csv").exists()
    subgroups = (files / "evaluation" / "subgroups.md").read_text()
    assert "Not known here: vendor, field, sex, age" in subgroups


def test_json_for_a_program(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(files, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["readers"]["model"] == measured(files)


@pytest.mark.parametrize(
    ("more", "reference", "message"),
    [
        (["--reader", "nobody"], "reference.csv", '"nobody": expected NAME=FILE'),
        (["--reader", "model=x.csv"], "reference.csv", '"model": named twice'),
        ([], "labels", "name the slices it belongs to with --slices"),
        (["--reader", "people=labels"], "reference.csv", "labels: a folder of labels; name the slices"),
        ([], "missing.csv", "missing.csv: cannot be read"),
        (["--splits", "splits.csv", "--split", "validation"], "reference.csv", 'no study of split "validation"'),
        (["--model", "nobody"], "reference.csv", '--model "nobody": no such reader; expected one of model'),
        (["--repeat", "nobody=x.csv"], "reference.csv", "expected one of reference, model"),
        (["--average", "all=model,nobody"], "reference.csv", 'no reader "nobody"; expected one of model'),
        (["--average", "all=model"], "reference.csv", "an average of 1 member"),
        (["--external-reference", "reference.csv"], "reference.csv", "belong together"),
        (["--external-exclusions", "slices"], "reference.csv", "add --external-reference"),
        (["--validation", "model=reader.csv"], "reference.csv", "add --splits"),
        (["--flow", "slices"], "reference.csv", "flow.csv: not found; expected the folder that tfspine flow wrote"),
        (["--average", "all=model,model"], "reference.csv", '--average "all": a reader named twice'),
        (["--average", "all="], "reference.csv", "expected NAME=A,B,..., for example model=m1,m2,m3"),
        (["--validation", "nobody=x.csv", "--splits", "splits.csv"], "reference.csv", '--validation "nobody": no such'),
        (["--external-slices", "slices"], "reference.csv", "add --external-reference"),
        (["--split", "validation"], "reference.csv", "--split: has no effect on its own; add --splits"),
        (["--dicom", "slices"], "reference.csv", "--dicom: has no effect on its own; add --slices"),
        (["--run", "labels"], "reference.csv", "labels/manifest.json: not a readable manifest"),
        (
            ["--reader", "twice=twice.csv"],
            "reference.csv",
            "twice.csv: 3 boxes are duplicated, the first a central_ca",
        ),
        (["--reader", "far=far.csv"], "reference.csv", "none of the 3 boxes of far is on a slice that is compared"),
        (["--repeat", "reference=far.csv"], "reference.csv", "none of the 3 boxes of reference is on a slice"),
        ([], "nothing.csv", "nothing.csv: no boxes; expected the boxes of the reference"),
        (["--external-reference", "labels", "--external-reader", "m=reader.csv"], "reference.csv", "--external-slices"),
        (["--set", "evaluation.margin=-0.1"], "reference.csv", "evaluation.margin = -0.1; expected a share between"),
        (["--set", "evaluation.iuo=0.3"], "reference.csv", 'did you mean "evaluation.iou"'),
    ],
)
def test_wrong_input_is_one_line(files, more, reference, message, capsys, monkeypatch) -> None:
    monkeypatch.chdir(files)
    assert main(words(files, *more, reference=reference)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (files / "evaluation").exists()
