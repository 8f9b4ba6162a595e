"""What a check of labels finds."""

from dataclasses import dataclass

from tfspine.compat import StrEnum


class Severity(StrEnum):
    """Whether training may go on."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One thing wrong: the slice and the file it is about (empty where there is none), how bad, and what it is."""

    slice: str
    file: str
    severity: Severity
    problem: str
