"""Sweeps of a tiny grader: they find a TOML that trains, continue after an interruption, and report what failed."""

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w
from tests_settings import HANG_S

from tfspine.cli.main import main
from tfspine.config import Experiment, as_dict
from tfspine.errors import ConfigError, ModelError
from tfspine.experiment_file import load_experiment
from tfspine.labels import Region
from tfspine.records.folder import RecordFolder
from tfspine.training import sweep
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


def _trials(out: Path) -> list[dict[str, str]]:
    with (out / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_best_toml_trains(
    records_folder: Path, experiment_toml: Path, sweep_toml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    where = ["--records", str(records_folder), "--region", "central_canal"]
    assert main(["tune", str(sweep_toml), *where, "--out", str(out), "--experiment", str(experiment_toml)]) == 0
    printed = capsys.readouterr().out
    trials = _trials(out)
    assert [trial["status"] for trial in trials] == ["COMPLETED", "COMPLETED"]
    best = max(trials, key=lambda trial: float(trial["val_ac1"]))
    chosen = load_experiment(out / "best.toml")
    assert chosen.grader.learning_rate == float(best["grader.learning_rate"])
    assert list(chosen.grader.filters) == [int(n) for n in best["grader.filters"].strip("[]").split(",")]
    assert f"validation AC1 {float(best['val_ac1']):.4f}" in printed
    assert "Reloading" not in printed

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
    original = sweep._GraderTrials.fit

    def interrupted(self: object, *args: object, **kwargs: object) -> object:
        fitted.append(kwargs["trial_id"])
        if len(fitted) == 2:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(sweep._GraderTrials, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep.sweep_grader(records, region=CANAL, experiment=experiment, sweep=loaded, out=out)
    assert not (out / "best.toml").exists()
    sweep.sweep_grader(records, region=CANAL, experiment=experiment, sweep=loaded, out=out)
    # The first trial counts as done, the second is tried again, no third is made.
    assert fitted == ["0", "1", "1"]
    assert [trial["trial"] for trial in _trials(out)] == ["0", "1"]


def test_failed_trials_are_told(
    records: RecordFolder,
    experiment: Experiment,
    sweep_toml: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    loaded = load_sweep(sweep_toml, experiment)
    original = sweep._GraderTrials.fit

    def first_diverges(self: object, *args: object, **kwargs: object) -> object:
        if kwargs["trial_id"] == "0":
            raise ModelError("epoch 1: the loss diverged (nan)")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(sweep._GraderTrials, "fit", first_diverges)
    sweep.sweep_grader(records, region=CANAL, experiment=experiment, sweep=loaded, out=tmp_path / "sweep")
    assert "trial 0 failed: epoch 1: the loss diverged (nan)" in caplog.text
    failed, done = _trials(tmp_path / "sweep")
    assert (failed["status"], failed["val_ac1"]) == ("FAILED", "")
    assert "the loss diverged" in failed["message"]
    assert done["status"] == "COMPLETED"


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
    monkeypatch.setattr(sweep._GraderTrials, "fit", diverges)
    with pytest.raises(ModelError, match=r"the loss diverged \(nan\)") as failure:
        sweep.sweep_grader(
            records, region=CANAL, experiment=experiment, sweep=load_sweep(path, experiment), out=tmp_path / "sweep"
        )
    assert "\n" not in str(failure.value)
    assert [trial["status"] for trial in _trials(tmp_path / "sweep")] == ["FAILED"] * trials


def test_an_impossible_setting_is_refused_before_the_search(
    records: RecordFolder, experiment: Experiment, tmp_path: Path
) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text("[space]\n'grader.crop_size_px' = {values = [2, 3]}")
    with pytest.raises(ConfigError, match="nothing is left after block"):
        sweep.sweep_grader(
            records, region=CANAL, experiment=experiment, sweep=load_sweep(path, experiment), out=tmp_path / "sweep"
        )


def test_chief_and_worker_on_loopback(
    records_folder: Path, experiment_toml: Path, sweep_toml: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "sweep"
    command = [sys.executable, "-m", "tfspine", "tune", str(sweep_toml), "--records", str(records_folder)]
    command += ["--region", "central_canal", "--out", str(out), "--experiment", str(experiment_toml)]
    processes = [
        subprocess.Popen(
            command,
            env=os.environ
            | {"KERASTUNER_TUNER_ID": name, "KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)},
        )
        for name in ("chief", "worker0")
    ]
    try:
        assert [process.wait(timeout=HANG_S) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    assert [trial["status"] for trial in _trials(out)] == ["COMPLETED", "COMPLETED"]
    assert load_experiment(out / "best.toml").name == "tiny"
