"""Pascal VOC files of other projects, with any object names; numbers are read as LabelImg reads them.

LabelImg cuts decimals to whole pixels and never writes a coordinate below 1 (docs/public_data.md); other tools count
from 0, so 0 is read as 1.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tfspine.errors import AnnotationError, FormatError
from tfspine.formats.labelimg_xml import CORNERS, from_voc_box, integer_of, parse_voc
from tfspine.structures import Box


@dataclass(frozen=True)
class RawObject:
    """One box with the name that its project gave it; `level` is the text of an extra child ``<level>``, or empty."""

    name: str
    level: str
    box: Box


@dataclass(frozen=True)
class RawLabel:
    """One label file; `size_px` is (rows, columns) as the file states, which may be wrong."""

    size_px: tuple[int, int]
    objects: tuple[RawObject, ...]


def read_raw_voc(path: Path) -> RawLabel:
    """Read a VOC file with any object names.

    Raises:
        AnnotationError: the file is not a VOC file, a number is missing, or a box has no area or leaves the image. The
            message is the reason, without the path.
    """
    try:
        root = parse_voc(path)
    except FormatError as error:
        raise AnnotationError(str(error).removeprefix(f"{path}: ")) from None
    size_px = (integer_of(root, "size/height", "image"), integer_of(root, "size/width", "image"))
    objects = [
        _object(element, size_px, f"object {number}") for number, element in enumerate(root.iterfind("object"), start=1)
    ]
    return RawLabel(size_px, tuple(objects))


def _object(element: ElementTree.Element, size_px: tuple[int, int], where: str) -> RawObject:
    xmin, ymin, xmax, ymax = (integer_of(element, f"bndbox/{corner}", where) for corner in CORNERS)
    box = from_voc_box((max(xmin, 1), max(ymin, 1), xmax, ymax))
    rows, columns = size_px
    if not (0 <= xmin <= xmax <= columns and 0 <= ymin <= ymax <= rows and xmax > 0 and ymax > 0):
        raise AnnotationError(
            f"{where}: rows {ymin} to {ymax}, columns {xmin} to {xmax}; expected a box inside {rows} rows x {columns} "
            "columns"
        )
    level = re.sub(r"\s", "", element.findtext("level") or "")
    return RawObject((element.findtext("name") or "").strip(), level, box)
