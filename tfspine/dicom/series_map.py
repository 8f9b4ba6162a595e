"""What a person's series map decides on a series: the first matching row, series before patterns.

`formats.series_map_csv` describes the table.
"""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfspine.dicom.slice_headers import SliceHeader
from tfspine.formats.series_map_csv import MapRow, Use, normal_description, read_map_rows


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
        FormatError: as in `read_map_rows`.
    """
    return SeriesMap(tuple(sorted(read_map_rows(path), key=lambda row: not row.series_instance_uid)))


def unmatched(series_map: SeriesMap, headers: Sequence[SliceHeader]) -> list[MapRow]:
    """Return the rows that match no series, for example because of a misspelt UID."""
    first = {header.series_instance_uid: header for header in headers}
    return [
        row
        for row in series_map.rows
        if row.series_instance_uid not in first
        and not (row.pattern and any(_fits(row, header, row.part) for header in first.values()))
    ]


def _fits(row: MapRow, header: SliceHeader, part: int | None) -> bool:
    if row.part not in (None, part):
        return False
    if row.series_instance_uid:
        return row.series_instance_uid == header.series_instance_uid
    return fnmatch.fnmatchcase(normal_description(header.described), row.pattern)
