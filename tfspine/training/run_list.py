"""The runs below some folders, from their own files: what each trains, how far it has come, and its losses."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.config.toml_text import toml_text
from tfspine.errors import ModelError
from tfspine.formats.history_csv import EPOCH, STEP, History, read_history
from tfspine.manifest import CLAIM_FILE, RunKind, read_manifest
from tfspine.training.runs import RunState, flat_claim, read_claim

LENGTHS = {RunKind.DETECTOR: "detector.steps", RunKind.GRADER: "grader.epochs"}
"""The setting that says how long each kind of run trains."""

LOSSES = {RunKind.DETECTOR: "total_loss", RunKind.GRADER: "val_loss"}
"""The column of `history.csv` by which runs of one kind are compared: a detector has no validation loss."""


@dataclass(frozen=True)
class RunRow:
    """One detector or grader.

    Attributes:
        folder: the run folder.
        kind: what kind of network.
        subject: the plane of a detector; the region of a grader, and its member.
        state: whether it is complete; a run that was interrupted is `STARTED`.
        done: steps of a detector, or epochs of a grader, so far.
        length: how many it will have.
        loss: the newest total loss of a detector, the smallest validation loss of a grader; None before the first.
        val_ac1: the largest AC1 of a grader on validation; None for detectors.
        settings: every setting that the run depends on, as ``section.name``.
        history: the rows of `history.csv`.
    """

    folder: Path
    kind: RunKind
    subject: str
    state: RunState
    done: int
    length: int
    loss: float | None
    val_ac1: float | None
    settings: Mapping[str, Any]
    history: History


def find_runs(folders: Iterable[Path]) -> tuple[RunRow, ...]:
    """Return the runs of detectors and graders in and below the folders, in the order of their paths.

    Raises:
        ModelError: a folder does not exist, or none of them holds a run.
    """
    found: dict[Path, RunRow] = {}
    named = list(folders)
    for folder in named:
        if not folder.is_dir():
            raise ModelError(f"{folder}: no such folder; name run folders, or folders that hold some")
        for claim in sorted(folder.rglob(CLAIM_FILE)):
            row = _row(claim.parent)
            if row is not None:
                found[claim.parent] = row
    if not found:
        raise ModelError(f"{', '.join(map(str, named))}: no run here; expected folders that tfspine train wrote")
    return tuple(found.values())


def differing_settings(runs: Iterable[RunRow]) -> dict[str, tuple[str, ...]]:
    """Return the settings that are not the same in all runs, each with the TOML text of every run, `–` if absent."""
    rows = list(runs)
    keys = sorted({key for row in rows for key in row.settings})
    texts = {key: tuple(toml_text(row.settings[key]) if key in row.settings else "–" for row in rows) for key in keys}
    return {key: values for key, values in texts.items() if len(set(values)) > 1}


def _row(folder: Path) -> RunRow | None:
    """Return the row of a run; None for one that has members or trials, which have rows of their own."""
    claim = read_claim(folder)
    kind = claim.get("kind")
    if kind not in LENGTHS:
        return None
    kind = RunKind(kind)
    settings = {key: value for key, value in flat_claim(claim).items() if "." in key}
    history = read_history(folder)
    return RunRow(
        folder=folder,
        kind=kind,
        subject=" ".join(str(claim[key]) for key in ("plane", "region", "member") if key in claim),
        state=RunState.STARTED if read_manifest(folder) is None else RunState.COMPLETE,
        done=_done(history),
        length=int(settings.get(LENGTHS[kind], 0)),
        loss=_loss(kind, history),
        val_ac1=max((row["val_ac1"] for row in history if "val_ac1" in row), default=None),
        settings=settings,
        history=history,
    )


def _done(history: History) -> int:
    last = history[-1] if history else {}
    return int(last[EPOCH]) + 1 if EPOCH in last else int(last.get(STEP, 0))


def _loss(kind: RunKind, history: History) -> float | None:
    losses = [row[LOSSES[kind]] for row in history if LOSSES[kind] in row]
    if not losses:
        return None
    return losses[-1] if kind is RunKind.DETECTOR else min(losses)


def as_json(runs: Iterable[RunRow]) -> str:
    """Return the runs as JSON, with their settings and histories."""
    rows = [
        {
            "folder": str(row.folder),
            "kind": row.kind,
            "subject": row.subject,
            "state": row.state,
            "done": row.done,
            "length": row.length,
            "loss": row.loss,
            "val_ac1": row.val_ac1,
            "settings": dict(row.settings),
            "history": row.history,
        }
        for row in runs
    ]
    return json.dumps(rows, indent=2)
