"""Tables that the package writes itself: any rows as CSV, and back with the line of each value that is invalid."""

import csv
import dataclasses
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tfspine.errors import FormatError
from tfspine.formats.csv_files import read_csv_file
from tfspine.outputs import write_text

Row = TypeVar("Row")


def csv_text(columns: Sequence[str], rows: Iterable[Any]) -> str:
    """Return a table as CSV, numbers at full precision; None and NaN are empty.

    Args:
        columns: the header.
        rows: dataclasses or mappings, of which these columns are written, or sequences of exactly these values.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in _values(row, columns)] for row in rows)
    return text.getvalue()


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Any]) -> None:
    """Write a table as `csv_text` gives it.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(path, csv_text(columns, rows))


def read_csv_rows(
    path: Path,
    columns: Sequence[str],
    parse: Callable[[Mapping[str, str]], Row],
    *,
    made_by: str,
    optional: Sequence[str] = (),
) -> list[Row]:
    """Read a table that a command wrote, one value of `Row` for each of its rows.

    Args:
        path: the table.
        columns: columns that it has; others are ignored.
        parse: turns the text of one row into a value; a `ValueError` of it states what is invalid.
        made_by: the command that writes the table, for messages.
        optional: columns that may be missing; they are read as empty.

    Raises:
        FormatError: the file does not exist or lacks a column, or a value is invalid; the message gives the line.
    """
    if not path.is_file():
        raise FormatError(f"{path}: not found; make it with {made_by}")
    read = read_csv_file(path, columns, optional=optional)
    rows = []
    for number, values in enumerate(read.rows):
        try:
            rows.append(parse(values))
        except ValueError as error:
            raise FormatError(f"{read.where(number)}: {error}; make it again with {made_by}") from None
    return rows


def one_or_none(kind: Callable[[str], Row], text: str) -> Row | None:
    """Return the value of a text, None if it is empty."""
    return kind(text) if text else None


def _values(row: Any, columns: Sequence[str]) -> Iterable[Any]:
    if isinstance(row, Mapping):
        return (row[name] for name in columns)
    if dataclasses.is_dataclass(row):
        return (getattr(row, name) for name in columns)
    return row  # type: ignore[no-any-return]


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value
