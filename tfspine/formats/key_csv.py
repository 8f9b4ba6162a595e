"""The secret table of ``tfspine deidentify --key``: source files and images, and the new ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tfspine.errors import FormatError
from tfspine.formats.csv_files import read_csv_file
from tfspine.formats.csv_rows import csv_text

KEY_FILE = "key.csv"

KEY_COLUMNS = ("source", "file", "sop_instance_uid", "new_sop_instance_uid")


@dataclass(frozen=True, order=True)
class KeyRow:
    """One source file and the file that it became, or its name in `refused.csv`; then both UIDs are empty."""

    source: str
    file: str
    sop_instance_uid: str
    new_sop_instance_uid: str


def key_text(rows: Iterable[KeyRow]) -> str:
    """Return the content of the table."""
    return csv_text(KEY_COLUMNS, rows)


def read_key(path: Path) -> list[KeyRow]:
    """Read the rows of the table that have an image.

    Raises:
        FormatError: the file cannot be read, or has no image.
    """
    rows = [KeyRow(*(row[name] for name in KEY_COLUMNS)) for row in read_csv_file(path, (), optional=KEY_COLUMNS).rows]
    images = [row for row in rows if row.sop_instance_uid]
    if not images:
        raise FormatError(f"{path}: no image; expected the table that tfspine deidentify --key wrote")
    return images
