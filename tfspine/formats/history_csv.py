"""``history.csv`` of a run: losses and measures, one row for each summary (detector) or epoch (grader).

The first column counts: the steps done, or the epochs from 0. A run may be interrupted while it writes a row.
"""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tfspine.formats.csv_rows import write_csv

HISTORY_FILE = "history.csv"
"""The first result that a training writes: if it is missing, nothing has been trained."""

STEP, EPOCH = "step", "epoch"

DETECTOR_LOSSES = ("total_loss", "rpn_score_loss", "rpn_box_loss", "frcnn_cls_loss", "frcnn_box_loss")
"""Losses of a detector: means over the steps since the previous row, under the Model Garden's names."""

DETECTOR_HISTORY_COLUMNS = (STEP, *DETECTOR_LOSSES)

GRADER_HISTORY_COLUMNS = (EPOCH, "ac1", "learning_rate", "loss", "val_ac1", "val_loss")
"""Columns that Keras' CSVLogger writes for a grader: the epoch, then its own names in their alphabetical order."""

History = list[dict[str, float]]


def read_history(run_folder: Path) -> History:
    """Read the complete rows, without one truncated by an interruption; no rows if the file is missing."""
    path = run_folder / HISTORY_FILE
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(row.values())]
    return [{name: float(text) for name, text in row.items()} for row in rows]


def forget_history(run_folder: Path, *, after: int) -> None:
    """Keep the rows up to a step; later rows are written again when their steps are trained again.

    A truncated row is always a later one, because a row is written to disk before the checkpoint of its step.

    Raises:
        OutputError: the file cannot be written.
    """
    write_history(run_folder, [row for row in read_history(run_folder) if row[STEP] <= after])


def write_history(run_folder: Path, rows: Iterable[Mapping[str, float]]) -> None:
    """Write rows of the same columns in place of the whole table; without rows it is deleted.

    Raises:
        OutputError: the file cannot be written.
    """
    counted = [_row(row) for row in rows]
    if counted:
        write_csv(run_folder / HISTORY_FILE, tuple(counted[0]), counted)
    else:
        (run_folder / HISTORY_FILE).unlink(missing_ok=True)


def append_history(run_folder: Path, row: Mapping[str, float]) -> None:
    """Add one row of the table's columns, and return when it is on disk."""
    path = run_folder / HISTORY_FILE
    columns = _columns(path)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns or tuple(row), lineterminator="\n")
        if not columns:
            writer.writeheader()
        writer.writerow(_row(row))
        file.flush()
        os.fsync(file.fileno())


def _columns(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return next(csv.reader(file), [])


def _row(row: Mapping[str, float]) -> dict[str, float]:
    return {name: int(value) if name in (STEP, EPOCH) else value for name, value in row.items()}
