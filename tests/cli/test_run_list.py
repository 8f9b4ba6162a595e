"""``tfspine runs``: what a run folder says, compared and drawn; the folders hold what a training writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tfspine.cli.main import main
from tfspine.manifest import write_manifest

PNG = b"\x89PNG\r\n\x1a\n"


def grader(folder: Path, rate: float, losses: list[float], *, is_complete: bool, **more: Any) -> Path:
    claim = {
        "kind": "grader",
        "region": "central_canal",
        "seed": 1,
        "grader": {"epochs": 3, "learning_rate": rate, "filters": [8, 8]},
        "training": {"precision": "fp32"},
        **more,
    }
    write(folder, claim)
    rows = [f"{epoch},0.5,{rate},1.0,{0.1 * epoch},{loss}" for epoch, loss in enumerate(losses)]
    if rows:
        header = "epoch,ac1,learning_rate,loss,val_ac1,val_loss"
        (folder / "history.csv").write_text("\n".join([header, *rows]) + "\n")
    if is_complete:
        write_manifest(folder, command="train")
    return folder


def detector(folder: Path) -> Path:
    claim = {"kind": "detector", "plane": "axial", "seed": 1, "detector": {"steps": 400}}
    write(folder, claim)
    header = "step,total_loss,rpn_score_loss,rpn_box_loss,frcnn_cls_loss,frcnn_box_loss"
    (folder / "history.csv").write_text(f"{header}\n10,3.5,1,1,1,0.5\n20,2.25,1,1,0.2,0.05\n")
    return folder


def write(folder: Path, claim: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(claim))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    grader(Path("runs/a"), 0.001, [0.75, 0.5, 0.625], is_complete=True)
    grader(Path("runs/b"), 0.002, [0.25], is_complete=False)
    grader(Path("runs/c"), 0.002, [], is_complete=False)
    detector(Path("runs/d"))
    write(Path("runs/members"), {"kind": "grader_members", "region": "central_canal"})
    return Path("runs")


def test_every_run_has_a_row(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(runs)]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["runs/a", "central_canal", "complete", "3", "of", "3", "0.5000", "0.2000"] in printed
    assert ["runs/b", "central_canal", "started", "1", "of", "3", "0.2500", "0.0000"] in printed
    assert ["runs/c", "central_canal", "started", "0", "of", "3", "–", "–"] in printed
    assert ["runs/d", "axial", "started", "20", "of", "400", "2.2500", "–"] in printed
    assert not [words for words in printed if words[:1] == ["runs/members"]]


def test_members_are_rows_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "all", {"kind": "grader_members", "region": "central_canal"})
    grader(tmp_path / "all" / "members" / "s1r1", 0.001, [0.5], is_complete=True, member="s1r1")
    assert main(["runs", str(tmp_path / "all"), "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["subject"] == "central_canal s1r1"
    assert row["history"][0]["val_loss"] == 0.5


def test_only_settings_that_differ_are_compared(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(runs / "a"), str(runs / "b"), "--settings"]) == 0
    table = capsys.readouterr().out.partition("Settings that differ")[2]
    assert ["grader.learning_rate", "0.001", "0.002"] in [line.split() for line in table.splitlines()]
    assert "grader.epochs" not in table
    assert "training.precision" not in table


def test_losses_are_drawn_and_redrawn(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = Path("losses.png")
    for _ in range(2):
        assert main(["runs", str(runs), "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(PNG)
    picture.write_bytes(b"mine")
    assert main(["runs", str(runs), "--plot", str(picture)]) == 2
    assert picture.read_bytes() == b"mine"
    assert "was changed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_runs_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["runs", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"tfspine runs: {tmp_path / name}: no ")
    assert len(error.splitlines()) == 1
