"""``slices.csv``: one row for each slice that ingest wrote, with its pseudonyms, position in the patient, and window.

For images without DICOM headers (`annotations.importers.pictures`) the position columns are empty and read as NaN.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tfspine.errors import FormatError
from tfspine.formats.csv_files import CsvTable, read_csv_file, require_once
from tfspine.geometry import SliceGeometry, Vector
from tfspine.labels import Plane
from tfspine.outputs import write_text

SLICES_FILE = "slices.csv"
IMAGES_FOLDER = "slices"
"""The folder next to the table, with one PNG for each row, named after its key."""

SLICE_COLUMNS: tuple[str, ...] = (
    "key", "study", "patient", "plane", "number", "rows", "columns", "row_spacing_mm", "column_spacing_mm",
    "slice_thickness_mm", "position_x_mm", "position_y_mm", "position_z_mm", "row_x", "row_y", "row_z", "column_x",
    "column_y", "column_z", "window_low", "window_high", "manufacturer", "magnetic_field_strength_t",
    "repetition_time_ms", "echo_time_ms", "study_instance_uid", "series_instance_uid", "sop_instance_uid",
    "frame_of_reference_uid",
)  # fmt: skip
"""`key`, `study` and `patient` are pseudonyms; no name, no PatientID."""

FRAME = "frame_of_reference_uid"

NAME_COLUMNS = ("key", "study", "patient", "study_instance_uid", "series_instance_uid", "sop_instance_uid", FRAME)
"""Pseudonyms and identifiers: text, also where they look like numbers (``0123456789``, ``12e4567890``)."""

_PLACE = ("position_{}_mm", "row_{}", "column_{}")
_SPACING = ("row_spacing_mm", "column_spacing_mm")


@dataclass(frozen=True)
class SliceRow:
    """One row of the table; the two identifiers are empty if the table has none."""

    key: str
    study: str
    plane: Plane
    geometry: SliceGeometry
    sop_instance_uid: str = ""
    frame_of_reference_uid: str = ""

    @property
    def size_px(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.geometry.size_px


def read_slices(folder: Path) -> pd.DataFrame:
    """Read the table of a folder: columns of numbers as numbers, NaN if missing, all others as text.

    Raises:
        FormatError: the file is missing, lacks a column, or has a slice twice.
    """
    return _table(_read(folder / SLICES_FILE))


def read_slice_rows(folder: Path) -> dict[str, SliceRow]:
    """Read the table of a folder as rows by their key, in its order.

    Raises:
        FormatError: as in `read_slices`, or a row has no plane or no size; the message gives the line.
    """
    read = _read(folder / SLICES_FILE)
    table = _table(read)
    for row, (plane, *size_px) in enumerate(zip(table["plane"], table["rows"], table["columns"], strict=True)):
        if plane not in tuple(Plane):
            raise FormatError(
                f'{read.where(row)}: not a table of slices: plane "{plane}"; expected {" or ".join(Plane)}; '
                "run tfspine ingest again"
            )
        if not all(isinstance(value, (int, float)) and value > 0 for value in size_px):
            raise FormatError(
                f"{read.where(row)}: not a table of slices: {size_px[0]} rows, {size_px[1]} columns; expected numbers "
                "of pixels; run tfspine ingest again"
            )
    return slice_rows(table)


def slice_rows(table: pd.DataFrame) -> dict[str, SliceRow]:
    """Return the rows of a table by their key, in the order of the table."""
    geometry = (*_SPACING, "rows", "columns", *(name.format(axis) for name in _PLACE for axis in "xyz"))
    names = (table[name].tolist() for name in ("key", "study", "plane", "sop_instance_uid", FRAME))
    numbers = zip(*(table[name].tolist() for name in geometry), strict=True)
    return {
        str(key): SliceRow(str(key), str(study), Plane(str(plane)), _geometry(values), str(sop), str(frame))
        for key, study, plane, sop, frame, values in zip(*names, numbers, strict=True)
    }


def write_slices_csv(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the table of a folder; rows may have any of `SLICE_COLUMNS`.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(folder / SLICES_FILE, pd.DataFrame(list(rows), columns=list(SLICE_COLUMNS)).to_csv(index=False))


def geometry_to_row(geometry: SliceGeometry) -> dict[str, Any]:
    """Return the columns that hold the geometry."""
    row: dict[str, Any] = {
        "rows": geometry.size_px[0],
        "columns": geometry.size_px[1],
        "row_spacing_mm": geometry.spacing_mm[0],
        "column_spacing_mm": geometry.spacing_mm[1],
    }
    vectors = (geometry.position_mm, geometry.row_direction, geometry.column_direction)
    for name, vector in zip(_PLACE, vectors, strict=True):
        row |= {name.format(axis): value for axis, value in zip("xyz", vector, strict=True)}
    return row


def _read(path: Path) -> CsvTable:
    if not path.is_file():
        raise FormatError(
            f"{path}: not a table of slices: not found; name the folder that ingest wrote, or make it with tfspine "
            f"ingest --out {path.parent}"
        )
    try:
        read = read_csv_file(path, SLICE_COLUMNS)
        require_once(read, "key")
    except FormatError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise FormatError(f"{path}: not a table of slices: {reason}; make it again with tfspine ingest") from None
    return read


def _table(read: CsvTable) -> pd.DataFrame:
    words = pd.DataFrame(list(read.rows), columns=list(read.columns), dtype=object)
    return pd.DataFrame(
        {
            name: words[name].mask(words[name] == "") if name in NAME_COLUMNS else _numbers_or_words(words[name])
            for name in words
        }
    ).fillna({name: "" for name in NAME_COLUMNS[3:]})  # images have none, and a series need not have a frame


def _numbers_or_words(words: pd.Series) -> pd.Series:
    """Return a column as numbers if all of its values are numbers, with NaN for missing ones."""
    given = words.mask(words == "")
    numbers = pd.to_numeric(given, errors="coerce")
    return numbers if (numbers.isna() == given.isna()).all() else given


def _geometry(values: tuple[Any, ...]) -> SliceGeometry:
    row_mm, column_mm, rows, columns, *place = values
    return SliceGeometry(
        _vector(place[:3]), _vector(place[3:6]), _vector(place[6:]), (float(row_mm), float(column_mm)),
        (int(rows), int(columns)),
    )  # fmt: skip


def _vector(values: Iterable[Any]) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
