"""MLflow and Weights & Biases record what a run logs: the real packages, with files in place of a server."""

import logging
import sys
from pathlib import Path

import pytest

from tfspine.config import Experiment
from tfspine.formats.progress_jsonl import read_progress
from tfspine.training.run_log import open_run_log

FIRST = {"step": 5, "total_loss": 2.5, "recall": {"central_canal": 0.75}}
SECOND = {"step": 10, "total_loss": 1.25}


@pytest.fixture(autouse=True)
def no_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_API_KEY", "WANDB_PROJECT", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)


def log(run: Path, *lines: dict[str, object]) -> None:
    run.mkdir(exist_ok=True)
    with open_run_log(run, Experiment()) as opened:
        for line in lines:
            opened.write(line)


def test_without_their_variables_nothing_is_imported_or_written(tmp_path: Path) -> None:
    before = set(sys.modules)
    log(tmp_path / "run", FIRST, SECOND)
    assert not {"mlflow", "wandb"} & (set(sys.modules) - before)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["progress.jsonl"]
    assert [line["step"] for line in read_progress(tmp_path / "run")] == [5, 10]


@pytest.mark.slow
def test_mlflow_has_settings_and_numbers_and_a_resumed_run_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    # Files are no longer developed; a server, as users have it, takes the same calls.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with pytest.raises(KeyboardInterrupt):
        log_and_interrupt(tmp_path / "run")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("tfspine")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    log(tmp_path / "run", SECOND)
    [run] = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("run", "FINISHED")
    assert run.data.params["detector.backbone_depth"] == "101"
    assert run.data.metrics["recall/central_canal"] == 0.75
    history = client.get_metric_history(run.info.run_id, "total_loss")
    assert [(point.step, point.value) for point in history] == [(5, 2.5), (10, 1.25)]


def log_and_interrupt(run: Path) -> None:
    run.mkdir()
    with open_run_log(run, Experiment()) as opened:
        opened.write(FIRST)
        raise KeyboardInterrupt


@pytest.mark.slow
def test_wandb_writes_its_record_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    log(tmp_path / "run", FIRST, SECOND)
    [record] = (tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb")
    content = record.read_bytes()
    for expected in (b"total_loss", b"recall/central_canal", b"1.25", b"backbone_depth"):
        assert expected in content


def test_a_tracker_that_fails_is_left_out_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "no-such-scheme://here")
    with caplog.at_level(logging.WARNING):
        log(tmp_path / "run", FIRST, SECOND)
    assert [line["step"] for line in read_progress(tmp_path / "run")] == [5, 10]
    [message] = [record.getMessage() for record in caplog.records if record.name.startswith("tfspine")]
    assert message.startswith("mlflow: ")
    assert message.endswith("; the training goes on without it")


def test_a_tracker_that_is_not_installed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "spine")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with caplog.at_level(logging.WARNING):
        log(tmp_path / "run", FIRST)
    assert 'pip install "tfspine[track]"' in caplog.text
    assert [line["step"] for line in read_progress(tmp_path / "run")] == [5]
