"""What a check of labels finds, and what it knows of the slices they were drawn on."""

from dataclasses import dataclass

import pandas as pd

from tfspine.compat import StrEnum
from tfspine.geometry import SliceGeometry
from tfspine.labels import Plane
from tfspine.structures import geometry_from_row


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


def slice_facts(table: pd.DataFrame) -> dict[str, SliceFacts]:
    """Return what `slices.csv` says, by slice key."""
    rows = ({str(name): value for name, value in row.items()} for row in table.to_dict("records"))
    return {
        str(row["key"]): SliceFacts(str(row["study"]), Plane(str(row["plane"])), geometry_from_row(row)) for row in rows
    }
