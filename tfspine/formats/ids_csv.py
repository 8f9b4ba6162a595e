"""``ids.csv`` of records: the slice of each `image/source_id`, which the Model Garden parses as an integer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.config import SPLITS
from tfspine.formats.csv_rows import read_csv_rows, write_csv
from tfspine.labels import Plane

IDS_FILE = "ids.csv"

ID_COLUMNS = ("source_id", "key", "plane", "split")


@dataclass(frozen=True)
class IdRow:
    """One slice; `source_id` counts from 1."""

    source_id: int
    key: str
    plane: Plane
    split: str


def write_ids(folder: Path, rows: Iterable[IdRow]) -> None:
    """Write the table of a folder of records.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(folder / IDS_FILE, ID_COLUMNS, rows)


def read_ids(folder: Path) -> list[IdRow]:
    """Read the table of a folder of records.

    Raises:
        FormatError: it does not exist, or has an invalid value; the message gives the line.
    """
    return read_csv_rows(folder / IDS_FILE, ID_COLUMNS, _row, made_by="tfspine records")


def _row(values: Mapping[str, str]) -> IdRow:
    if values["split"] not in SPLITS:
        raise ValueError(f"split '{values['split']}'; expected one of {', '.join(SPLITS)}")
    return IdRow(int(values["source_id"]), values["key"], Plane(values["plane"]), values["split"])
