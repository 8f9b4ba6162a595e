"""Trainings that are killed at random moments, twenty times in a row, end with the weights of an undisturbed one."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tests_settings import HANG_S, TINY

from tfspine.errors import REQUEUE
from tfspine.models.grader import load_grader

pytestmark = pytest.mark.long

KILLS = 20

SETTINGS = (
    *TINY,
    *("records.shards=1", "training.deterministic=true", "training.peer_timeout_s=120"),
    *("detector.steps=120", "detector.steps_between_summaries=1", "detector.steps_between_checkpoints=2"),
    *("detector.validation_images=1", "detector.scale_range=[0.9, 1.1]", "detector.batch_norm=synchronised"),
    *("grader.epochs=1000", "grader.dropout=0.3", "grader.loss=plain"),
)

Start = Callable[[Path], list[subprocess.Popen[str]]]


def start(records: Path, run: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    chosen = [word for setting in SETTINGS for word in ("--set", setting)]
    return subprocess.Popen(
        [sys.executable, "-m", "tfspine", "train", *words, "--records", str(records), "--out", str(run), *chosen],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def two_workers(records: Path, run: Path) -> list[subprocess.Popen[str]]:
    """Return the chief and the worker of a cluster."""
    with ExitStack() as stack:
        free = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in free:
            each.bind(("127.0.0.1", 0))
        cluster = {"worker": [f"127.0.0.1:{each.getsockname()[1]}" for each in free]}
    words = ("detector", "--plane", "axial", "--strategy", "multiworker")
    tasks = ({"cluster": cluster, "task": {"type": "worker", "index": index}} for index in range(2))
    return [start(records, run, *words, TF_CONFIG=json.dumps(task)) for task in tasks]


def undisturbed(start_all: Start, run: Path) -> None:
    for process in start_all(run):
        _, error = process.communicate(timeout=HANG_S)
        assert process.returncode == 0, error[-3000:]


def killed(start_all: Start, run: Path, *, latest_s: float, seed: int) -> None:
    """Start a training and kill one of its processes at random, again and again, and let it end at last."""
    moments = random.Random(seed)
    for _ in range(KILLS):
        processes = start_all(run)
        victim = moments.choice(processes)
        time.sleep(moments.uniform(1.0, latest_s))
        assert victim.poll() is None, victim.communicate()[1][-3000:]
        victim.kill()
        for process in processes:
            _, error = process.communicate(timeout=HANG_S)
            assert process is victim or process.returncode in (REQUEUE, 2), error[-3000:]
    undisturbed(start_all, run)


@pytest.mark.parametrize(
    ("words", "latest_s"),
    [(("grader", "--region", "lateral_recess"), 12.0), (("detector", "--plane", "axial"), 28.0)],
)
def test_twenty_kills_change_nothing(
    words: tuple[str, ...], latest_s: float, detector_records: Path, tmp_path: Path
) -> None:
    def start_all(run: Path) -> list[subprocess.Popen[str]]:
        return [start(detector_records, run, *words)]

    undisturbed(start_all, tmp_path / "undisturbed")
    killed(start_all, tmp_path / "killed", latest_s=latest_s, seed=1)
    assert (tmp_path / "killed" / "history.csv").read_text() == (tmp_path / "undisturbed" / "history.csv").read_text()
    assert _weights(tmp_path / "killed") == _weights(tmp_path / "undisturbed")


def test_twenty_kills_of_chief_or_worker_change_nothing(detector_records: Path, tmp_path: Path) -> None:
    """Sums over two workers are rounded as they arrive, so that losses are alike and not equal."""

    def start_all(run: Path) -> list[subprocess.Popen[str]]:
        return two_workers(detector_records, run)

    undisturbed(start_all, tmp_path / "undisturbed")
    killed(start_all, tmp_path / "killed", latest_s=45.0, seed=2)
    ours, theirs = (
        np.genfromtxt(tmp_path / run / "history.csv", delimiter=",", names=True) for run in ("killed", "undisturbed")
    )
    np.testing.assert_array_equal(ours["step"], theirs["step"])
    np.testing.assert_allclose(ours["total_loss"], theirs["total_loss"], rtol=0.02)


def _weights(run: Path) -> list[bytes]:
    """Return the bytes of the weights that would be exported."""
    if (run / "grader.keras").is_file():
        return [value.tobytes() for value in load_grader(run / "grader.keras").get_weights()]
    reader = tf.train.load_checkpoint(str(run / "best"))
    names = [name for name in sorted(reader.get_variable_to_shape_map()) if not name.startswith("_CHECKPOINTABLE")]
    return [np.asarray(reader.get_tensor(name)).tobytes() for name in names if "save_counter" not in name]
