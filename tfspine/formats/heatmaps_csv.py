"""``heatmaps.csv``: the boxes whose grades were explained, each with its image file and its completeness gap."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tfspine.errors import FormatError
from tfspine.formats.csv_rows import one_or_none, read_csv_rows, write_csv
from tfspine.labels import Grade, Level, Region, Side

HEATMAPS_FILE = "heatmaps.csv"

HEATMAP_COLUMNS = (
    *("slice", "region", "side", "level", "ymin", "xmin", "ymax", "xmax"),
    *("grade", "probability", "file", "completeness_gap"),
)

_READ = tuple(name for name in HEATMAP_COLUMNS if name not in ("ymin", "xmin", "ymax", "xmax"))


@dataclass(frozen=True)
class HeatmapRow:
    """One explained box; `file` is its image, and `completeness_gap` is a share, infinite or NaN if undefined."""

    slice_key: str
    region: Region
    side: Side | None
    level: Level | None
    grade: Grade
    probability: float
    file: Path
    completeness_gap: float


def write_heatmaps(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the table of a folder; rows have `HEATMAP_COLUMNS`, with the grade as a word."""
    write_csv(folder / HEATMAPS_FILE, HEATMAP_COLUMNS, rows)


def read_heatmaps(folder: Path) -> list[HeatmapRow]:
    """Read the table of a folder that ``tfspine explain`` wrote.

    Raises:
        FormatError: it does not exist, a value is invalid, or an image is missing; the message gives the line.
    """
    rows = read_csv_rows(folder / HEATMAPS_FILE, _READ, partial(_row, folder), made_by="tfspine explain")
    missing = next((row.file for row in rows if not row.file.is_file()), None)
    if missing is not None:
        raise FormatError(f"{missing}: not found, though {HEATMAPS_FILE} lists it; make it again with tfspine explain")
    return rows


def _row(folder: Path, values: Mapping[str, str]) -> HeatmapRow:
    return HeatmapRow(
        slice_key=values["slice"],
        region=Region(values["region"]),
        side=one_or_none(Side, values["side"]),
        level=one_or_none(Level, values["level"]),
        grade=Grade.of_word(values["grade"]),
        probability=float(values["probability"]),
        file=folder / values["file"],
        completeness_gap=float(values["completeness_gap"]) if values["completeness_gap"] else math.nan,
    )
