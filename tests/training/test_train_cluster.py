"""Several workers and devices train one detector: as one process does, and never for nothing if one of them dies."""

import csv
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests_settings import HANG_S, TINY

from tfspine.errors import REQUEUE
from tfspine.formats.history_csv import DETECTOR_LOSSES
from tfspine.formats.validated_csv import read_validated

pytestmark = pytest.mark.slow

CURVE = (
    *("detector.batch_size=2", "detector.batch_norm=synchronised", "detector.steps=3"),
    *("detector.steps_between_summaries=1", "detector.learning_rate=0.001", "detector.validation_images=1"),
)

TRAIN = """
import sys
import tensorflow as tf
from tfspine.cli.main import main

devices = int(sys.argv[1])
if devices > 1:
    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    from tfspine.training import runtime

    runtime.make_strategy = lambda strategy: tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(devices)])
sys.exit(main(sys.argv[2:]))
"""
"""Trains on several logical devices of the processor."""


def start(records: Path, run: Path, *settings: str, devices: int = 1, **environment: str) -> subprocess.Popen[str]:
    chosen = [word for setting in (*TINY, "records.shards=1", *settings) for word in ("--set", setting)]
    words = ["train", "detector", "--plane", "axial", "--records", str(records), "--out", str(run), *chosen]
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(devices), *words],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def two_workers(records: Path, run: Path, *settings: str) -> list[subprocess.Popen[str]]:
    with ExitStack() as stack:
        free = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in free:
            each.bind(("127.0.0.1", 0))
        cluster = {"worker": [f"127.0.0.1:{each.getsockname()[1]}" for each in free]}
    return [
        start(
            *(records, run, "training.strategy=multiworker", *settings),
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
        )
        for index in range(2)
    ]


def finished(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        _, error = process.communicate(timeout=HANG_S)
        assert process.returncode == 0, error[-3000:]


def curve(run: Path) -> list[dict[str, float]]:
    with (run / "history.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def assert_alike(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> None:
    """All losses of all steps, because each image draws the same on every device.

    The divisors of the box losses have 0.01 added to them on each device (Model Garden, RpnBoxLoss, FastrcnnBoxLoss).
    """
    assert [row["step"] for row in ours] == [row["step"] for row in theirs] == [1, 2, 3]
    for name in DETECTOR_LOSSES:
        rel = 2e-3 if "box" in name else 1e-3
        assert [row[name] for row in ours] == pytest.approx([row[name] for row in theirs], rel=rel), name


@pytest.fixture(scope="module")
def alone(detector_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process on one device."""
    run = tmp_path_factory.mktemp("alone") / "run"
    finished(start(detector_records, run, *CURVE))
    return run


def test_two_workers_learn_what_one_process_learns(detector_records: Path, alone: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    finished(*two_workers(detector_records, run, *CURVE))
    assert_alike(curve(run), curve(alone))
    assert [row.step for row in read_validated(run)] == [3, 3], "the canal and the recess, by the chief alone"
    assert json.loads((run / "manifest.json").read_text())["details"] | {"kind": "detector"} == {
        "kind": "detector",
        "plane": "axial",
        "steps": 3,
        "devices": 2,
        "images_per_device": 1,
        "best_step": 3,
    }


def test_two_mirrored_devices_learn_what_one_learns(detector_records: Path, alone: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    finished(start(detector_records, run, *CURVE, devices=2))
    assert_alike(curve(run), curve(alone))


def test_accumulated_parts_learn_what_a_batch_learns(detector_records: Path, tmp_path: Path) -> None:
    frozen = (*CURVE, "detector.batch_norm=frozen")
    finished(start(detector_records, tmp_path / "whole", *frozen))
    finished(start(detector_records, tmp_path / "parts", *frozen, "detector.accumulated_batches=2"))
    assert_alike(curve(tmp_path / "parts"), curve(tmp_path / "whole"))


def test_when_a_worker_is_killed_the_other_ends_and_both_resume(detector_records: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ("detector.batch_size=2", "detector.steps=30", "detector.steps_between_summaries=2")
    settings += ("detector.steps_between_checkpoints=2",)
    chief, worker = two_workers(detector_records, run, *settings)
    until = time.monotonic() + HANG_S
    while not list(run.glob("ckpt-[2-9]*.index")):
        assert time.monotonic() < until
        assert chief.poll() is None, chief.communicate()[1][-3000:]
        time.sleep(0.2)
    worker.kill()
    killed = time.monotonic()
    _, error = chief.communicate(timeout=HANG_S)
    assert time.monotonic() - killed < 30.0
    assert chief.returncode == REQUEUE
    assert "the worker 1 (127.0.0.1:" in error
    assert f"start all workers again to continue from the newest checkpoint in {run}" in error
    done = [int(row["step"]) for row in curve(run)]
    finished(*two_workers(detector_records, run, *settings))
    assert [int(row["step"]) for row in curve(run)] == list(range(2, 31, 2))
    assert done[-1] < 30
    assert "restored model from" in (run / "train.log").read_text()
