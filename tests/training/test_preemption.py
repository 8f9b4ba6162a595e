"""A training that is asked to end saves what it has learned, exits with 75, and continues when it is started again."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests_settings import HANG_S, TINY

from tfspine.errors import REQUEUE, StoppedError
from tfspine.training.preemption import stop_requests
from tfspine.training.runs import newest_checkpoint


def test_the_first_request_is_noted_and_the_second_interrupts() -> None:
    with stop_requests() as request:
        request.obey("run: step 1")
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.is_made
        with pytest.raises(StoppedError, match="run: step 2: stopped on request"):
            request.obey("run: step 2")
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert os.EX_TEMPFAIL == REQUEUE


def start(run: Path, records: Path, what: tuple[str, ...], *settings: str) -> subprocess.Popen[str]:
    chosen = [word for setting in (*TINY, "records.shards=1", *settings) for word in ("--set", setting)]
    words = ["train", *what, "--records", str(records), "--out", str(run), *chosen]
    return subprocess.Popen(
        [sys.executable, "-m", "tfspine", *words],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        stderr=subprocess.PIPE,
        text=True,
    )


def counts(run: Path, column: str) -> list[int]:
    path = run / "history.csv"
    if not path.is_file():
        return []
    with path.open() as file:
        return [int(row[column]) for row in csv.DictReader(file) if all(row.values())]


def stopped(process: subprocess.Popen[str], run: Path, column: str) -> str:
    """Ask a training to end as soon as its history has a row, and return what it printed."""
    until = time.monotonic() + HANG_S
    while not counts(run, column):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=HANG_S)
    assert process.returncode == REQUEUE, error
    return error.splitlines()[-1]


@pytest.mark.slow
def test_a_detector_saves_the_step_at_which_it_was_asked(detector_records: Path, tmp_path: Path) -> None:
    run, steps = tmp_path / "run", 60
    what = ("detector", "--plane", "axial")
    settings = (
        f"detector.steps={steps}",
        "detector.steps_between_summaries=2",
        "detector.steps_between_checkpoints=50",
    )
    told = stopped(start(run, detector_records, what, *settings), run, "step")
    done = counts(run, "step")[-1]
    assert (
        told
        == f"tfspine train: {run}: {done} of {steps} steps: stopped on request (SIGTERM); the same command continues"
    )
    assert done % 50, "asked at a step that is saved anyway"
    assert newest_checkpoint(run) == f"ckpt-{done}"
    assert start(run, detector_records, what, *settings).wait(HANG_S) == 0
    assert counts(run, "step") == list(range(2, steps + 1, 2))


@pytest.mark.slow
def test_a_grader_keeps_its_whole_epochs(detector_records: Path, tmp_path: Path) -> None:
    run, epochs = tmp_path / "run", 300
    what = ("grader", "--region", "lateral_recess")
    settings = (f"grader.epochs={epochs}", "grader.loss=plain")
    told = stopped(start(run, detector_records, what, *settings), run, "epoch")
    done = len(counts(run, "epoch"))
    assert 0 < done < epochs
    assert "whole epochs: stopped on request (SIGTERM); the same command continues" in told
    process = start(run, detector_records, what, f"grader.epochs={done + 2}", "grader.loss=plain")
    assert process.wait(HANG_S) == 2, "fewer epochs are another configuration"
    process = start(run, detector_records, what, *settings)
    until = time.monotonic() + HANG_S
    while len(counts(run, "epoch")) <= done:
        assert time.monotonic() < until
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert counts(run, "epoch")[: done + 1] == list(range(done + 1))
