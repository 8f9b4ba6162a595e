"""The checkpoints of a detector's run: one that was damaged is set aside, and the run continues from the one before."""

import logging
import re
import shutil
from pathlib import Path

import tensorflow as tf

from tfspine.errors import ModelError

_log = logging.getLogger(__name__)


def set_damaged_aside(run_folder: Path) -> None:
    """Let TensorFlow's list of checkpoints begin with the newest one that can be read, and remove what kills left.

    Every tensor is read, because TensorFlow checks their sums only then. A damaged checkpoint is logged; its files are
    written again when the training reaches its step.

    Raises:
        ModelError: there are checkpoints, and none can be read.
    """
    for half_written in run_folder.glob("ckpt-*_temp*"):
        shutil.rmtree(half_written) if half_written.is_dir() else half_written.unlink()
    steps = sorted(
        {int(found[1]) for path in run_folder.glob("ckpt-*") if (found := re.match(r"ckpt-(\d+)\.", path.name))}
    )
    reasons: list[str] = []
    for step in reversed(steps):
        reason = _damage(run_folder / f"ckpt-{step}")
        if reason is None:
            break
        reasons.append(f"{run_folder / f'ckpt-{step}'}: cannot be read: {reason}")
    if not reasons:
        _list(run_folder, steps)
        return
    if len(reasons) == len(steps):
        raise ModelError(f"{reasons[0]}; no other checkpoint is left; --fresh begins again")
    for reason in reasons:
        _log.warning("%s; the run continues from the checkpoint before", reason)
    _list(run_folder, steps[: -len(reasons)])


def _damage(prefix: Path) -> str | None:
    """Return why a checkpoint cannot be read, in one line; None if it can."""
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, IndexError, ValueError, RuntimeError) as error:
        return " ".join(str(error).split())
    return None


def _list(run_folder: Path, steps: list[int]) -> None:
    """Write the file in which TensorFlow looks up its checkpoints, which may itself be damaged or missing."""
    if steps:
        names = [f"ckpt-{step}" for step in steps]
        tf.compat.v1.train.update_checkpoint_state(str(run_folder), names[-1], all_model_checkpoint_paths=names)
