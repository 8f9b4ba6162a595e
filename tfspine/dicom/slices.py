"""Reading back a folder that ``tfspine ingest`` wrote."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from tfspine.dicom.ingest import IMAGES_FOLDER
from tfspine.errors import AnnotationError, DicomError
from tfspine.formats.csv_files import read_csv_file, require_once
from tfspine.labels import Plane
from tfspine.structures import SLICE_COLUMNS, SliceImage, geometry_from_row

TABLE = "slices.csv"
FRAME = "frame_of_reference_uid"

NAME_COLUMNS = ("key", "study", "patient", FRAME)
"""Pseudonyms and identifiers: text, also where they look like numbers."""


def load_slices(folder: Path, *, studies: Collection[str] | None = None) -> list[SliceImage]:
    """Read slices in the order of `slices.csv`: study by study, plane by plane, in stacking order.

    Args:
        folder: what ``tfspine ingest --out`` wrote.
        studies: study pseudonyms to keep; None keeps all.

    Raises:
        DicomError: the table or an image is missing or damaged, or a study asked for is not there.
    """
    table = read_table(folder)
    if studies is not None:
        unknown = sorted(set(studies) - set(table["study"]))
        if unknown:
            raise DicomError(f"{folder / TABLE}: no study {unknown[0]}; expected one of those in the column study")
        table = table[table["study"].isin(studies)]
    return [_load(folder, {str(key): value for key, value in row.items()}) for row in table.to_dict("records")]


def read_table(folder: Path) -> pd.DataFrame:
    """Read `slices.csv`, with `structures.SLICE_COLUMNS`.

    Raises:
        DicomError: the table is missing or lacks a column.
    """
    path = folder / TABLE
    if not path.is_file():
        raise DicomError(f"{path}: not there; make it with tfspine ingest --out {folder}")
    try:
        read = read_csv_file(path, SLICE_COLUMNS)
        require_once(read, "key")
    except AnnotationError as error:
        raise DicomError(f"{error}; make it again with tfspine ingest") from None
    words = pd.DataFrame(list(read.rows), columns=list(read.columns), dtype=object)
    return pd.DataFrame(
        {
            name: words[name].mask(words[name] == "") if name in NAME_COLUMNS else _numbers_or_words(words[name])
            for name in words
        }
    ).fillna({FRAME: ""})  # a series need not have a frame of reference


def _numbers_or_words(words: pd.Series) -> pd.Series:
    """Return a column as numbers where all of its values are some, NaN where there is none."""
    given = words.mask(words == "")
    numbers = pd.to_numeric(given, errors="coerce")
    return numbers if (numbers.isna() == given.isna()).all() else given


def _load(folder: Path, row: dict[str, object]) -> SliceImage:
    path = folder / IMAGES_FOLDER / f"{row['key']}.png"
    try:
        pixels = np.array(Image.open(path))
    except FileNotFoundError:
        raise DicomError(f"{path}: not there, though {TABLE} lists it; run tfspine ingest again") from None
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DicomError(f"{path}: damaged image: {error}; run tfspine ingest again") from None
    geometry = geometry_from_row(row)
    if pixels.dtype != np.uint8 or pixels.shape != geometry.size_px:
        raise DicomError(f"{path}: {pixels.dtype} {list(pixels.shape)}; expected uint8 {list(geometry.size_px)}")
    return SliceImage(str(row["key"]), str(row["study"]), Plane(str(row["plane"])), geometry, pixels, str(row[FRAME]))
