"""CVAT for images 1.1: `annotations.xml`, with the grade as an attribute of its box.

The format: https://docs.cvat.ai/docs/other/xml_format. Corners xtl, ytl, xbr, ybr are pixels from the image's corner,
so that xbr and ybr are the far edge, excluded. Only shapes of type `<box>` are read, and only without rotation.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tfspine.annotations.exchange.drawn import Drawn, DrawnBox, DrawnImage, is_rotated, texts_of
from tfspine.errors import AnnotationError, FormatError
from tfspine.structures import Refusal

EXPECTED = "annotations.xml of the export format CVAT for images 1.1, or the zip archive with it"


def read_cvat(path: Path) -> Iterator[Drawn]:
    """Yield the images of an export, and a refusal for each shape that is not an upright box.

    Raises:
        AnnotationError: the file cannot be read or is something else.
    """
    for name, text in texts_of(path, lambda file: file.endswith(".xml"), expected=EXPECTED):
        root = _root(name, text)
        for number, image in enumerate(root.iterfind("image"), start=1):
            yield from _image(image, f"{name}: image {number}")


def _root(name: str, text: str) -> ElementTree.Element:
    try:
        # Bytes, because a text with an encoding declaration is refused.
        root: ElementTree.Element = fromstring(text.encode())
    except (ElementTree.ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise AnnotationError(f"{name}: not a readable XML file: {error}; expected {EXPECTED}") from None
    if root.tag != "annotations":
        raise AnnotationError(f"{name}: root element <{root.tag}>; expected <annotations>: {EXPECTED}")
    if root.find("track") is not None:
        raise AnnotationError(f"{name}: tracks of CVAT for video; export the task again as CVAT for images 1.1")
    return root


def _image(image: ElementTree.Element, where: str) -> Iterator[Drawn]:
    boxes = []
    for number, shape in enumerate(image, start=1):
        try:
            boxes.append(_box(shape, f"{where}: object {number}"))
        except FormatError as error:
            yield Refusal(image.get("name", where), str(error))
    try:
        size_px = (int(image.get("height", "")), int(image.get("width", "")))
    except ValueError:
        yield Refusal(image.get("name", where), f"{where}: no width and height; export it again")
        return
    yield DrawnImage(image.get("name", ""), size_px, tuple(boxes))


def _box(shape: ElementTree.Element, where: str) -> DrawnBox:
    label = shape.get("label", "")
    if shape.tag != "box":
        raise AnnotationError(f'{where}: {shape.tag} "{label}"; expected a rectangle; draw it as one')
    try:
        ymin, xmin, ymax, xmax = (float(shape.get(name, "")) for name in ("ytl", "xtl", "ybr", "xbr"))
        rotation = float(shape.get("rotation", "0"))
    except ValueError:
        raise AnnotationError(f'{where}: box "{label}" lacks a corner; expected xtl, ytl, xbr and ybr') from None
    if is_rotated(rotation):
        raise AnnotationError(f'{where}: box "{label}" is rotated by {rotation:g} degrees; expected an upright one')
    attributes = {item.get("name", "").strip().lower(): (item.text or "").strip() for item in shape.iter("attribute")}
    return DrawnBox(where, label, (ymin, xmin, ymax, xmax), {key: value for key, value in attributes.items() if value})
