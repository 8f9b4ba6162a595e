"""``refused.csv``: the files that a command left out, and why; importers also give the line of a table.

``tfspine fetch`` leaves out studies and series of a server, and lists those (`LeftOut`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.formats.csv_rows import one_or_none, read_csv_rows, write_csv
from tfspine.structures import Refusal

REFUSED_FILE = "refused.csv"

REFUSED_COLUMNS = ("file", "reason")
REFUSED_LINE_COLUMNS = ("file", "line", "reason")
LEFT_OUT_COLUMNS = ("study_instance_uid", "series_instance_uid", "reason")


@dataclass(frozen=True)
class LeftOut:
    """A study, or one of its series, that was not fetched, and why; the series is empty for a whole study."""

    study_instance_uid: str
    series_instance_uid: str
    reason: str


def write_refused(folder: Path, refused: Iterable[Refusal]) -> None:
    """Write file and reason of each refusal.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(folder / REFUSED_FILE, REFUSED_COLUMNS, refused)


def write_refused_lines(folder: Path, refused: Iterable[Refusal]) -> None:
    """Write file, line (empty for a whole file) and reason of each refusal.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = ((item.file, "" if item.line is None else item.line, item.reason) for item in refused)
    write_csv(folder / REFUSED_FILE, REFUSED_LINE_COLUMNS, rows)


def read_refused(folder: Path, *, made_by: str) -> list[Refusal]:
    """Read the table of a folder, with or without lines.

    Raises:
        FormatError: it does not exist, lacks a column, or a line is not a number.
    """
    return read_csv_rows(folder / REFUSED_FILE, REFUSED_COLUMNS, _refusal, made_by=made_by, optional=("line",))


def write_left_out(folder: Path, left_out: Iterable[LeftOut]) -> None:
    """Write what was not fetched.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(folder / REFUSED_FILE, LEFT_OUT_COLUMNS, left_out)


def read_left_out(folder: Path) -> list[LeftOut]:
    """Read what was not fetched into a folder.

    Raises:
        FormatError: the table does not exist or lacks a column.
    """
    return read_csv_rows(folder / REFUSED_FILE, LEFT_OUT_COLUMNS, _left_out, made_by="tfspine fetch")


def _refusal(values: Mapping[str, str]) -> Refusal:
    return Refusal(values["file"], values["reason"], one_or_none(int, values["line"]))


def _left_out(values: Mapping[str, str]) -> LeftOut:
    return LeftOut(*(values[name] for name in LEFT_OUT_COLUMNS))
