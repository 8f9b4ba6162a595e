"""CSV files of other people, read as text: nothing is guessed to be a number, nothing to be missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from tfspine.errors import AnnotationError

Row = dict[str, str]


def read_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, Row]]:
    """Return (line, row) of every row, the header being line 1; values are stripped of blanks around them.

    Columns beyond those asked for are left out.

    Raises:
        AnnotationError: the file cannot be read or lacks a column.
    """
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}; expected the data set's own file") from None
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise AnnotationError(f"{path}: not a readable CSV file: {reason}; expected {', '.join(columns)}") from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise AnnotationError(f"{path}: no column {missing[0]}; expected {', '.join(columns)}")
    return list(_rows(table[list(columns)]))


def _rows(table: pd.DataFrame) -> Iterator[tuple[int, Row]]:
    for line, row in enumerate(table.to_dict("records"), start=2):
        yield line, {str(name): str(value).strip() for name, value in row.items()}
