"""The series map (``--series-map CSV``): a table in which the user overrides the rules that choose series.

Each row states the use of one series: `series` is its SeriesInstanceUID, or `description` is a pattern for its
SeriesDescription (``*`` matches anything; case is ignored, and underscores equal blanks). `use` is axial_t2,
sagittal_t1 or ignore; if it is empty, the rules decide. `part` is the number of a part of the series, as in
``series.csv``; empty means all parts. Other columns are only for information.

``tfspine ingest --explain`` writes such a table with the decisions made, to be edited.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tfspine.compat import StrEnum
from tfspine.errors import FormatError
from tfspine.formats.csv_files import CsvTable, read_csv_file
from tfspine.formats.csv_rows import write_csv
from tfspine.formats.series_csv import SeriesRow
from tfspine.labels import Plane

SERIES_MAP_FILE = "series_map.csv"

MAP_COLUMNS = ("use",)
OPTIONAL_MAP_COLUMNS = ("series", "description", "part")
TOLD_COLUMNS = ("study", "series_number", "slices", "plane", "weighting", "words", "reason")
TEMPLATE_COLUMNS = ("series", "part", "use", "description", *TOLD_COLUMNS)
"""Columns that are written; those of `TOLD_COLUMNS` inform the person who edits the table."""


class Use(StrEnum):
    """The use of a series."""

    AXIAL_T2 = "axial_t2"
    SAGITTAL_T1 = "sagittal_t1"
    IGNORE = "ignore"

    @property
    def plane(self) -> Plane | None:
        """The plane for which the series is used; None if it is left out."""
        return {Use.AXIAL_T2: Plane.AXIAL, Use.SAGITTAL_T1: Plane.SAGITTAL}.get(self)


USE_OF_PLANE = {Plane.AXIAL.value: Use.AXIAL_T2, Plane.SAGITTAL.value: Use.SAGITTAL_T1, "": Use.IGNORE}


@dataclass(frozen=True)
class MapRow:
    """One row: either `series_instance_uid` or `pattern` is set; `part` counts from 1, None means every part."""

    series_instance_uid: str
    pattern: str
    part: int | None
    use: Use | None


def write_series_map(path: Path, series: Iterable[SeriesRow]) -> None:
    """Write a series map that repeats the decisions made, to be edited and used as input.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = (
        asdict(row) | {"series": row.series_instance_uid, "use": USE_OF_PLANE[row.chosen_as], "description": ""}
        for row in series
    )
    write_csv(path, TEMPLATE_COLUMNS, rows)


def read_map_rows(path: Path) -> list[MapRow]:
    """Read a series map, in the order of the file.

    Raises:
        FormatError: the file is not a series map, a row names no series, or its use is invalid; the message gives the
            line.
    """
    table = read_csv_file(path, MAP_COLUMNS, optional=OPTIONAL_MAP_COLUMNS)
    return [_row(table, number, values) for number, values in enumerate(table.rows)]


def normal_description(text: str) -> str:
    """Return a description, or a pattern, in the form in which they are compared."""
    return " ".join(text.upper().replace("_", " ").split())


def _row(table: CsvTable, number: int, values: Mapping[str, str]) -> MapRow:
    series, description, part = (values[name] for name in OPTIONAL_MAP_COLUMNS)
    if not series and not description:
        raise FormatError(
            f"{table.where(number)}: neither series nor description; expected a SeriesInstanceUID or a pattern"
        )
    if part and not (part.isascii() and part.isdigit() and int(part) > 0):
        raise FormatError(f"{table.where(number)}: part {part}; expected a number from 1, or nothing for all parts")
    said = values["use"].lower().replace("-", "_").replace(" ", "_")
    if said and said not in tuple(Use):
        raise FormatError(f"{table.where(number)}: use {values['use']}; expected {', '.join(Use)}, or nothing")
    pattern = "" if series else normal_description(description)
    return MapRow(series, pattern, int(part) if part else None, Use(said) if said else None)
