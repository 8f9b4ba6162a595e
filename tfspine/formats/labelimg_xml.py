"""LabelImg Pascal VOC: one XML file per slice, with box, region, side, grade and level of every object.

The layout is LabelImg's (docs/public_data.md): no XML declaration, tab indent, integer pixels that count from 1 with
both edges included. Inside the package a box is ``yxyx`` with the far edge excluded, so that

    (ymin, xmin, ymax, xmax) = (ymin_voc - 1, xmin_voc - 1, ymax_voc, xmax_voc).

The child ``<level>``, the last one in its object, is our addition: LabelImg ignores it, but drops it when it saves.
"""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tfspine.errors import FormatError
from tfspine.labels import LEVELS, Level, object_name, parse_object_name
from tfspine.outputs import write_text
from tfspine.structures import AnnotatedSlice, Annotation, Box

if TYPE_CHECKING:
    from tfspine.formats.slices_csv import SliceRow

LABELS_FOLDER = "labels"
"""Where commands put label files, in their output."""

CORNERS = ("xmin", "ymin", "xmax", "ymax")

VocBox = tuple[int, int, int, int]
"""(xmin, ymin, xmax, ymax), whole pixels that count from 1, both edges included."""


def read_voc(path: Path) -> AnnotatedSlice:
    """Read one label file; the slice key is the stem of its name.

    Decimal coordinates are truncated to whole pixels, as in LabelImg.

    Raises:
        FormatError: the file cannot be read or parsed, a label or level is unknown, a number is missing, or a box
            lies outside the image or has no area. The message names the file and counts objects from 1.
    """
    root = parse_voc(path)
    size_px = (integer_of(root, "size/height", str(path)), integer_of(root, "size/width", str(path)))
    if min(size_px) < 1:
        raise FormatError(f"{path}: image size {list(size_px)}; expected rows and columns of at least 1 pixel")
    annotations = tuple(
        _read_object(element, size_px, f"{path}: object {index}")
        for index, element in enumerate(root.iterfind("object"), start=1)
    )
    return AnnotatedSlice(key=path.stem, size_px=size_px, annotations=annotations)


def write_voc(path: Path, annotated: AnnotatedSlice) -> None:
    """Write one label file that LabelImg opens beside ``<key>.png``.

    Corners are rounded to whole pixels; a box whose rounded size is zero becomes the pixel at its centre. Corners that
    round to the border may lie slightly outside, as those of a detector do after scaling in float32.

    Raises:
        FormatError: a box has no area or lies outside the image, or a paired region has no side.
        OutputError: the file cannot be written.
    """
    root = ElementTree.Element("annotation")
    for name, text in (("folder", "slices"), ("filename", f"{annotated.key}.png")):
        ElementTree.SubElement(root, name).text = text
    ElementTree.SubElement(ElementTree.SubElement(root, "source"), "database").text = "Unknown"
    size = ElementTree.SubElement(root, "size")
    rows, columns = annotated.size_px
    for name, value in (("width", columns), ("height", rows), ("depth", 1)):
        ElementTree.SubElement(size, name).text = str(value)
    ElementTree.SubElement(root, "segmented").text = "0"
    for index, annotation in enumerate(annotated.annotations, start=1):
        where = f"{path}: object {index}"
        box = _onto_border(annotation.box, annotated.size_px)
        _check_box(box, annotated.size_px, where)
        _check_side(annotation, where)
        _append_object(root, dataclasses.replace(annotation, box=box), annotated.size_px)
    ElementTree.indent(root, "\t")
    write_text(path, ElementTree.tostring(root, encoding="unicode") + "\n")


def size_problem(label_px: tuple[int, int], picture_px: tuple[int, ...]) -> str:
    """Return how the size that a label file gives contradicts its picture (rows, columns), empty if it does not."""
    if label_px == picture_px:
        return ""
    return f"label says {list(label_px)} pixels; the picture has {list(picture_px)} (rows, columns)"


def misfits(label: AnnotatedSlice, slice_: "SliceRow") -> Iterator[str]:
    """Yield how a label contradicts its slice: another size, a box outside, a region that the plane does not show."""
    size = size_problem(label.size_px, slice_.size_px)
    if size:
        yield f"{size}; label the PNG that ingest wrote"
    for number, item in enumerate(label.annotations, start=1):
        name = f"object {number} ({object_name(item.region, item.side)})"
        box = "" if size else _box_problem(item.box, slice_.size_px)
        if box:
            yield f"{name}: {box}"
        if item.region.plane is not slice_.plane:
            yield f"{name}: belongs on {item.region.plane} slices; this one is {slice_.plane}"


def write_label(folder: Path, annotated: AnnotatedSlice) -> None:
    """Write the label file of a slice into a folder, as `write_voc` does."""
    write_voc(folder / f"{annotated.key}.xml", annotated)


def to_voc_box(box: Box, size_px: tuple[int, int]) -> VocBox:
    """Return a box as LabelImg writes it; `size_px` is (rows, columns)."""
    ymin, ymax = _to_voc_edges(box[0], box[2], size_px[0])
    xmin, xmax = _to_voc_edges(box[1], box[3], size_px[1])
    return xmin, ymin, xmax, ymax


def from_voc_box(voc_box: VocBox) -> Box:
    """Return LabelImg's corners as a box; the inverse of `to_voc_box` for whole pixels."""
    xmin, ymin, xmax, ymax = voc_box
    return float(ymin - 1), float(xmin - 1), float(ymax), float(xmax)


def parse_voc(path: Path) -> ElementTree.Element:
    """Return the root of a VOC file, with any object names.

    Raises:
        FormatError: the file cannot be read or parsed, or is not VOC.
    """
    try:
        root: ElementTree.Element = fromstring(path.read_bytes())
    except (ElementTree.ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise FormatError(f"{path}: not a readable XML file: {error}; save it again in LabelImg") from None
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror}") from None
    if root.tag != "annotation":
        raise FormatError(f"{path}: root element <{root.tag}>; expected <annotation>, as LabelImg writes (VOC)")
    return root


def _read_object(element: ElementTree.Element, size_px: tuple[int, int], where: str) -> Annotation:
    try:
        region, side, grade = parse_object_name(element.findtext("name", ""))
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from None
    xmin, ymin, xmax, ymax = (integer_of(element, f"bndbox/{corner}", where) for corner in CORNERS)
    box = from_voc_box((xmin, ymin, xmax, ymax))
    _check_box(box, size_px, where)
    return Annotation(box=box, region=region, side=side, grade=grade, level=_level(element.findtext("level"), where))


def integer_of(element: ElementTree.Element, name: str, where: str) -> int:
    """Return the whole number of pixels in a child of an element; decimals are truncated.

    Raises:
        FormatError: it is missing or not a number; the message begins with `where`.
    """
    text = element.findtext(name)
    try:
        return int(float(text or ""))
    except (ValueError, OverflowError):
        raise FormatError(f'{where}: <{name}> "{text or ""}"; expected a whole number of pixels') from None


def _level(text: str | None, where: str) -> Level | None:
    if text is None or not text.strip():
        return None
    try:
        return Level(text.strip())
    except ValueError:
        raise FormatError(f'{where}: level "{text}"; expected one of {", ".join(LEVELS)}') from None


def _check_box(box: Box, size_px: tuple[int, int], where: str) -> None:
    if problem := _box_problem(box, size_px):
        raise FormatError(f"{where}: {problem}")


def _box_problem(box: Box, size_px: tuple[int, int]) -> str:
    ymin, xmin, ymax, xmax = box
    rows, columns = size_px
    if 0 <= ymin < ymax <= rows and 0 <= xmin < xmax <= columns and all(map(math.isfinite, box)):
        return ""
    return (
        f"box rows {ymin:g} to {ymax:g}, columns {xmin:g} to {xmax:g} (counted from 0); expected a box with an area "
        f"inside the image of {rows} rows x {columns} columns; draw it again"
    )


def _check_side(annotation: Annotation, where: str) -> None:
    if annotation.region.is_paired and annotation.side is None:
        raise FormatError(f"{where}: {annotation.region} without a side; expected left or right; assemble the study")


def _onto_border(box: Box, size_px: tuple[int, int]) -> Box:
    """Move corners less than half a pixel outside the image onto its border."""
    ymin, xmin, ymax, xmax = box
    rows, columns = size_px
    return (
        0.0 if -0.5 < ymin < 0 else ymin,
        0.0 if -0.5 < xmin < 0 else xmin,
        float(rows) if rows < ymax < rows + 0.5 else ymax,
        float(columns) if columns < xmax < columns + 0.5 else xmax,
    )


def _to_voc_edges(low: float, high: float, size: int) -> tuple[int, int]:
    if round(low) < round(high):
        return round(low) + 1, round(high)
    middle = min(int((low + high) / 2), size - 1) + 1
    return middle, middle


def _append_object(root: ElementTree.Element, annotation: Annotation, size_px: tuple[int, int]) -> None:
    element = ElementTree.SubElement(root, "object")
    xmin, ymin, xmax, ymax = corners = to_voc_box(annotation.box, size_px)
    truncated = xmin == 1 or ymin == 1 or ymax == size_px[0] or xmax == size_px[1]
    for name, text in (
        ("name", object_name(annotation.region, annotation.side, annotation.grade)),
        ("pose", "Unspecified"),
        ("truncated", str(int(truncated))),
        ("difficult", "0"),
    ):
        ElementTree.SubElement(element, name).text = text
    bndbox = ElementTree.SubElement(element, "bndbox")
    for name, value in zip(CORNERS, corners, strict=True):
        ElementTree.SubElement(bndbox, name).text = str(value)
    if annotation.level is not None:
        ElementTree.SubElement(element, "level").text = annotation.level
