"""``splits.csv``: which patients train, validate and test; one row for each study."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tfspine.config import SPLITS
from tfspine.errors import FormatError
from tfspine.formats.csv_files import CsvTable, read_csv_file
from tfspine.outputs import write_text

EXCLUDED = "excluded"
"""Stands in `splits.csv` for a study that was left out, so that nobody takes it for one that was forgotten."""

COLUMNS = ("patient", "study", "split")


def write_split_table(path: Path, table: pd.DataFrame) -> None:
    """Write patient, study, split as `read_splits` reads them."""
    write_text(path, split_text(table))


def split_text(table: pd.DataFrame) -> str:
    """Return the content of `splits.csv`."""
    return table[list(COLUMNS)].to_csv(index=False)


def read_splits(path: Path) -> dict[str, str]:
    """Return the split of each study, `EXCLUDED` for those left out.

    Raises:
        FormatError: as `read_split_table`.
    """
    table = read_split_table(path)
    return dict(zip(table["study"], table["split"], strict=True))


def split_hash(splits: Mapping[str, str]) -> str:
    """Return the SHA-256 that tells one division of the studies from another, whatever the order of its lines."""
    lines = sorted(f"{study},{split}\n" for study, split in splits.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_split_table(path: Path) -> pd.DataFrame:
    """Return `splits.csv`, every value as text.

    Raises:
        FormatError: the file is missing, lacks a column or a value, names a split that there is not, lists a
            study twice, or has one patient on both sides of a split.
    """
    try:
        read = read_csv_file(path, COLUMNS)
    except FormatError as error:
        raise FormatError(f"{error}; make it with tfspine split") from None
    table = pd.DataFrame(list(read.rows), columns=list(read.columns), dtype="str")
    for row, split in enumerate(table["split"]):
        if split not in (*SPLITS, EXCLUDED):
            raise FormatError(f'{read.where(row)}: split "{split}"; expected one of {", ".join(SPLITS)}')
    _require_separate_patients(read, table)
    return table


def _require_separate_patients(read: CsvTable, table: pd.DataFrame) -> None:
    """Refuse what would put the same person into training and test."""
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
                f"{where}: patient {patient} in {split} and in {former[patient]}; expected one split a patient, or the "
                "test would see people it was trained on"
            )
