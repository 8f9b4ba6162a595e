"""What a check of labels finds, and what it knows of the slices they were drawn on."""

from dataclasses import dataclass
from enum import StrEnum

from tfspine.geometry import SliceGeometry
from tfspine.labels import Plane


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


@dataclass(frozen=True)
class SliceFacts:
    """What `slices.csv` says of a slice."""

    study: str
    plane: Plane
    geometry: SliceGeometry
