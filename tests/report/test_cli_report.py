"""``tfspine report`` from folders on disk."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tfspine.cli.main import main
from tfspine.report.facts import run_facts


def report(folders: Path, *more: str) -> int:
    words = ["report", "--predictions", folders / "predictions", "--slices", folders / "slices"]
    return main([*map(str, words), "--out", str(folders / "report.html"), *more])


def test_a_page_from_the_folders(folders: Path) -> None:
    assert report(folders, "--explained", str(folders / "explained"), "--notice", "Simulated patients.") == 0
    html = (folders / "report.html").read_text()
    assert "Study s1" in html
    assert "study s1<br>completeness gap" in html
    assert html.count("Simulated patients.") == 2


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda at: (at / "predictions/studies/s1.json").unlink(), "no studies/*.json"),
        (lambda at: (at / "predictions/studies/s1.json").write_text("{"), "s1.json: not readable"),
        (lambda at: (at / "predictions/studies/s1.json").write_text('{"study": "s1", "rows": [{}]}'), "not a study"),
        (lambda at: (at / "explained/a.png").unlink(), "a.png: not found"),
        (lambda at: (at / "explained/heatmaps.csv").unlink(), "heatmaps.csv: not found"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(folders, break_it, message, capsys) -> None:
    break_it(folders)
    assert report(folders, "--explained", str(folders / "explained")) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (folders / "report.html").exists()


def test_a_study_that_is_not_there_and_slices_that_are_nowhere(folders: Path, capsys) -> None:
    assert report(folders, "--study", "s9") == 2
    assert "predictions: no study s9; expected one of s1" in capsys.readouterr().err
    assert main(["report", "--predictions", str(folders / "predictions"), "--out", str(folders / "r.html")]) == 2
    assert "name --slices DIR" in capsys.readouterr().err


def test_facts_come_from_the_manifests(tmp_path: Path) -> None:
    for name, content in {
        "slices": {"command": "ingest", "tfspine": "1.2", "commit": "a" * 40, "created": "2026-01-02T03:04:05+00:00"},
        "explained": {
            "command": "explain", "tfspine": "1.2", "commit": "a" * 40, "created": "2026-01-02T05:06:07+01:00",
            "config": {"name": "demo", "seed": 7}, "packages": {"keras": "3.9"},
        },
    }.items():  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps(content))
    facts = dict(run_facts([tmp_path / "slices", tmp_path / "nowhere", tmp_path / "explained"]))
    assert facts == {
        "Experiment": "demo",
        "Seed": "7",
        "tfspine": "1.2 (aaaaaaaaaa)",
        "Libraries": "Keras 3.9",
        "Slices ingested": "2026-01-02 03:04 UTC",
        "Explained": "2026-01-02 04:06 UTC",
    }


def test_a_heatmap_without_side_and_level_is_shown(folders: Path) -> None:
    path = folders / "explained" / "heatmaps.csv"
    pd.read_csv(path).assign(level="").to_csv(path, index=False)
    assert report(folders, "--explained", str(folders / "explained")) == 0
    assert "level unknown" in (folders / "report.html").read_text()


def test_levels_and_sides_are_measured_first(folders: Path) -> None:
    """The rows of `regions.json` come before those of boxes, with the number of studies for each coefficient."""
    usual = {"plane": "axial", "region": "central_canal", "side": "", "ymin": 0, "xmin": 0, "ymax": 9, "xmax": 9}
    rows = [
        usual | {"study": f"s{study}", "slice": f"s{study}-axial-{level}", "level": level, "grade": grade}
        for study in (1, 2, 3)
        for level, grade in (("L3-L4", "mild"), ("L4-L5", "severe"), ("L5-S1", "normal"))
    ]
    boxes = pd.DataFrame(rows)
    boxes.to_csv(folders / "reference.csv", index=False)
    boxes.to_csv(folders / "reader.csv", index=False)
    words = ["evaluate", "--reference", folders / "reference.csv", "--reader", f"model={folders / 'reader.csv'}"]
    assert main([*map(str, words), "--out", str(folders / "evaluation"), "--extent", "paper"]) == 0
    assert report(folders, "--evaluation", str(folders / "evaluation")) == 0
    html = (folders / "report.html").read_text()
    first, second = html.index("<h2>Each level and side"), html.index("<h2>Each box")
    assert first < second
    assert '<td data-name="Regions">9</td>' in html[first:second]
    assert html[first:second].count("<small>3 studies</small>") == 2
