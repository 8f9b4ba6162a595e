"""``problems.csv``: what ``tfspine check`` found in labels, one row for each problem."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.compat import StrEnum
from tfspine.formats.csv_rows import csv_text, read_csv_rows

PROBLEMS_FILE = "problems.csv"

PROBLEM_COLUMNS = ("slice", "file", "severity", "problem")


class Severity(StrEnum):
    """How serious a problem is: errors prevent training, warnings do not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One problem: the slice and the file that it concerns (empty if there is none), its severity and description."""

    slice: str
    file: str
    severity: Severity
    problem: str


def problems_text(problems: Iterable[Problem]) -> str:
    """Return the content of the table."""
    return csv_text(PROBLEM_COLUMNS, problems)


def read_problems(path: Path) -> list[Problem]:
    """Read the table.

    Raises:
        FormatError: the file does not exist, lacks a column, or has an invalid severity; the message gives the line.
    """
    return read_csv_rows(path, PROBLEM_COLUMNS, _problem, made_by="tfspine check")


def _problem(values: Mapping[str, str]) -> Problem:
    return Problem(values["slice"], values["file"], Severity(values["severity"]), values["problem"])
