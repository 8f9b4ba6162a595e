"""``splits.csv``: the patients used for training, validation and test; one row for each study."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.config import SPLITS
from tfspine.errors import FormatError
from tfspine.formats.csv_files import CsvTable, read_csv_file
from tfspine.outputs import write_text

if TYPE_CHECKING:
    import pandas as pd

EXCLUDED = "excluded"
"""Marks an excluded study in `splits.csv`, to distinguish it from one that is missing by mistake."""

SPLITS_FILE = "splits.csv"

SPLIT_COLUMNS = ("patient", "study", "split")


def write_split_table(path: Path, table: "pd.DataFrame") -> None:
    """Write patient, study, split in the form that `read_splits` reads."""
    write_text(path, split_text(table))


def split_text(table: "pd.DataFrame") -> str:
    """Return the content of `splits.csv`."""
    return table[list(SPLIT_COLUMNS)].to_csv(index=False)


def read_splits(path: Path) -> dict[str, str]:
    """Return the split of each study, `EXCLUDED` for those left out.

    Raises:
        FormatError: as in `read_split_table`.
    """
    table = read_split_table(path)
    return dict(zip(table["study"], table["split"], strict=True))


def split_hash(splits: Mapping[str, str]) -> str:
    """Return a SHA-256 that identifies the assignment of studies to splits, independent of the order of lines."""
    lines = sorted(f"{study},{split}\n" for study, split in splits.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_split_table(path: Path) -> "pd.DataFrame":
    """Return `splits.csv`, every value as text.

    Raises:
        FormatError: the file is missing, lacks a column or a value, contains an invalid split, lists a study twice, or
            has one patient in two splits.
    """
    try:
        read = read_csv_file(path, SPLIT_COLUMNS)
    except FormatError as error:
        raise FormatError(f"{error}; make it with tfspine split") from None
    import pandas as pd  # noqa: PLC0415  commands that only name the file stay light

    table = pd.DataFrame(list(read.rows), columns=list(read.columns), dtype="str")
    for row, split in enumerate(table["split"]):
        if split not in (*SPLITS, EXCLUDED):
            raise FormatError(f'{read.where(row)}: split "{split}"; expected one of {", ".join(SPLITS)}')
    _require_separate_patients(read, table)
    return table


def _require_separate_patients(read: CsvTable, table: "pd.DataFrame") -> None:
    """Refuse a table that has one patient in two splits, an empty name, or a study twice."""
    former: dict[str, str] = {}
    studies: set[str] = set()
    for row, (patient, study, split) in enumerate(zip(table["patient"], table["study"], table["split"], strict=True)):
        where = read.where(row)
        if not (patient and study):
            raise FormatError(f"{where}: no patient or no study; expected a pseudonym in both")
        if study in studies:
            raise FormatError(f"{where}: study {study} is listed twice; keep one of the lines")
        studies.add(study)
        if split != EXCLUDED and former.setdefault(patient, split) != split:
            raise FormatError(
                f"{where}: patient {patient} in {split} and in {former[patient]}; expected one split per patient, "
                "or the "
                "test would include patients of training"
            )
