"""``loaded.csv`` of a detector's run: what its network took from the initial checkpoint, one row for each tensor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfspine.formats.csv_rows import read_csv_rows, write_csv

LOADED_FILE = "loaded.csv"

LOADED_COLUMNS = ("part", "tensor", "left_out_because")

NAMES_SHOWN = 3


@dataclass(frozen=True)
class LoadedRow:
    """A tensor of one part of the network; `left_out_because` is empty if it was loaded."""

    part: str
    tensor: str
    left_out_because: str


def parts_loaded(rows: Sequence[LoadedRow]) -> list[str]:
    """Return one phrase for each part: how many of its tensors were loaded, which were not, and why."""
    return [_summary(part, [row for row in rows if row.part == part]) for part in dict.fromkeys(r.part for r in rows)]


def shortened(names: Sequence[str]) -> str:
    """Return the first names of a list, and how many follow."""
    rest = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def read_loaded(run_folder: Path) -> list[LoadedRow]:
    """Return the rows of a run, none if it began without a checkpoint.

    Raises:
        FormatError: a column is missing.
    """
    path = run_folder / LOADED_FILE
    return read_csv_rows(path, LOADED_COLUMNS, _row, made_by="tfspine train") if path.is_file() else []


def write_loaded(run_folder: Path, rows: Sequence[LoadedRow]) -> None:
    """Write the rows of a run.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(run_folder / LOADED_FILE, LOADED_COLUMNS, rows)


def _summary(part: str, rows: Sequence[LoadedRow]) -> str:
    left_out = [row for row in rows if row.left_out_because]
    told = f"{part} {len(rows) - len(left_out)} of {len(rows)} tensors"
    reasons = [
        f"{shortened([row.tensor for row in left_out if row.left_out_because == reason])}: {reason}"
        for reason in dict.fromkeys(row.left_out_because for row in left_out)
    ]
    return told + (f" (not {'; '.join(reasons)})" if reasons else "")


def _row(values: Mapping[str, str]) -> LoadedRow:
    return LoadedRow(**{name: values[name] for name in LOADED_COLUMNS})
