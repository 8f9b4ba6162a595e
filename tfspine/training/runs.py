"""A run folder belongs to one configuration: its run is new, resumed or complete; any other is rejected.

It also belongs to one process at a time, unless several processes share the work.
"""

import contextlib
import itertools
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfspine.compat import StrEnum
from tfspine.config import Experiment, as_dict
from tfspine.config.toml_text import toml_text
from tfspine.errors import ModelError, TfspineError
from tfspine.formats.history_csv import read_history
from tfspine.hashes import hash_input
from tfspine.manifest import CLAIM_FILE, read_manifest, split_of
from tfspine.outputs import held, write_text
from tfspine.ownership import require_apart

GRADER_SECTIONS = ("grader", "training")
DETECTOR_SECTIONS = ("detector", "training", "overrides")
"""Sections of the experiment on which the trained weights depend."""


PACE = (
    *("training.strategy", "training.peer_timeout_s"),
    *("detector.steps_between_checkpoints", "detector.steps_between_summaries"),
)
"""Settings that do not change what is learned: with another strategy, weights are the same up to rounding."""

LENGTHS = {
    "detector.steps": ("detector.schedule", "stepwise"),
    "grader.epochs": ("grader.schedule", "plateau"),
}
"""How long a network is trained, and the schedule whose learning rate does not depend on that."""

BEST_FOLDER = "best"
"""Folder in the run of a detector with the checkpoint that was best on validation slices."""

CHECKPOINT_STATE = "checkpoint"
"""TensorFlow's file with the names of the checkpoints of a run, which is read here without TensorFlow."""


class RunState(StrEnum):
    """How far the training in a run folder has come."""

    NEW = "new"
    STARTED = "started"
    COMPLETE = "complete"


def open_run(
    run_folder: Path,
    *,
    trains: Mapping[str, Any],
    experiment: Experiment,
    sections: Sequence[str],
    records_folder: Path,
) -> RunState:
    """Claim `run_folder` for one training, or find out how far it has come; several processes may do so at once.

    Args:
        run_folder: created if it is missing.
        trains: what is trained, for example ``{"kind": "grader", "region": "central_canal"}``; the values are
            JSON values, tables at most one level deep.
        experiment: its seed and `sections` must equal those with which the run was started, except for the settings
            in `PACE`, and for more steps or epochs where the learning rate does not depend on their number.
        sections: the sections on which the trained weights depend.
        records_folder: the records must also be the same.

    Raises:
        ModelError: the folder belongs to another training (the message shows both values), or holds something else.
        OutputError: the folder is the records folder, contains it, or lies inside it.
    """
    require_apart(run_folder, [records_folder])
    claim: dict[str, Any] = {
        **trains,
        "seed": experiment.seed,
        **{section: _section(experiment, section) for section in sections},
        "records": hash_input(records_folder),
        "split_hash": split_of(records_folder),
    }
    path, text = run_folder / CLAIM_FILE, json.dumps(claim, indent=2) + "\n"
    if not _names(run_folder) - {CLAIM_FILE}:
        write_text(path, text)
        return RunState.NEW
    is_complete = read_manifest(run_folder) is not None
    began, wanted = flat_claim(read_claim(run_folder)), flat_claim(json.loads(text))
    # A setting that a former version did not know has its default there.
    began = _defaults(sections) | began
    _compare(run_folder, began, wanted, is_complete=is_complete)
    if began != wanted:
        write_text(path, text)
    return RunState.COMPLETE if is_complete and not _is_longer(began, wanted) else RunState.STARTED


def newest_checkpoint(run_folder: Path) -> str:
    """Return the name of a detector's newest checkpoint, for example ``ckpt-200``; empty if there is none yet."""
    state = run_folder / CHECKPOINT_STATE
    found = re.search(r'^model_checkpoint_path: "([^"]*)"', state.read_text() if state.is_file() else "", re.MULTILINE)
    return Path(found[1]).name if found else ""


def newest_step(run_folder: Path) -> int:
    """Return the step of a detector's newest checkpoint, 0 if there is none yet."""
    return int(newest_checkpoint(run_folder).rpartition("-")[2] or 0)


def read_claim(run_folder: Path) -> dict[str, Any]:
    """Return what a run trains, as it was written when the run began.

    Raises:
        ModelError: `run.json` is missing or truncated.
    """
    path = run_folder / CLAIM_FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}; name another --out") from error
    return content


def flat_claim(claim: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a claim, with those of its tables as ``section.name``."""
    flat: dict[str, Any] = {}
    for key, value in claim.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            flat[key] = value
    return flat


def set_aside(run_folder: Path) -> Path | None:
    """Rename the folder of a run, so that another can begin in its place; return its new name, None if it is new.

    Raises:
        ModelError: the folder holds something that is not a run.
        OutputError: another process works on it.
    """
    if not _names(run_folder):
        return None
    with held(run_folder):
        pass
    names = (run_folder.with_name(f"{run_folder.name}.former-{number}") for number in itertools.count(1))
    return run_folder.rename(next(name for name in names if not name.exists()))


@contextlib.contextmanager
def hold_run(
    run_folder: Path,
    *,
    trains: Mapping[str, Any],
    experiment: Experiment,
    sections: Sequence[str],
    records_folder: Path,
) -> Iterator[RunState]:
    """Do the same as `open_run`, and lock the folder against other processes while the block runs.

    If a new run fails with an error before anything is trained, the folder is left empty again.

    Raises:
        ModelError: as `open_run`.
        OutputError: as `outputs.held`.
    """
    require_apart(run_folder, [records_folder])
    _names(run_folder)  # before anything is created in a folder that belongs to something else
    with held(run_folder):
        state = open_run(
            run_folder, trains=trains, experiment=experiment, sections=sections, records_folder=records_folder
        )
        try:
            yield state
        except TfspineError:
            if state is RunState.NEW and not read_history(run_folder):
                _give_back(run_folder)
            raise


def _give_back(run_folder: Path) -> None:
    """Empty a folder that was new, so that the same --out can be used with corrected settings."""
    for name in _names(run_folder):
        path = run_folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _names(run_folder: Path) -> set[str]:
    """Return the names in a run folder, without hidden files: another worker may be writing its claim.

    Raises:
        ModelError: it is a file, or a folder that is not a run.
    """
    if run_folder.exists() and not run_folder.is_dir():
        raise ModelError(f"{run_folder}: is a file; name another --out")
    names = {path.name for path in run_folder.glob("*") if not path.name.startswith(".")}
    if names and CLAIM_FILE not in names:
        raise ModelError(f"{run_folder}: holds something that is not a run; name another --out")
    return names


def _section(experiment: Experiment, section: str) -> Any:
    value = getattr(experiment, section)
    return dict(value) if isinstance(value, Mapping) else as_dict(value)


def _compare(run_folder: Path, began: Mapping[str, Any], wanted: Mapping[str, Any], *, is_complete: bool) -> None:
    longer = [] if is_complete and "grader.epochs" in wanted else [key for key in LENGTHS if _is_longer(began, wanted)]
    for key in {**wanted, **began}:
        if began.get(key) != wanted.get(key) and key not in (*PACE, *longer):
            raise ModelError(
                f"{run_folder}: a run of another configuration: {key} = {_told(key, began)} there, "
                f"{_told(key, wanted)} here; name another --out, or --fresh to begin again"
            )


def _is_longer(began: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a run differs in its length, is longer, and its first part is the same with both lengths."""
    for length, (schedule, independent) in LENGTHS.items():
        if wanted.get(schedule) == independent and wanted[length] > began.get(length, wanted[length]):
            return True
    return False


def _defaults(sections: Sequence[str]) -> dict[str, Any]:
    default = Experiment()
    content = {section: _section(default, section) for section in sections}
    return flat_claim(json.loads(json.dumps(content)))


def _told(key: str, claim: Mapping[str, Any]) -> str:
    """Return a setting as written in its file; a value without a section, such as the region, is a plain word."""
    value = claim.get(key)
    return toml_text(value) if "." in key else str(value)
