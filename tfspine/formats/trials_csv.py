"""``trials.csv`` of a sweep: one row for each trial, with its settings, and its result or the reason of its failure.

After the columns that every sweep has, there is one for each setting of the search space, named as in the sweep file.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.compat import StrEnum, tomllib
from tfspine.config.toml_text import toml_text
from tfspine.formats.csv_rows import one_or_none, read_csv_rows, write_csv

TRIALS_FILE = "trials.csv"

TRIAL_COLUMNS = ("trial", "status", "objective", "score", "epochs", "message")


class TrialStatus(StrEnum):
    """How a trial stands."""

    COMPLETED = "completed"
    FAILED = "failed"
    UNFINISHED = "unfinished"


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        trial: its number, counted from 0.
        status: how it stands.
        objective: what is searched for: `val_ac1` or `val_loss`.
        score: its value in the best epoch; None unless the trial is completed.
        epochs: the epochs that it was given; None if its file was damaged.
        message: why it failed, or empty.
        settings: values of the search space, as in an experiment file: ``{"grader.filters": [8, 16]}``; None if its
            file was damaged.
    """

    trial: int
    status: TrialStatus
    objective: str
    score: float | None
    epochs: int | None
    message: str
    settings: Mapping[str, Any]


def write_trials(folder: Path, rows: Iterable[TrialRow]) -> None:
    """Write the table of a sweep; all rows have the same settings.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = list(rows)
    names = tuple(rows[0].settings) if rows else ()
    values = (
        [*(getattr(row, name) for name in TRIAL_COLUMNS), *(_text(row.settings[name]) for name in names)]
        for row in rows
    )
    write_csv(folder / TRIALS_FILE, (*TRIAL_COLUMNS, *names), values)


def read_trials(folder: Path) -> list[TrialRow]:
    """Read the table of a sweep.

    Raises:
        FormatError: it does not exist, or has an invalid value; the message gives the line.
    """
    return read_csv_rows(folder / TRIALS_FILE, TRIAL_COLUMNS, _row, made_by="tfspine tune")


def _row(values: Mapping[str, str]) -> TrialRow:
    return TrialRow(
        trial=int(values["trial"]),
        status=TrialStatus(values["status"]),
        objective=values["objective"],
        score=one_or_none(float, values["score"]),
        epochs=one_or_none(int, values["epochs"]),
        message=values["message"],
        settings={name: _setting(name, text) for name, text in values.items() if name not in TRIAL_COLUMNS},
    )


def _text(setting: Any) -> str:
    return "" if setting is None else toml_text(setting)


def _setting(name: str, text: str) -> Any:
    if not text:
        return None
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return tomllib.loads(f"value = {text}")["value"]
    raise ValueError(f"{name} '{text}'; expected a value as in an experiment file")
