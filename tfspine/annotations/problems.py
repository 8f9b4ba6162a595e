"""What a check of labels finds."""

from dataclasses import dataclass

from tfspine.compat import StrEnum


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
