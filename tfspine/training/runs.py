"""A run folder belongs to one configuration: its run is new, resumed or complete; any other is rejected.

It also belongs to one process at a time, unless several processes share the work.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfspine.compat import StrEnum
from tfspine.config import Experiment, as_dict
from tfspine.config.toml_text import toml_text
from tfspine.errors import ModelError, TfspineError
from tfspine.formats.history_csv import HISTORY_FILE
from tfspine.hashes import hash_input
from tfspine.manifest import CLAIM_FILE, read_manifest, split_of
from tfspine.outputs import held, write_text
from tfspine.ownership import require_apart

GRADER_SECTIONS = ("grader", "training")
DETECTOR_SECTIONS = ("detector", "training", "overrides")
"""Sections of the experiment on which the trained weights depend."""


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
        experiment: its seed and `sections` must equal those with which the run was started.
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
        "split": split_of(records_folder),
    }
    path = run_folder / CLAIM_FILE
    if not _names(run_folder) - {CLAIM_FILE}:
        write_text(path, json.dumps(claim, indent=2) + "\n")
        return RunState.NEW
    _compare(run_folder, _read(path), json.loads(json.dumps(claim)))
    return RunState.STARTED if read_manifest(run_folder) is None else RunState.COMPLETE


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
            if state is RunState.NEW and not (run_folder / HISTORY_FILE).exists():
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


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}; name another --out") from error
    return content


def _compare(run_folder: Path, began: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    before, now = _flat(began), _flat(wanted)
    for key in {**now, **before}:
        if before.get(key) != now.get(key):
            raise ModelError(
                f"{run_folder}: a run of another configuration: {key} = {_told(key, before)} there, "
                f"{_told(key, now)} here; name another --out"
            )


def _told(key: str, claim: Mapping[str, Any]) -> str:
    """Return a setting as written in its file; a value without a section, such as the region, is a plain word."""
    value = claim.get(key)
    return toml_text(value) if "." in key else str(value)


def _flat(claim: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in claim.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            flat[key] = value
    return flat
