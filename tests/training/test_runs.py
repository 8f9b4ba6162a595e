"""A run folder belongs to one configuration."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tfspine.config import Experiment, GraderConfig, GraderLoss
from tfspine.errors import ModelError, OutputError
from tfspine.manifest import write_manifest
from tfspine.outputs import held
from tfspine.training.runs import RunState, hold_run, open_run

CANAL = {"kind": "grader", "region": "central_canal"}


def _open(run_folder: Path, experiment: Experiment, trains: dict[str, str] = CANAL) -> RunState:
    return open_run(
        run_folder,
        trains=trains,
        experiment=experiment,
        sections=("grader", "training"),
        records_folder=run_folder.parent / "records",
    )


def _hold(run_folder: Path):
    records = "records" if run_folder.parent.name != "records" else "."
    return hold_run(
        run_folder,
        trains=CANAL,
        experiment=Experiment(),
        sections=("grader", "training"),
        records_folder=run_folder.parent / records,
    )


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "axial-train-00000-of-00001.tfrecord").write_bytes(b"12")
    return tmp_path / "run"


def test_new_then_started_then_complete(run_folder: Path) -> None:
    assert _open(run_folder, Experiment()) is RunState.NEW
    (run_folder / "history.csv").touch()
    assert _open(run_folder, Experiment()) is RunState.STARTED
    write_manifest(run_folder, command="train")
    assert _open(run_folder, Experiment()) is RunState.COMPLETE


def test_settings_that_do_not_matter_may_differ(run_folder: Path) -> None:
    _open(run_folder, Experiment())
    (run_folder / "history.csv").touch()
    other = dataclasses.replace(
        Experiment(), name="another", explain=dataclasses.replace(Experiment().explain, steps=5)
    )
    assert _open(run_folder, other) is RunState.STARTED


@pytest.mark.parametrize(
    ("experiment", "trains", "message"),
    [
        (Experiment(grader=GraderConfig(epochs=7)), CANAL, "grader.epochs = 100 there, 7 here"),
        (
            Experiment(grader=GraderConfig(loss=GraderLoss.PLAIN)),
            CANAL,
            'grader.loss = "published" there, "plain" here',
        ),
        (Experiment(seed=9), CANAL, "seed = 1 there, 9 here"),
        (Experiment(), {**CANAL, "region": "lateral_recess"}, "region = central_canal there, lateral_recess here"),
    ],
)
def test_another_configuration_is_refused(
    run_folder: Path, experiment: Experiment, trains: dict[str, str], message: str
) -> None:
    _open(run_folder, Experiment())
    (run_folder / "history.csv").touch()
    with pytest.raises(ModelError, match=f"{message}; name another --out"):
        _open(run_folder, experiment, trains)


def test_other_records_are_refused(run_folder: Path) -> None:
    """One byte of the same number of bytes."""
    _open(run_folder, Experiment())
    (run_folder / "history.csv").touch()
    (run_folder.parent / "records" / "axial-train-00000-of-00001.tfrecord").write_bytes(b"13")
    with pytest.raises(ModelError, match="records = "):
        _open(run_folder, Experiment())


def test_a_run_lies_apart_from_its_records(run_folder: Path) -> None:
    records = run_folder.parent / "records"
    with pytest.raises(OutputError, match="lies inside"), _hold(records / "run"):
        pass
    assert [path.name for path in records.iterdir()] == ["axial-train-00000-of-00001.tfrecord"]


def test_a_claim_without_a_step_binds_nobody(run_folder: Path) -> None:
    _open(run_folder, Experiment())
    assert _open(run_folder, Experiment(seed=9)) is RunState.NEW


def test_somebody_elses_folder_is_left_alone(run_folder: Path) -> None:
    run_folder.mkdir()
    (run_folder / "thesis.txt").write_text("precious")
    with pytest.raises(ModelError, match="holds something that is not a run"):
        _open(run_folder, Experiment())
    with pytest.raises(ModelError, match="holds something that is not a run"), _hold(run_folder):
        pass
    assert [path.name for path in run_folder.iterdir()] == ["thesis.txt"]


def test_one_process_at_a_time(run_folder: Path) -> None:
    with _hold(run_folder) as state:
        assert state is RunState.NEW
        with pytest.raises(OutputError, match=f"{run_folder}: another process works on it"), _hold(run_folder):
            pass
    with _hold(run_folder) as state:
        assert state is RunState.NEW, "a lock is no step"


def test_a_child_that_outlives_its_parent_holds_the_folder(tmp_path: Path) -> None:
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with held(tmp_path):
        child = subprocess.Popen([sys.executable, "-c", code], close_fds=False, **pipes)
    with child:
        assert child.stdout.readline() == "up\n"
        with pytest.raises(OutputError, match="another process works on it"), held(tmp_path):
            pass
        child.communicate("")
    with held(tmp_path):
        pass


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="name another --out"), held(tmp_path / "out"):
        pass
