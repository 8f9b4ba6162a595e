"""``flow.csv``: the flow chart of the studies as a table; a row with a reason is an arrow to excluded studies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.formats.csv_rows import read_csv_rows, write_csv

FLOW_FILE = "flow.csv"

FLOW_COLUMNS = ("part", "step", "reason", "studies", "axial", "sagittal")


@dataclass(frozen=True)
class FlowRow:
    """The numbers of studies and slices at a step; with a reason, the studies excluded after it, without slices."""

    part: str
    step: str
    reason: str
    studies: int
    axial: int
    sagittal: int


def write_flow_table(folder: Path, rows: Iterable[FlowRow]) -> None:
    """Write the table of a folder.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(folder / FLOW_FILE, FLOW_COLUMNS, rows)


def read_flow_table(folder: Path) -> list[FlowRow]:
    """Read the table of a folder that ``tfspine flow`` wrote.

    Raises:
        FormatError: it does not exist, lacks a column, or has an invalid number; the message gives the line.
    """
    return read_csv_rows(folder / FLOW_FILE, FLOW_COLUMNS, _row, made_by="tfspine flow")


def _row(values: Mapping[str, str]) -> FlowRow:
    numbers = (int(values[name]) for name in ("studies", "axial", "sagittal"))
    return FlowRow(values["part"], values["step"], values["reason"], *numbers)
