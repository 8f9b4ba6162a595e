"""Damaged checkpoints of a detector's run, on small ones written by TensorFlow."""

import logging
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfspine.errors import ModelError
from tfspine.training.run_checkpoints import set_damaged_aside

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with checkpoints of steps 10, 20 and 100; every weight is the step."""
    weights, step = tf.Variable(np.zeros(1000, np.float32)), tf.Variable(0, dtype=tf.int64)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(weights=weights), str(tmp_path), 3, step_counter=step)
    for number in (10, 20, 100):
        step.assign(number)
        weights.assign(np.full(1000, number))
        manager.save(checkpoint_number=number)
    return tmp_path


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def restored(run: Path) -> float:
    weights = tf.Variable(np.zeros(1000, np.float32))
    newest = tf.train.latest_checkpoint(str(run))
    tf.train.Checkpoint(weights=weights).restore(newest).assert_consumed()
    assert newest.endswith(f"ckpt-{int(weights[0])}")
    return float(weights[0])


DATA, INDEX = "ckpt-100.data-00000-of-00001", "ckpt-100.index"


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99, None])
@pytest.mark.parametrize("name", [DATA, INDEX])
def test_the_one_before_a_damaged_checkpoint_is_restored(
    name: str, share: float | None, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if share is None:
        (run / name).unlink()
    else:
        cut(run / name, share)
    with caplog.at_level(logging.WARNING):
        set_damaged_aside(run)
    assert restored(run) == 20.0
    [told] = [record.getMessage() for record in caplog.records if record.name.startswith("tfspine")]
    assert told.startswith(f"{run / 'ckpt-100'}: cannot be read: ")
    assert "\n" not in told


def test_one_flipped_bit_is_noticed(run: Path) -> None:
    content = bytearray((run / DATA).read_bytes())
    content[len(content) // 2] ^= 1
    (run / DATA).write_bytes(content)
    set_damaged_aside(run)
    assert restored(run) == 20.0


@pytest.mark.parametrize("content", ["", "model_checkpoint_pa", None])
def test_a_damaged_list_is_written_again(content: str | None, run: Path) -> None:
    (run / "checkpoint").unlink()
    if content is not None:
        (run / "checkpoint").write_text(content)
    set_damaged_aside(run)
    assert restored(run) == 100.0


def test_whole_checkpoints_stay_as_they_are(run: Path) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.name != "checkpoint"}
    set_damaged_aside(run)
    assert restored(run) == 100.0
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.name != "checkpoint"} == before


def test_without_a_whole_one_it_is_one_line(run: Path) -> None:
    for path in run.glob("*.data-*"):
        cut(path, 0.5)
    with pytest.raises(
        ModelError, match=r"ckpt-100: cannot be read: .*; no other checkpoint is left; --fresh"
    ) as refusal:
        set_damaged_aside(run)
    assert "\n" not in str(refusal.value)


def test_what_a_kill_left_is_removed(run: Path) -> None:
    half = run / "ckpt-150_temp"
    half.mkdir()
    (half / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"x")
    set_damaged_aside(run)
    assert not half.exists()
    assert restored(run) == 100.0


def test_a_new_run_has_nothing_to_set_aside(tmp_path: Path) -> None:
    set_damaged_aside(tmp_path)
    assert not list(tmp_path.iterdir())
