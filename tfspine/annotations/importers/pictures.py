"""Labelled PNG and JPG pictures, written in the layout of ``tfspine ingest``, with what is unknown left empty.

A picture file does not state its position in the patient or its pixel size. Those columns of `slices.csv` stay
empty: labels can be split, turned into records and evaluated, but sides and levels cannot be derived from positions.
Slices are numbered in the order of their files, which may differ from that of the stack.
"""

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from tfspine.annotations.importers.imported import ImportedDataset
from tfspine.annotations.importers.raw_voc import RawLabel, read_raw_voc
from tfspine.errors import AnnotationError
from tfspine.formats.boxes_csv import REFERENCE_FILE, annotated_rows, box_table, write_boxes
from tfspine.formats.csv_rows import write_csv
from tfspine.formats.labelimg_xml import LABELS_FOLDER, size_problem, write_label
from tfspine.formats.refused_csv import write_refused_lines
from tfspine.formats.slices_csv import IMAGES_FOLDER, SLICE_COLUMNS, write_slices_csv
from tfspine.labels import Plane
from tfspine.outputs import write_bytes
from tfspine.structures import AnnotatedSlice, Annotation, Refusal, pseudonym, slice_key

SOURCES_FILE = "sources.csv"
SOURCE_COLUMNS = ("key", "file")
"""The picture of each slice, as a path within the data set."""

SUFFIXES = (".png", ".PNG", ".jpg", ".JPG", ".jpeg", ".JPEG")
"""Searched in this order: of a picture saved twice the lossless file is used."""

COLOUR_TOLERANCE = 8
"""How far the colours of a grey picture may differ, since JPG stores them separately and rounds."""


@dataclass(frozen=True)
class LabelledPicture:
    """One picture with its boxes: `source` is its file within the data set, `pixels` uint8 [rows, columns].

    `patient` is the data set's name of the patient; it is written as a pseudonym. A foramen may lack its side.
    """

    source: str
    patient: str
    plane: Plane
    annotations: tuple[Annotation, ...]
    pixels: NDArray[np.uint8] = field(repr=False)


def find_picture(label: Path) -> Path:
    """Return the picture beside a label file.

    Raises:
        AnnotationError: no picture exists; the message has no path.
    """
    for suffix in SUFFIXES:
        path = label.with_suffix(suffix)
        if path.is_file():
            return path
    raise AnnotationError("no picture of that name beside it; expected .png or .jpg")


def read_labelled(path: Path) -> tuple[RawLabel, Path, NDArray[np.uint8]]:
    """Return a label file, the picture beside it, and the picture's pixels, uint8 [rows, columns].

    Raises:
        AnnotationError: either cannot be read, or the label was drawn on a picture of another size; without the path.
        FormatError: the label is damaged.
    """
    label = read_raw_voc(path)
    picture = find_picture(path)
    pixels = read_grey(picture)
    if problem := size_problem(label.size_px, pixels.shape):
        raise AnnotationError(problem)
    return label, picture, pixels


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Return the pixels of a grey picture, uint8 [rows, columns]; grey stored as three equal colours is grey.

    Raises:
        AnnotationError: the picture is damaged, coloured, or deeper than 8 bits; without the path.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("1", "L", "P", "RGB", "RGBA"):
                raise AnnotationError(f"picture of mode {image.mode}; expected 8-bit grey")
            if image.mode == "L":
                return np.array(image, np.uint8)
            colours = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError("damaged picture; copy it again") from None
    spread = int((colours.max(axis=2).astype(int) - colours.min(axis=2)).max())
    if spread > COLOUR_TOLERANCE:
        raise AnnotationError(f"coloured picture (colours differ by {spread}); expected grey, without drawings on it")
    return np.ascontiguousarray(np.median(colours, axis=2).astype(np.uint8))


def write_pictures(folder: Path, items: Iterable[LabelledPicture | Refusal], *, dataset: str) -> ImportedDataset:
    """Write slices, labels, `slices.csv`, `reference.csv`, `sources.csv` and `refused.csv`.

    A slice with a foramen whose side is unknown has its boxes in `reference.csv` and no label file, which could not
    name them; it is listed in `refused.csv`.

    Args:
        folder: the folder to fill.
        items: pictures and refusals, in the order in which a patient's slices are numbered.
        dataset: name of the data set, so that patient 1 of two data sets get two pseudonyms.

    Raises:
        AnnotationError: no picture is left.
    """
    slices: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    sources: list[tuple[str, str]] = []
    refused: list[Refusal] = []
    numbers: Counter[tuple[str, Plane]] = Counter()
    for item in items:
        if isinstance(item, Refusal):
            refused.append(item)
            continue
        patient = pseudonym(f"{dataset}/{item.patient}")
        numbers[patient, item.plane] += 1
        number = numbers[patient, item.plane]
        key = slice_key(patient, item.plane, number)
        annotated = AnnotatedSlice(key, (item.pixels.shape[0], item.pixels.shape[1]), item.annotations)
        write_bytes(folder / IMAGES_FOLDER / f"{key}.png", _png(item.pixels))
        refused += _write_label(folder, item, annotated)
        slices.append(_slice_row(annotated, patient, item.plane, number))
        boxes += annotated_rows(annotated, study=patient, plane=item.plane)
        sources.append((key, item.source))
    if not slices:
        reason = f"; {refused[0].file}: {refused[0].reason}" if refused else "; name the folder of the data set"
        raise AnnotationError(f"{dataset}: no labelled picture that can be used{reason}")
    write_slices_csv(folder, slices)
    write_boxes(folder / REFERENCE_FILE, box_table(boxes))
    write_csv(folder / SOURCES_FILE, SOURCE_COLUMNS, sources)
    write_refused_lines(folder, refused)
    studies = len({row["study"] for row in slices})
    return ImportedDataset({"studies": studies, "slices": len(slices), "boxes": len(boxes)}, len(refused))


def _write_label(folder: Path, item: LabelledPicture, annotated: AnnotatedSlice) -> list[Refusal]:
    sideless = sum(box.region.is_paired and box.side is None for box in item.annotations)
    if sideless:
        reason = f"{sideless} boxes without a side: in reference.csv, but no label file; give their sides with --sides"
        return [Refusal(item.source, reason)]
    write_label(folder / LABELS_FOLDER, annotated)
    return []


def _slice_row(annotated: AnnotatedSlice, patient: str, plane: Plane, number: int) -> dict[str, Any]:
    rows, columns = annotated.size_px
    known = {
        "key": annotated.key,
        "study": patient,
        "patient": patient,
        "plane": plane.value,
        "number": number,
        "rows": rows,
        "columns": columns,
    }
    return dict.fromkeys(SLICE_COLUMNS, "") | known


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
