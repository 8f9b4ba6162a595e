"""``heatmaps.csv``: the boxes whose grades were explained, each with its image file and its completeness gap."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tfspine.errors import FormatError
from tfspine.formats.csv_files import read_csv_file
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
    pd.DataFrame(list(rows), columns=list(HEATMAP_COLUMNS)).to_csv(folder / HEATMAPS_FILE, index=False)


def read_heatmaps(folder: Path) -> list[HeatmapRow]:
    """Read the table of a folder that ``tfspine explain`` wrote.

    Raises:
        FormatError: it does not exist, a value is invalid, or an image is missing; the message gives the line.
    """
    path = folder / HEATMAPS_FILE
    if not path.is_file():
        raise FormatError(f"{path}: not found; expected the folder that tfspine explain wrote")
    read = read_csv_file(path, _READ)
    rows = []
    for number, values in enumerate(read.rows):
        try:
            rows.append(_row(folder, values))
        except (KeyError, ValueError) as error:
            raise FormatError(f"{read.where(number)}: {error}; run tfspine explain again") from None
    missing = next((row.file for row in rows if not row.file.is_file()), None)
    if missing is not None:
        raise FormatError(f"{missing}: not found, though heatmaps.csv lists it; run tfspine explain again")
    return rows


def _row(folder: Path, values: Mapping[str, str]) -> HeatmapRow:
    return HeatmapRow(
        slice_key=values["slice"],
        region=Region(values["region"]),
        side=Side(values["side"]) if values["side"] else None,
        level=Level(values["level"]) if values["level"] else None,
        grade=Grade[values["grade"].upper()],
        probability=float(values["probability"]),
        file=folder / values["file"],
        completeness_gap=float(values["completeness_gap"]) if values["completeness_gap"] else math.nan,
    )
