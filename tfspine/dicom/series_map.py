"""The series map (``--series-map CSV``): a table in which the user overrides the rules that choose series.

Each row states the use of one series: `series` is its SeriesInstanceUID, or `description` is a pattern for its
SeriesDescription (``*`` matches anything; case is ignored, and underscores equal blanks). `use` is axial_t2,
sagittal_t1 or ignore; if it is empty, the rules decide. `part` is the number of a part of the series, as in
``series.csv``; empty means all parts. The first matching row counts, rows with a series before those with a pattern.
Other columns are only for information.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.compat import StrEnum
from tfspine.dicom.slice_headers import SliceHeader
from tfspine.errors import ConfigError
from tfspine.formats.csv_files import CsvTable, read_csv_file
from tfspine.labels import Plane

COLUMNS = ("use",)
OPTIONAL_COLUMNS = ("series", "description", "part")
TOLD_COLUMNS = ("study", "series_number", "slices", "plane", "weighting", "words", "reason")
TEMPLATE_COLUMNS = ("series", "part", "use", "description", *TOLD_COLUMNS)
"""Columns of `map_template`; those of `TOLD_COLUMNS` inform the person who edits it."""

TEMPLATE_FILE = "series_map.csv"
"""The file that ``tfspine ingest --explain`` writes to its output folder."""


class Use(StrEnum):
    """The use of a series."""

    AXIAL_T2 = "axial_t2"
    SAGITTAL_T1 = "sagittal_t1"
    IGNORE = "ignore"

    @property
    def plane(self) -> Plane | None:
        """The plane for which the series is used; None if it is left out."""
        return {Use.AXIAL_T2: Plane.AXIAL, Use.SAGITTAL_T1: Plane.SAGITTAL}.get(self)


USE_OF_PLANE = {Plane.AXIAL: Use.AXIAL_T2, Plane.SAGITTAL: Use.SAGITTAL_T1, None: Use.IGNORE}


@dataclass(frozen=True)
class MapRow:
    """One row: either `series_instance_uid` or `pattern` is set; `part` counts from 1, None means every part."""

    series_instance_uid: str
    pattern: str
    part: int | None
    use: Use | None


@dataclass(frozen=True)
class SeriesMap:
    """The rows of a series map, in order of priority."""

    rows: tuple[MapRow, ...] = ()

    def use_of(self, header: SliceHeader, part: int) -> Use | None:
        """Return the use that the map gives for a part of a series, or None if the rules decide."""
        row = next((row for row in self.rows if _fits(row, header, part)), None)
        return None if row is None else row.use

    def of_study(self, headers: Sequence[SliceHeader]) -> "SeriesMap":
        """Return the rows that may match series of one study: in a large cohort, each worker needs only these."""
        uids = {header.series_instance_uid for header in headers}
        return SeriesMap(tuple(row for row in self.rows if row.pattern or row.series_instance_uid in uids))


def read_series_map(path: Path) -> SeriesMap:
    """Read a series map.

    Raises:
        AnnotationError: the file is not a series map.
        ConfigError: a row names no series, or its use is invalid.
    """
    table = read_csv_file(path, COLUMNS, optional=OPTIONAL_COLUMNS)
    rows = [_row(table, number, values) for number, values in enumerate(table.rows)]
    return SeriesMap(tuple(sorted(rows, key=lambda row: not row.series_instance_uid)))


def map_template(series: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a series map that repeats the decisions made, to be edited and used as input.

    Args:
        series: rows of ``series.csv`` with `series_instance_uid` and `words`, those words of the description that
            cannot name a person.
    """
    return [
        {
            "series": row["series_instance_uid"],
            "part": row["part"],
            "use": USE_OF_PLANE[Plane(row["chosen_as"]) if row["chosen_as"] else None],
            "description": "",
            **{name: row[name] for name in TOLD_COLUMNS},
        }
        for row in series
    ]


def unmatched(series_map: SeriesMap, headers: Sequence[SliceHeader]) -> list[MapRow]:
    """Return the rows that match no series, for example because of a misspelt UID."""
    first = {header.series_instance_uid: header for header in headers}
    return [
        row
        for row in series_map.rows
        if row.series_instance_uid not in first
        and not (row.pattern and any(_fits(row, header, row.part) for header in first.values()))
    ]


def _row(table: CsvTable, number: int, values: dict[str, str]) -> MapRow:
    series, description, part = (values[name].strip() for name in OPTIONAL_COLUMNS)
    if not series and not description:
        raise ConfigError(
            f"{table.where(number)}: neither series nor description; expected a SeriesInstanceUID or a pattern"
        )
    if part and not (part.isascii() and part.isdigit() and int(part) > 0):
        raise ConfigError(f"{table.where(number)}: part {part}; expected a number from 1, or nothing for all parts")
    said = values["use"].strip().lower().replace("-", "_").replace(" ", "_")
    if said and said not in tuple(Use):
        raise ConfigError(f"{table.where(number)}: use {values['use']}; expected {', '.join(Use)}, or nothing")
    pattern = "" if series else _normal(description)
    return MapRow(series, pattern, int(part) if part else None, Use(said) if said else None)


def _fits(row: MapRow, header: SliceHeader, part: int | None) -> bool:
    if row.part not in (None, part):
        return False
    if row.series_instance_uid:
        return row.series_instance_uid == header.series_instance_uid
    return fnmatch.fnmatchcase(_normal(header.described), row.pattern)


def _normal(text: str) -> str:
    return " ".join(text.upper().replace("_", " ").split())
