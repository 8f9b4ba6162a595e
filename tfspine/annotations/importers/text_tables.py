"""CSV files of public data sets, read as text: no value is converted to a number or to a missing value."""

from collections.abc import Sequence
from pathlib import Path

from tfspine.formats.csv_files import read_csv_file

Row = dict[str, str]


def read_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, Row]]:
    """Return (line, row) of every row, the header being line 1; values are stripped of blanks around them.

    Other columns are left out.

    Raises:
        AnnotationError: the file cannot be read or lacks a column.
    """
    table = read_csv_file(path, columns)
    return [(line, {name: row[name] for name in columns}) for line, row in zip(table.lines, table.rows, strict=True)]
