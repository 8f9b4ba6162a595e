"""``heatmaps.csv``: the boxes whose grades were explained, each with its image file and its completeness gap."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tfspine.errors import FormatError
from tfspine.formats.boxes_csv import CORNER_COLUMNS, box_of
from tfspine.formats.csv_rows import one_or_none, read_csv_rows, write_csv
from tfspine.labels import Grade, Level, Region, Side
from tfspine.structures import Box

HEATMAPS_FILE = "heatmaps.csv"

HEATMAP_COLUMNS = (
    "slice", "region", "side", "level", *CORNER_COLUMNS, "grade", "probability", "file", "completeness_gap",
)  # fmt: skip


@dataclass(frozen=True)
class HeatmapRow:
    """One explained box; `file` is its image, and `completeness_gap` is a share, infinite or NaN if undefined."""

    slice_key: str
    region: Region
    side: Side | None
    level: Level | None
    box: Box
    grade: Grade
    probability: float
    file: Path
    completeness_gap: float


def write_heatmaps(folder: Path, rows: Iterable[HeatmapRow]) -> None:
    """Write the table of a folder; only the names of the images in it are written.

    Raises:
        OutputError: the file cannot be written.
    """
    words = (
        (
            *(row.slice_key, row.region, row.side or "", row.level or ""),
            *row.box,
            *(row.grade.word, row.probability, row.file.name, row.completeness_gap),
        )
        for row in rows
    )
    write_csv(folder / HEATMAPS_FILE, HEATMAP_COLUMNS, words)


def read_heatmaps(folder: Path) -> list[HeatmapRow]:
    """Read the table of a folder that ``tfspine explain`` wrote.

    Raises:
        FormatError: it does not exist, a value is invalid, or an image is missing; the message gives the line.
    """
    path = folder / HEATMAPS_FILE
    rows = read_csv_rows(path, HEATMAP_COLUMNS, partial(heatmap_row, folder), made_by="tfspine explain")
    missing = next((row.file for row in rows if not row.file.is_file()), None)
    if missing is not None:
        raise FormatError(f"{missing}: not found, though {HEATMAPS_FILE} lists it; make it again with tfspine explain")
    return rows


def heatmap_row(folder: Path, values: Mapping[str, Any]) -> HeatmapRow:
    """Return the row of some words and numbers, with the image in a folder.

    Raises:
        ValueError: a value is invalid.
    """
    return HeatmapRow(
        slice_key=values["slice"],
        region=Region(values["region"]),
        side=one_or_none(Side, values["side"]),
        level=one_or_none(Level, values["level"]),
        box=box_of(values),
        grade=Grade.of_word(values["grade"]),
        probability=float(values["probability"]),
        file=folder / values["file"],
        completeness_gap=math.nan if values["completeness_gap"] == "" else float(values["completeness_gap"]),
    )
