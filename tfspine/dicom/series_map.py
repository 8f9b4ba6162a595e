"""What a person says of series, where the rules would choose otherwise: a table, ``--series-map CSV``.

One row says what one series is for: `series` is its SeriesInstanceUID, or `description` a pattern that its
SeriesDescription matches (``*`` stands for anything; case, and underscore or blank, make no difference). `use` is
axial_t2, sagittal_t1 or ignore; left empty, the rules decide. `part` numbers the parts of a series, as ``series.csv``
does; empty means all. The first row that fits counts, those of a series before those of a pattern. Other columns are
for reading only.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.compat import StrEnum
from tfspine.dicom.headers import SliceHeader
from tfspine.errors import ConfigError
from tfspine.formats.csv_files import CsvTable, read_csv_file
from tfspine.labels import Plane

COLUMNS = ("use",)
OPTIONAL_COLUMNS = ("series", "description", "part")
TOLD_COLUMNS = ("study", "series_number", "slices", "plane", "weighting", "words", "reason")
TEMPLATE_COLUMNS = ("series", "part", "use", "description", *TOLD_COLUMNS)
"""Columns of `template`; those of `TOLD_COLUMNS` are for whoever edits it."""

TEMPLATE_FILE = "series_map.csv"
"""What ``tfspine ingest --explain`` leaves in its output."""


class Use(StrEnum):
    """What a series is for."""

    AXIAL_T2 = "axial_t2"
    SAGITTAL_T1 = "sagittal_t1"
    IGNORE = "ignore"

    @property
    def plane(self) -> Plane | None:
        """The plane that it serves; None where it is left out."""
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
    """What a person said, in the order in which it counts."""

    rows: tuple[MapRow, ...] = ()

    def use_of(self, header: SliceHeader, part: int) -> Use | None:
        """Return what is said of a part of a series, or None where the rules are to decide."""
        row = next((row for row in self.rows if _fits(row, header, part)), None)
        return None if row is None else row.use

    def of_study(self, headers: Sequence[SliceHeader]) -> "SeriesMap":
        """Return the rows that may fit the series of one study: of a large cohort, each worker needs but these."""
        uids = {header.series_instance_uid for header in headers}
        return SeriesMap(tuple(row for row in self.rows if row.pattern or row.series_instance_uid in uids))


def read_series_map(path: Path) -> SeriesMap:
    """Read a series map.

    Raises:
        AnnotationError: the file is no such table.
        ConfigError: a row says of no series what it is for, or names a use that there is not.
    """
    table = read_csv_file(path, COLUMNS, optional=OPTIONAL_COLUMNS)
    rows = [_row(table, number, values) for number, values in enumerate(table.rows)]
    return SeriesMap(tuple(sorted(rows, key=lambda row: not row.series_instance_uid)))


def template(series: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a series map that says what was decided, to be edited and given back.

    Args:
        series: rows of ``series.csv`` with `series_instance_uid` and `words`, the description's words that name nobody.
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
    """Return the rows that fit no series, as those with a misspelt UID do."""
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
