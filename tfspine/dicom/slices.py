"""Reading back a folder that ``tfspine ingest`` wrote."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfspine.errors import DicomError
from tfspine.formats.slices_csv import IMAGES_FOLDER, SLICES_FILE, SliceRow, read_slices, slice_rows
from tfspine.structures import SliceImage


def load_slices(folder: Path, *, studies: Collection[str] | None = None) -> list[SliceImage]:
    """Read slices in the order of `slices.csv`: study by study, plane by plane, in stacking order.

    Args:
        folder: what ``tfspine ingest --out`` wrote.
        studies: study pseudonyms to keep; None keeps all.

    Raises:
        FormatError: the table is missing or damaged.
        DicomError: an image is missing or damaged, or a requested study does not exist.
    """
    table = read_slices(folder)
    if studies is not None:
        unknown = sorted(set(studies) - set(table["study"]))
        if unknown:
            raise DicomError(
                f"{folder / SLICES_FILE}: no study {unknown[0]}; expected one of those in the column study"
            )
        table = table[table["study"].isin(studies)]
    return [_load(folder, row) for row in slice_rows(table).values()]


def _load(folder: Path, row: SliceRow) -> SliceImage:
    path = folder / IMAGES_FOLDER / f"{row.key}.png"
    try:
        pixels = np.array(Image.open(path))
    except FileNotFoundError:
        raise DicomError(f"{path}: not found, though {SLICES_FILE} lists it; run tfspine ingest again") from None
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DicomError(f"{path}: damaged image: {error}; run tfspine ingest again") from None
    if pixels.dtype != np.uint8 or pixels.shape != row.size_px:
        raise DicomError(f"{path}: {pixels.dtype} {list(pixels.shape)}; expected uint8 {list(row.size_px)}")
    return SliceImage(row.key, row.study, row.plane, row.geometry, pixels, row.frame_of_reference_uid)
