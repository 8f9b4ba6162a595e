"""``grades.csv`` of ``tfspine phantom``: the true severity and grade of every region of every simulated study."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.formats.csv_rows import one_or_none, read_csv_rows, write_csv
from tfspine.labels import Grade, Level, Region, Side

GRADES_FILE = "grades.csv"

GRADE_COLUMNS = ("study", "level", "region", "side", "severity", "grade")


@dataclass(frozen=True)
class GradeRow:
    """The truth of one region; `side` is None for the canal, `severity` is 0 to 1."""

    study: str
    level: Level
    region: Region
    side: Side | None
    severity: float
    grade: Grade


def write_grades(folder: Path, rows: Iterable[GradeRow]) -> None:
    """Write the table of a folder.

    Raises:
        OutputError: the file cannot be written.
    """
    words = ((row.study, row.level, row.region, row.side or "", row.severity, row.grade.word) for row in rows)
    write_csv(folder / GRADES_FILE, GRADE_COLUMNS, words)


def read_grades(folder: Path) -> list[GradeRow]:
    """Read the table of a folder that ``tfspine phantom`` wrote.

    Raises:
        FormatError: it does not exist, or has an invalid value; the message gives the line.
    """
    return read_csv_rows(folder / GRADES_FILE, GRADE_COLUMNS, grade_row, made_by="tfspine phantom")


def grade_row(values: Mapping[str, str]) -> GradeRow:
    """Return the row of some words and a number.

    Raises:
        ValueError: a value is invalid.
    """
    return GradeRow(
        study=values["study"],
        level=Level(values["level"]),
        region=Region(values["region"]),
        side=one_or_none(Side, values["side"]),
        severity=float(values["severity"]),
        grade=Grade.of_word(values["grade"]),
    )
