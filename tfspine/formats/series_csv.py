"""``series.csv``: one row for each part of each series that ingest saw, chosen or not, with the rule that decided."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfspine.formats.csv_rows import one_or_none, read_csv_rows, write_csv
from tfspine.labels import Plane

SERIES_FILE = "series.csv"

SERIES_COLUMNS: tuple[str, ...] = (
    "study", "series_number", "part", "slices", "stacks", "gaps", "duplicates", "plane", "weighting",
    "row_spacing_mm", "column_spacing_mm", "chosen_as", "reason", "warning",
)  # fmt: skip


@dataclass(frozen=True)
class SeriesRow:
    """One part of a series; numbers count from 1.

    `plane` and `chosen_as` are values of `Plane`, or empty: for another plane, and for a part that was not chosen.
    `series_instance_uid` and `words`, those of its description that cannot name a person, are not in the table.
    """

    study: str
    series_number: int | None
    part: int
    slices: int
    stacks: int
    gaps: int
    duplicates: int
    plane: str
    weighting: str
    row_spacing_mm: float
    column_spacing_mm: float
    chosen_as: str
    reason: str
    warning: str
    series_instance_uid: str = ""
    words: str = ""


def write_series(folder: Path, rows: Iterable[SeriesRow]) -> None:
    """Write the table of a folder.

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(folder / SERIES_FILE, SERIES_COLUMNS, rows)


def read_series(folder: Path) -> list[SeriesRow]:
    """Read the table of a folder that ``tfspine ingest`` wrote.

    Raises:
        FormatError: it does not exist, or has an invalid plane or number; the message gives the line.
    """
    return read_csv_rows(folder / SERIES_FILE, SERIES_COLUMNS, _row, made_by="tfspine ingest")


def _row(values: Mapping[str, str]) -> SeriesRow:
    number = one_or_none(float, values["series_number"])  # older tables have 3.0 where another row has none
    return SeriesRow(
        study=values["study"],
        series_number=None if number is None else int(number),
        part=int(values["part"]),
        slices=int(values["slices"]),
        stacks=int(values["stacks"]),
        gaps=int(values["gaps"]),
        duplicates=int(values["duplicates"]),
        plane=one_or_none(Plane, values["plane"]) or "",
        weighting=values["weighting"],
        row_spacing_mm=float(values["row_spacing_mm"]),
        column_spacing_mm=float(values["column_spacing_mm"]),
        chosen_as=one_or_none(Plane, values["chosen_as"]) or "",
        reason=values["reason"],
        warning=values["warning"],
    )
