"""From DICOM to the splits: who is left out where, and the chart of it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from tfspine.cli.main import main
from tfspine.formats.splits_csv import read_splits

SHARES = ("--set", "split.validation=0.2", "--set", "split.test=0.2")


@pytest.fixture
def ingested(write_study: Callable[..., Path], write_slice: Callable[..., Path], tmp_path: Path) -> Path:
    """Ingest twelve good studies, one with a T1w series only after contrast, and one without axial slices."""
    source = tmp_path / "dicom"
    for number in range(12):
        write_study(source / f"good{number}", uid=f"1.2.{number + 10}", patient=f"P{number}")
    write_study(source / "no_axial", uid="1.2.50", patient="Q1", planes="s")
    write_study(source / "contrast", uid="1.2.60", patient="Q2", planes="a")
    for number in range(6):
        write_slice(
            source / "contrast" / f"gd{number}",
            StudyInstanceUID="1.2.60",
            SeriesInstanceUID="1.2.60.2",
            PatientID="Q2",
            ImageOrientationPatient=[0.0, 1.0, 0.0, 0.0, 0.0, -1.0],
            ImagePositionPatient=[5.0 * number, 0.0, 0.0],
            RepetitionTime=500,
            EchoTime=12,
            ContrastBolusAgent="Gadolinium",
            pixels=np.full((12, 16), 100, np.uint16),
        )
    salt = tmp_path / "salt"  # who falls into which split depends on the pseudonyms
    salt.write_text("the same in every run")
    salt.chmod(0o600)
    assert main(["ingest", str(source), "--out", str(tmp_path / "slices"), "--salt-file", str(salt)]) == 0
    return tmp_path / "slices"


def exclude(ingested: Path, out: Path, *words: str) -> int:
    return main(["exclude", "--slices", str(ingested), "--out", str(out), *words])


def test_children_stay_out_where_headers_give_the_age(
    write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "dicom", tmp_path / "excluded"
    for number, age in enumerate(("017Y", "018Y", "019Y", "", "011M")):
        write_study(source / f"{number}", uid=f"1.2.{number + 10}", patient=f"P{number}")
        for path in sorted((source / f"{number}").rglob("*")):
            if path.is_file():
                ds = pydicom.dcmread(path)
                ds.PatientAge = age
                ds.save_as(path)
    assert main(["ingest", str(source), "--out", str(tmp_path / "slices")]) == 0
    quality = ("--set", "exclusions.quality=ignore", "--set", "exclusions.instrumentation=ignore")
    assert exclude(tmp_path / "slices", out, *quality) == 0
    assert "age was not checked; give --dicom" in capsys.readouterr().err
    assert exclude(tmp_path / "slices", out, *quality, "--dicom", str(source)) == 0
    said = capsys.readouterr()
    assert "3 too young" in said.out and "1 studies flagged" in said.err
    ages = pd.read_csv(out / "exclusions.csv").query("measure == 'age'")
    assert sorted(ages["value"].dropna().round(2)) == [0.92, 17, 18, 19]
    assert len((out / "included.txt").read_text().split()) == 2


def test_the_chain_from_export_to_chart(ingested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, splits = tmp_path / "excluded", tmp_path / "splits.csv"
    assert exclude(ingested, out, "--set", "exclusions.quality=ignore") == 0
    text = capsys.readouterr().out
    for words in ("14 studies seen", "1 after gadolinium", "1 without both series: no axial T2w", "v 12"):
        assert words in text
    table = pd.read_csv(out / "exclusions.csv", dtype=str)
    assert list(table.columns) == ["study", "measure", "value", "threshold", "verdict", "reason"]
    assert set(table.loc[table.verdict == "exclude", "measure"]) == {"gadolinium", "series"}
    studies = (out / "included.txt").read_text().split()
    assert len(studies) == 12

    decisions = tmp_path / "decisions.csv"
    decisions.write_text(f"study,measure,verdict\n{studies[3]},sharpness,exclude\n")
    assert exclude(ingested, out, "--set", "exclusions.quality=ignore", "--decisions", str(decisions)) == 0
    command = ["split", "--slices", str(ingested), "--exclusions", str(out), "--out", str(splits), *SHARES]
    assert main([*command, "--set", "seed=3"]) == 0
    assert "; 3 studies excluded" in capsys.readouterr().out
    assert read_splits(splits)[studies[3]] == "excluded"
    assert len(read_splits(splits)) == 14

    chart = tmp_path / "chart"
    assert (
        main(["flow", "--excluded", str(out), "--splits", str(splits), "--external", str(out), "--out", str(chart)])
        == 0
    )
    text = capsys.readouterr().out
    assert "11 external test" in text
    rows = pd.read_csv(chart / "flow.csv")
    internal = rows[(rows.part == "internal") & rows.reason.isna()].set_index("step").studies
    assert internal[["training", "validation", "internal test"]].sum() == internal["studies included"] == 11
    assert (chart / "flow.svg").is_file()
    assert (chart / "flow.png").is_file()


def test_ingest_again_means_exclude_again(ingested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "excluded"
    assert exclude(ingested, out, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["excluded"] == 2
    table = pd.read_csv(out / "studies.csv", dtype=str)
    table[table.axial != "0"].iloc[1:].to_csv(out / "studies.csv", index=False)
    assert main(["split", "--slices", str(ingested), "--exclusions", str(out), "--out", str(tmp_path / "s.csv")]) == 2
    assert "run tfspine exclude again" in capsys.readouterr().err
    assert not (tmp_path / "s.csv").exists()


def test_a_wrong_limit_is_told_before_measuring(
    ingested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exclude(ingested, tmp_path / "out", "--set", "exclusions.metal_ml=0") == 2
    assert "exclusions.metal_ml = 0.0; expected more than 0" in capsys.readouterr().err
    assert exclude(ingested, tmp_path / "out", "--set", "exclusions.quality=drop") == 2
    assert "expected one of exclude, flag, ignore" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_processes_that_share_the_studies_find_the_same(
    ingested: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for workers in ("1", "2"):
        assert exclude(ingested, tmp_path / workers, "--workers", workers) == 0
    alone, shared = ((tmp_path / workers / "exclusions.csv").read_text() for workers in ("1", "2"))
    assert alone == shared
    assert len(alone.splitlines()) == 1 + 14 + 14 + 14 * 4  # a study of one plane is measured on that
    assert exclude(ingested, tmp_path / "none", "--workers", "0") == 2
    assert "--workers 0; expected 1 or more" in capsys.readouterr().err


def test_a_curve_of_labels_is_measured(ingested: Path, tmp_path: Path) -> None:
    """Canals on six slices 5 mm apart span 25 mm: too short for an angle, which is flagged and not called straight."""
    from tfspine.formats.boxes_csv import BOX_COLUMNS, write_boxes

    slices = pd.read_csv(ingested / "slices.csv", dtype=str)
    axial = slices[slices.plane == "axial"]
    boxes = pd.DataFrame("", index=axial.index, columns=list(BOX_COLUMNS))
    boxes = boxes.assign(study=axial.study, slice=axial.key, plane="axial", region="central_canal")
    boxes[["ymin", "xmin", "ymax", "xmax"]] = ["2", "4", "6", "10"]
    write_boxes(tmp_path / "boxes.csv", boxes)
    assert exclude(ingested, tmp_path / "out", "--detections", str(tmp_path / "boxes.csv")) == 0
    table = pd.read_csv(tmp_path / "out" / "exclusions.csv")
    curve = table[table.measure == "scoliosis"]
    assert len(curve) == 14
    assert set(curve.verdict) == {"flag"}
    assert curve.value.isna().all()
    assert "only 6 places on the midline" in curve.reason.iloc[0]


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ("S,sharpnes,include", 'measure "sharpnes": not among those'),
        ("nobody,sharpness,include", 'study "nobody", measure "sharpness": not among those'),
        ("S,scoliosis,include", 'measure "scoliosis": not among those'),  # no boxes to measure it on
        ("S,sharpness,keep", 'verdict "keep"; expected include or exclude'),
        ("S,sharpness,include\nS,sharpness,exclude", "line 3: study S, measure sharpness: decided twice"),
    ],
)
def test_decisions_are_checked_before_the_measuring(
    ingested: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, decision: str, said: str
) -> None:
    monkeypatch.setattr("tfspine.workflows.exclude._measure", lambda job: pytest.fail("measured before the check"))
    study = pd.read_csv(ingested / "slices.csv", dtype=str)["study"][0]
    path = tmp_path / "decisions.csv"
    path.write_text(f"study,measure,verdict\n{decision.replace('S', study)}\n")
    assert exclude(ingested, tmp_path / "out", "--decisions", str(path)) == 2
    error = capsys.readouterr().err
    assert said.replace("study S", f"study {study}") in error
    assert "decisions.csv: line " in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"study": "other"}, "of study other; in"),
        ({"slice": "other-axial-01"}, "slice other-axial-01 of study"),
        ({"study": "other", "slice": "other-axial-01"}, "it is not there: expected boxes of the same ingest"),
    ],
)
def test_detections_of_another_cohort_are_refused(
    ingested: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], said: str
) -> None:
    monkeypatch.setattr("tfspine.workflows.exclude._measure", lambda job: pytest.fail("measured before the check"))
    slices = pd.read_csv(ingested / "slices.csv", dtype=str)
    first = slices[slices.plane == "axial"].iloc[0]
    row = {"study": first["study"], "slice": first["key"], "plane": "axial", "region": "central_canal", "side": ""}
    row |= {"level": "", "ymin": 1, "xmin": 1, "ymax": 5, "xmax": 5, "grade": "mild"}
    pd.DataFrame([row, row | change]).to_csv(tmp_path / "found.csv", index=False)
    assert exclude(ingested, tmp_path / "out", "--detections", str(tmp_path / "found.csv")) == 2
    error = capsys.readouterr().err
    assert "found.csv: line 3: axial slice" in error
    assert said in error
    assert error.count("\n") == 1
