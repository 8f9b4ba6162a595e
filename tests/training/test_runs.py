"""A run folder belongs to one configuration."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tfspine.config import Experiment, GraderConfig, GraderLoss, GraderSchedule, Schedule, Strategy
from tfspine.errors import ModelError, OutputError
from tfspine.manifest import write_manifest
from tfspine.outputs import held
from tfspine.training.runs import (
    DETECTOR_SECTIONS,
    RunState,
    hold_run,
    newest_checkpoint,
    open_run,
    read_claim,
    set_aside,
)

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
            Experiment(grader=GraderConfig(epochs=200, schedule=GraderSchedule.COSINE)),
            CANAL,
            "grader.epochs = 100 there, 200 here",
        ),
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


def _with(**sections: dict[str, object]) -> Experiment:
    default = Experiment()
    changed = {name: dataclasses.replace(getattr(default, name), **values) for name, values in sections.items()}
    return dataclasses.replace(default, **changed)


def _open_detector(run_folder: Path, experiment: Experiment) -> RunState:
    return open_run(
        run_folder,
        trains={"kind": "detector", "plane": "axial"},
        experiment=experiment,
        sections=DETECTOR_SECTIONS,
        records_folder=run_folder.parent / "records",
    )


def test_settings_that_do_not_change_what_is_learned_may_differ(run_folder: Path) -> None:
    _open_detector(run_folder, Experiment())
    (run_folder / "history.csv").touch()
    other = _with(
        detector={"steps_between_checkpoints": 5, "steps_between_summaries": 5},
        training={"strategy": Strategy.ONE, "peer_timeout_s": 5.0},
    )
    assert _open_detector(run_folder, other) is RunState.STARTED
    assert read_claim(run_folder)["detector"]["steps_between_checkpoints"] == 5


def test_a_complete_detector_may_train_longer(run_folder: Path) -> None:
    _open_detector(run_folder, Experiment())
    write_manifest(run_folder, command="train")
    assert _open_detector(run_folder, _with(detector={"steps": 2_000_000})) is RunState.STARTED
    with pytest.raises(ModelError, match=r"detector.steps = 2000000 there, 1000 here"):
        _open_detector(run_folder, _with(detector={"steps": 1000}))


def test_along_a_cosine_a_longer_run_is_another(run_folder: Path) -> None:
    _open_detector(run_folder, _with(detector={"schedule": Schedule.COSINE}))
    (run_folder / "history.csv").touch()
    with pytest.raises(ModelError, match=r"detector.steps = 1500000 there, 2000000 here"):
        _open_detector(run_folder, _with(detector={"schedule": Schedule.COSINE, "steps": 2_000_000}))


def test_an_interrupted_grader_may_train_longer_and_a_complete_one_not(run_folder: Path) -> None:
    """A complete grader has given up the state of its optimizer."""
    _open(run_folder, Experiment())
    (run_folder / "history.csv").touch()
    assert _open(run_folder, Experiment(grader=GraderConfig(epochs=150))) is RunState.STARTED
    write_manifest(run_folder, command="train")
    with pytest.raises(ModelError, match=r"grader.epochs = 150 there, 200 here"):
        _open(run_folder, Experiment(grader=GraderConfig(epochs=200)))


def test_a_setting_of_a_later_version_has_its_default_in_an_earlier_run(run_folder: Path) -> None:
    _open_detector(run_folder, Experiment())
    (run_folder / "history.csv").touch()
    claim = read_claim(run_folder)
    del claim["detector"]["canvas_px"]
    (run_folder / "run.json").write_text(json.dumps(claim))
    assert _open_detector(run_folder, Experiment()) is RunState.STARTED
    (run_folder / "run.json").write_text(json.dumps(claim))
    with pytest.raises(ModelError, match=r"detector.canvas_px = \[0, 0\] there, \[640, 640\] here"):
        _open_detector(run_folder, _with(detector={"canvas_px": (640, 640)}))


def test_fresh_sets_the_former_run_aside(run_folder: Path) -> None:
    _open(run_folder, Experiment())
    (run_folder / "history.csv").write_text("mine")
    assert set_aside(run_folder) == run_folder.with_name("run.former-1")
    assert _open(run_folder, Experiment(seed=9)) is RunState.NEW
    assert set_aside(run_folder) == run_folder.with_name("run.former-2")
    assert (run_folder.with_name("run.former-1") / "history.csv").read_text() == "mine"
    assert set_aside(run_folder) is None


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


@pytest.mark.parametrize(("rows", "stays"), [("", False), ("epoch,loss\n", False), ("epoch,loss\n0,0.5\n", True)])
def test_a_run_that_failed_before_its_first_epoch_gives_its_folder_back(
    rows: str, stays: bool, run_folder: Path
) -> None:
    """So that a mended learning rate can be tried in it; Keras makes the table before the first epoch."""
    with pytest.raises(ModelError, match="diverged"), _hold(run_folder):
        (run_folder / "history.csv").write_text(rows)
        raise ModelError("epoch 1, batch 3: the loss diverged (nan)")
    assert (run_folder / "run.json").exists() == stays


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


def test_the_newest_checkpoint_is_read_without_tensorflow(tmp_path: Path) -> None:
    """The file as TensorFlow 2.20 writes it (tf.train.CheckpointManager), with relative and with absolute paths."""
    assert newest_checkpoint(tmp_path) == ""
    kept = [
        'model_checkpoint_path: "ckpt-20"',
        'all_model_checkpoint_paths: "ckpt-10"',
        'all_model_checkpoint_paths: "ckpt-20"',
    ]
    (tmp_path / "checkpoint").write_text("\n".join(kept))
    assert newest_checkpoint(tmp_path) == "ckpt-20"
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/data/runs/axial/ckpt-30"\n')
    assert newest_checkpoint(tmp_path) == "ckpt-30"
