"""LabelImg's Pascal VOC files: one XML a slice, named after the slice's PNG.

A `bndbox` counts whole pixels from 1 and includes its last pixel; the first to the tenth column is ``xmin 1, xmax
10``, inside ``box = (..., 0, ..., 10)``. Each object may carry a child ``<level>L4-L5</level>``, last, because other
readers of these files go by position. LabelImg itself ignores it, and drops it when it saves.
"""

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import defusedxml
import defusedxml.ElementTree

from tfspine.errors import AnnotationError
from tfspine.labels import LEVELS, Level, object_name, parse_object_name
from tfspine.outputs import write_bytes
from tfspine.structures import AnnotatedSlice, Annotation, Box

_REMEDY = "correct it in LabelImg"


def read_voc(path: Path) -> AnnotatedSlice:
    """Read one label file; its stem is the key of the slice.

    Raises:
        AnnotationError: the file is not there or no XML, an element is missing, a label or level is unknown, a box is
            empty or reaches outside the image.
    """
    root = _parse(path)
    size_px = (_size(root, "height", path), _size(root, "width", path))
    annotations = tuple(
        _read_object(element, size_px, f"{path}: object {number}")
        for number, element in enumerate(root.findall("object"), start=1)
    )
    return AnnotatedSlice(path.stem, size_px, annotations)


def write_voc(path: Path, annotated: AnnotatedSlice) -> None:
    """Write one label file as LabelImg would, with corners rounded to whole pixels.

    A box thinner than a pixel becomes the pixel in which its middle lies.

    Raises:
        AnnotationError: a box is empty or reaches outside the image, or a paired region has no side.
        OutputError: the file cannot be written.
    """
    rows, columns = annotated.size_px
    root = ET.Element("annotation")
    _add(root, "folder", path.absolute().parent.name)
    _add(root, "filename", f"{annotated.key}.png")
    _add(_add(root, "source"), "database", "Unknown")
    size = _add(root, "size")
    for name, value in (("width", columns), ("height", rows), ("depth", 1)):
        _add(size, name, value)
    _add(root, "segmented", 0)
    for number, annotation in enumerate(annotated.annotations, start=1):
        _add_object(root, annotation, annotated.size_px, f"{path}: object {number}")
    ET.indent(root, space="\t")
    write_bytes(path, ET.tostring(root, encoding="utf-8") + b"\n")


def _parse(path: Path) -> ET.Element:
    try:
        root: ET.Element = defusedxml.ElementTree.fromstring(path.read_bytes())
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}; expected a LabelImg XML file") from None
    except (ET.ParseError, defusedxml.DefusedXmlException, LookupError, ValueError) as error:
        raise AnnotationError(
            f"{path}: broken XML: {error}; expected a LabelImg Pascal VOC file; save it in LabelImg again"
        ) from None
    if root.tag != "annotation":
        raise AnnotationError(f"{path}: <{root.tag}>; expected <annotation>; save it in LabelImg as Pascal VOC")
    return root


def _size(root: ET.Element, name: str, path: Path) -> int:
    value = _whole_number(root, f"size/{name}", str(path))
    if value < 1:
        raise AnnotationError(f"{path}: size/{name} {value}; expected the image's {name} in pixels; {_REMEDY}")
    return value


def _read_object(element: ET.Element, size_px: tuple[int, int], where: str) -> Annotation:
    name = _text(element, "name", where)
    try:
        region, side, grade = parse_object_name(name)
    except AnnotationError as error:
        raise AnnotationError(f"{where}: {error}; {_REMEDY}") from None
    return Annotation(_read_box(element, size_px, where), region, side, grade, _level(element, where))


def _read_box(element: ET.Element, size_px: tuple[int, int], where: str) -> Box:
    """Return the `bndbox` as (ymin, xmin, ymax, xmax) from 0, far edge excluded."""
    xmin, ymin, xmax, ymax = (
        _whole_number(element, f"bndbox/{name}", where) for name in ("xmin", "ymin", "xmax", "ymax")
    )
    found = f"{where}: box xmin {xmin}, ymin {ymin}, xmax {xmax}, ymax {ymax}"
    rows, columns = size_px
    if xmin > xmax or ymin > ymax:
        raise AnnotationError(f"{found} is empty; expected xmin <= xmax and ymin <= ymax; {_REMEDY}")
    if min(xmin, ymin) < 1 or xmax > columns or ymax > rows:
        raise AnnotationError(
            f"{found} is outside the image; expected x in 1 to {columns} and y in 1 to {rows}; {_REMEDY}"
        )
    return (float(ymin - 1), float(xmin - 1), float(ymax), float(xmax))


def _level(element: ET.Element, where: str) -> Level | None:
    word = element.findtext("level", "").strip()
    if not word:
        return None
    if word not in LEVELS:
        raise AnnotationError(f'{where}: level "{word}"; expected one of {", ".join(LEVELS)}; correct it in the file')
    return Level(word)


def _whole_number(element: ET.Element, name: str, where: str) -> int:
    text = _text(element, name, where)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    # Some versions of LabelImg write 12.0.
    if not value.is_integer():
        raise AnnotationError(f'{where}: {name} "{text}"; expected a whole number of pixels; {_REMEDY}')
    return int(value)


def _text(element: ET.Element, name: str, where: str) -> str:
    text = element.findtext(name)
    if text is None or not text.strip():
        raise AnnotationError(f"{where}: no <{name}>; expected one as LabelImg writes it; {_REMEDY}")
    return text.strip()


def _add_object(root: ET.Element, annotation: Annotation, size_px: tuple[int, int], where: str) -> None:
    name = object_name(annotation.region, annotation.side, annotation.grade)
    if annotation.region.is_paired and annotation.side is None:
        raise AnnotationError(f'{where}: label "{name}" without a side; expected left_{name} or right_{name}')
    rows, columns = size_px
    ymin, xmin, ymax, xmax = annotation.box
    top, bottom = _pixels(ymin, ymax, rows, f"{where}: {name}: ymin {ymin:g}, ymax {ymax:g}")
    left, right = _pixels(xmin, xmax, columns, f"{where}: {name}: xmin {xmin:g}, xmax {xmax:g}")
    element = _add(root, "object")
    _add(element, "name", name)
    _add(element, "pose", "Unspecified")
    _add(element, "truncated", int(min(top, left) == 1 or bottom == rows or right == columns))
    _add(element, "difficult", 0)
    box = _add(element, "bndbox")
    for corner, value in (("xmin", left), ("ymin", top), ("xmax", right), ("ymax", bottom)):
        _add(box, corner, value)
    if annotation.level:
        _add(element, "level", annotation.level)


def _pixels(low: float, high: float, extent: int, where: str) -> tuple[int, int]:
    """Return the first and the last pixel, counted from 1, between two continuous corners."""
    if not low < high:
        raise AnnotationError(f"{where}: an empty box; expected the smaller corner first")
    # Compared after rounding: float32 corners of a clipped box may lie a hair outside.
    if not (math.isfinite(high - low) and round(low) >= 0 and round(high) <= extent):
        raise AnnotationError(f"{where}: outside the image; expected 0 to {extent}")
    first, last = round(low) + 1, round(high)
    if first > last:
        first = last = min(int((low + high) / 2), extent - 1) + 1
    return first, last


def _add(parent: ET.Element, name: str, value: object = None) -> ET.Element:
    element = ET.SubElement(parent, name)
    if value is not None:
        element.text = str(value)
    return element
