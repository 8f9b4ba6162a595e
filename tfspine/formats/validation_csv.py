"""``validation.csv`` of a grader's run: the true grade of each validation crop, and its four probabilities.

Rows are in the order of the records, probabilities at temperature 1.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.formats.csv_rows import read_csv_rows, write_csv
from tfspine.labels import GRADE_WORDS, Grade

VALIDATION_FILE = "validation.csv"

VALIDATION_COLUMNS = ("grade", *(f"p_{word}" for word in GRADE_WORDS))


@dataclass(frozen=True)
class ValidationRow:
    """One crop: its true grade, and the probability of each grade."""

    grade: Grade
    probabilities: tuple[float, ...]


def write_validation(run_folder: Path, rows: Iterable[ValidationRow]) -> None:
    """Write the table of a run.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(run_folder / VALIDATION_FILE, VALIDATION_COLUMNS, ((row.grade.word, *row.probabilities) for row in rows))


def read_validation(run_folder: Path) -> list[ValidationRow]:
    """Read the table of a run.

    Raises:
        FormatError: it does not exist, or has an invalid grade or number; the message gives the line.
    """
    return read_csv_rows(run_folder / VALIDATION_FILE, VALIDATION_COLUMNS, _row, made_by="tfspine train")


def _row(values: Mapping[str, str]) -> ValidationRow:
    grade, *probabilities = (values[name] for name in VALIDATION_COLUMNS)
    return ValidationRow(Grade.of_word(grade), tuple(map(float, probabilities)))
