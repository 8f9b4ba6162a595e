"""Sweeps of a tiny grader: they find a TOML that trains, continue after an interruption, and report what failed."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import pytest
import tomli_w
from tests_settings import HANG_S

from tfspine.cli.main import main
from tfspine.config import Experiment, as_dict
from tfspine.errors import ConfigError, ModelError, OutputError
from tfspine.experiment_file import load_experiment
from tfspine.formats.trials_csv import read_trials
from tfspine.labels import Region
from tfspine.outputs import held
from tfspine.records.folder import RecordFolder
from tfspine.training import sweep, sweep_trials
from tfspine.training.search import load_sweep

pytestmark = pytest.mark.slow

CANAL = Region.CENTRAL_CANAL
TWO_TRIALS = """
[tuner]
kind = "random"
trials = 2
epochs = 2
[space]
"grader.learning_rate" = {min = 1e-3, max = 1e-2, sampling = "log"}
"grader.filters" = {values = [[4, 4], [8, 8]]}
"""


@pytest.fixture
def experiment_toml(tmp_path: Path, experiment: Experiment) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(tomli_w.dumps(as_dict(experiment) | {"name": "tiny"}))
    return path


@pytest.fixture
def sweep_toml(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.toml"
    path.write_text(TWO_TRIALS)
    return path


def _statuses(out: Path) -> list[str]:
    return [trial.status for trial in read_trials(out)]


def test_the_best_toml_trains(
    records_folder: Path, experiment_toml: Path, sweep_toml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    where = ["--records", str(records_folder), "--region", "central_canal"]
    assert main(["tune", str(sweep_toml), *where, "--out", str(out), "--experiment", str(experiment_toml)]) == 0
    printed = capsys.readouterr().out
    assert _statuses(out) == ["completed", "completed"]
    best = max(read_trials(out), key=lambda trial: trial.score or 0.0)
    assert (best.objective, best.epochs) == ("val_ac1", 2)
    chosen = load_experiment(out / "best.toml")
    assert chosen.grader.learning_rate == best.settings["grader.learning_rate"]
    assert list(chosen.grader.filters) == best.settings["grader.filters"]
    assert f"validation AC1 {best.score:.4f}" in printed
    assert "Reloading" not in printed
    for trial in ("0", "1"):
        assert list((out / "tensorboard" / trial).rglob("events.*"))

    train = ["train", "grader", *where, "--out", str(tmp_path / "run"), "--experiment", str(out / "best.toml")]
    assert main(train) == 0
    assert (tmp_path / "run" / "grader.keras").is_file()
    assert main(train) == 0
    assert "already complete" in capsys.readouterr().out


def test_an_interrupted_sweep_goes_on(
    records: RecordFolder, experiment: Experiment, sweep_toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_sweep(sweep_toml, experiment)
    out = tmp_path / "sweep"
    fitted = []
    original = sweep.GraderTrials.fit

    def interrupted(self: object, *args: object, **kwargs: object) -> object:
        fitted.append(kwargs["trial_id"])
        if len(fitted) == 2:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(sweep.GraderTrials, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep.sweep_grader(records, region=CANAL, experiment=experiment, sweep=loaded, out=out)
    assert not (out / "best.toml").exists()
    sweep.sweep_grader(records, region=CANAL, experiment=experiment, sweep=loaded, out=out)
    # The first trial counts as done, the second is tried again, no third is made.
    assert fitted == ["0", "1", "1"]
    assert [trial.trial for trial in read_trials(out)] == [0, 1]
    # A finished sweep with more trials than before: only the new one is trained.
    more = replace(loaded, tuner=replace(loaded.tuner, trials=3))
    sweep.sweep_grader(records, region=CANAL, experiment=experiment, sweep=more, out=out)
    assert fitted == ["0", "1", "1", "2"]
    assert [trial.trial for trial in read_trials(out)] == [0, 1, 2]


def test_failed_trials_are_told(
    records: RecordFolder,
    experiment: Experiment,
    sweep_toml: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    loaded = load_sweep(sweep_toml, experiment)
    original = sweep.GraderTrials.fit

    def first_diverges(self: object, *args: object, **kwargs: object) -> object:
        if kwargs["trial_id"] == "0":
            raise ModelError("epoch 1: the loss diverged (nan)")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(sweep.GraderTrials, "fit", first_diverges)
    sweep.sweep_grader(records, region=CANAL, experiment=experiment, sweep=loaded, out=tmp_path / "sweep")
    assert "trial 0 failed: epoch 1: the loss diverged (nan)" in caplog.text
    failed, done = read_trials(tmp_path / "sweep")
    assert (failed.status, failed.score) == ("failed", None)
    assert failed.message == "epoch 1: the loss diverged (nan)"
    assert (done.status, done.message) == ("completed", "")


def test_a_full_disk_ends_the_sweep_and_fails_no_trial(
    records: RecordFolder, experiment: Experiment, sweep_toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> object:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sweep.GraderTrials, "fit", full)
    loaded, out = load_sweep(sweep_toml, experiment), tmp_path / "sweep"
    with pytest.raises(ModelError, match=r"trial_0: cannot be written: .*; free space, then run it again$"):
        sweep.sweep_grader(records, region=CANAL, experiment=experiment, sweep=loaded, out=out)
    assert json.loads((out / "tuner" / "trial_0" / "trial.json").read_text())["status"] == "RUNNING"


@pytest.mark.parametrize("trials", [1, 3])
def test_a_sweep_in_which_nothing_works_says_why(
    records: RecordFolder, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: int
) -> None:
    """Keras Tuner itself gives up after three failures in a row."""

    def diverges(*args: object, **kwargs: object) -> object:
        raise ModelError("epoch 1: the loss diverged (nan)")

    path = tmp_path / "sweep.toml"
    path.write_text(
        f"[tuner]\nkind = 'random'\ntrials = {trials}\n[space]\n'grader.dropout' = {{min = 0.0, max = 0.5}}"
    )
    monkeypatch.setattr(sweep.GraderTrials, "fit", diverges)
    with pytest.raises(ModelError, match=r"the loss diverged \(nan\)") as failure:
        sweep.sweep_grader(
            records, region=CANAL, experiment=experiment, sweep=load_sweep(path, experiment), out=tmp_path / "sweep"
        )
    assert "\n" not in str(failure.value)
    assert _statuses(tmp_path / "sweep") == ["failed"] * trials


def test_an_impossible_setting_is_refused_before_the_search(
    records: RecordFolder, experiment: Experiment, tmp_path: Path
) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text("[space]\n'grader.crop_size_px' = {values = [2, 3]}")
    with pytest.raises(ConfigError, match="nothing is left after block"):
        sweep.sweep_grader(
            records, region=CANAL, experiment=experiment, sweep=load_sweep(path, experiment), out=tmp_path / "sweep"
        )


def test_a_second_process_in_the_folder_is_refused(
    records: RecordFolder, experiment: Experiment, sweep_toml: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    with held(out), pytest.raises(OutputError, match="another process works on it"):
        sweep.sweep_grader(
            records, region=CANAL, experiment=experiment, sweep=load_sweep(sweep_toml, experiment), out=out
        )


def test_swept_epochs_are_trained_and_absurd_losses_fail(
    records: RecordFolder, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text("[tuner]\nkind = 'grid'\nobjective = 'val_loss'\n[space]\n'grader.epochs' = {values = [1, 2]}")
    loaded = load_sweep(path, experiment)
    original = sweep_trials._require_plausible
    epochs = []

    def second_is_absurd(history: keras.callbacks.History) -> None:
        epochs.append(len(history.epoch))
        if len(epochs) == 2:
            history.history["loss"][-1] = 5e29
        original(history)

    monkeypatch.setattr(sweep_trials, "_require_plausible", second_is_absurd)
    found = sweep.sweep_grader(records, region=CANAL, experiment=experiment, sweep=loaded, out=tmp_path / "sweep")
    assert epochs == [1, 2]
    assert found is not None
    assert found.experiment.grader.epochs == 1
    kept, absurd = read_trials(tmp_path / "sweep")
    assert (kept.status, kept.epochs, absurd.status, absurd.score) == ("completed", 1, "failed", None)
    assert absurd.message.startswith("the loss diverged (5e+29")
    assert load_experiment(tmp_path / "sweep" / "best.toml").grader.epochs == 1


def test_a_killed_worker_and_a_killed_chief_lose_no_trial(
    records_folder: Path, experiment_toml: Path, sweep_toml: Path, tmp_path: Path
) -> None:
    sweep_toml.write_text(TWO_TRIALS.replace("trials = 2", "trials = 4"))
    start, out = _loopback(records_folder, experiment_toml, sweep_toml, tmp_path)
    processes = {name: start(name) for name in ("chief", "worker0", "worker1")}
    try:
        _wait_for(out / "tuner" / "trial_0" / "trial.json")
        processes["worker0"].kill()
        _wait_for(out / "tuner" / "trial_1" / "trial.json")
        processes["chief"].kill()
        processes["chief"].wait()
        processes["chief"] = start("chief")
        assert processes["worker1"].wait(timeout=HANG_S) == 0
        assert processes["chief"].wait(timeout=HANG_S) == 0
    finally:
        for process in processes.values():
            process.kill()
    assert _statuses(out) == ["completed"] * 4


def test_chief_and_worker_on_loopback(
    records_folder: Path, experiment_toml: Path, sweep_toml: Path, tmp_path: Path
) -> None:
    start, out = _loopback(records_folder, experiment_toml, sweep_toml, tmp_path)
    processes = [start(name) for name in ("chief", "worker0")]
    try:
        assert [process.wait(timeout=HANG_S) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    assert _statuses(out) == ["completed", "completed"]
    assert load_experiment(out / "best.toml").name == "tiny"


def _loopback(
    records_folder: Path, experiment_toml: Path, sweep_toml: Path, tmp_path: Path
) -> tuple[Callable[[str], "subprocess.Popen[bytes]"], Path]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "sweep"
    command = [sys.executable, "-m", "tfspine", "tune", str(sweep_toml), "--records", str(records_folder)]
    command += ["--region", "central_canal", "--out", str(out), "--experiment", str(experiment_toml)]
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}

    def start(name: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(command, env=os.environ | address | {"KERASTUNER_TUNER_ID": name})

    return start, out


def _wait_for(path: Path) -> None:
    end = time.monotonic() + HANG_S
    while not path.exists():
        assert time.monotonic() < end, path
        time.sleep(0.2)
