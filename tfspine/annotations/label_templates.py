"""Label configurations for annotation programs: the names, with grade and level as attributes if it supports them.

The first entry of each list is "ungraded" or "unknown", because CVAT gives a new box the first one, which must not be a
grade.
"""

import json
from xml.etree import ElementTree

from tfspine.compat import StrEnum
from tfspine.labels import GRADE_WORDS, GRADES, LEVELS, Region, Side, object_name

UNGRADED = ("ungraded", *GRADE_WORDS)
UNKNOWN_LEVEL = ("unknown", *map(str, LEVELS))

COLOURS = {
    Region.CENTRAL_CANAL: ("#e69f00",),
    Region.LATERAL_RECESS: ("#0072b2", "#56b4e9"),
    Region.NEURAL_FORAMEN: ("#009e73", "#cc79a7"),
}
"""Colours of the left and the right side, also distinguishable with colour blindness (Okabe and Ito 2008)."""


class Program(StrEnum):
    """Annotation programs for which a template can be written."""

    CVAT = "cvat"
    LABELSTUDIO = "labelstudio"
    LABELIMG = "labelimg"


def object_names() -> list[tuple[str, str]]:
    """Return the name of every object to be drawn, with its colour."""
    return [
        (object_name(region, side), colour)
        for region in Region
        for side, colour in zip((Side.LEFT, Side.RIGHT) if region.is_paired else (None,), COLOURS[region], strict=True)
    ]


def class_list() -> list[str]:
    """Return the lines of LabelImg's `predefined_classes.txt`: LabelImg has no attributes, the grade is in the name."""
    return [f"{name}:{grade.word}" for name, _ in object_names() for grade in GRADES]


def label_template(program: Program) -> str:
    """Return the file for one program, ready to be written."""
    match program:
        case Program.LABELIMG:
            return "\n".join(class_list()) + "\n"
        case Program.CVAT:
            return json.dumps(_cvat(), indent=2) + "\n"
        case Program.LABELSTUDIO:
            return _labelstudio()


def _cvat() -> list[dict[str, object]]:
    """Return the text for the Raw tab of CVAT's label constructor (docs.cvat.ai, Creating an annotation task)."""
    attributes = [
        {"name": name, "mutable": False, "input_type": "select", "default_value": values[0], "values": list(values)}
        for name, values in (("grade", UNGRADED), ("level", UNKNOWN_LEVEL))
    ]
    return [
        {"name": name, "color": colour, "type": "rectangle", "attributes": attributes}
        for name, colour in object_names()
    ]


def _labelstudio() -> str:
    """Return the labelling interface: rectangles, and choices for each (https://labelstud.io/tags/choices.html)."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image", zoom="true", zoomControl="true")
    labels = ElementTree.SubElement(view, "RectangleLabels", name="label", toName="image", canRotate="false")
    for name, colour in object_names():
        ElementTree.SubElement(labels, "Label", value=name, background=colour)
    for name, values in (("grade", UNGRADED), ("level", UNKNOWN_LEVEL)):
        choices = ElementTree.SubElement(
            view, "Choices", name=name, toName="image", perRegion="true", choice="single-radio", showInline="true"
        )
        for value in values:
            ElementTree.SubElement(choices, "Choice", value=value)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"
