"""LSS-MRI of AISSLab (Mendeley Data, doi 10.17632/rgb77xm3jf): foramina boxed and graded 0 to 3, by level and side.

Layout (docs/public_data.md): ``Foramina_Detection/**/<patient>/IMnnnnnn.xml`` beside its PNG. An object is called
``RFS0`` to ``RFS3`` or ``LFS0`` to ``LFS3``: the patient's side, and a grade from 0, normal, to 3, severe; an extra
``<level>`` holds the disc level. Coordinates may be decimals.

The pictures are T2-weighted, while tfspine reads foramina on T1: keep this in mind when training. A slice with foramina
of both sides is accepted, since a rotated spine can show both. Without positions a side cannot be checked.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tfspine.annotations.importers.pictures import LabelledPicture, read_labelled
from tfspine.annotations.importers.raw_voc import RawObject
from tfspine.annotations.label_folder import labels_below
from tfspine.errors import AnnotationError, FormatError
from tfspine.labels import LEVELS, Grade, Level, Plane, Region, Side
from tfspine.structures import Annotation, Refusal

NAME = re.compile(r"([RL])FS([0-3])")
SIDES = {"R": Side.RIGHT, "L": Side.LEFT}


def read_aisslab(folder: Path) -> Iterator[LabelledPicture | Refusal]:
    """Yield every labelled picture below a folder, patient by patient, and what was refused.

    The patient is the name of the folder that holds the files; the same name in two places is one patient, so that no
    person is in both training and test.

    Raises:
        AnnotationError: there is no such folder, or no label in it.
    """
    paths = sorted(labels_below(folder), key=lambda path: (path.parent.name, path))
    if not paths:
        raise AnnotationError(f"{folder}: no label files (*.xml); name the folder that holds Foramina_Detection")
    for path in paths:
        try:
            yield _read_slice(path, folder)
        except FormatError as error:
            yield Refusal(str(path.relative_to(folder)), str(error))


def _read_slice(path: Path, folder: Path) -> LabelledPicture:
    label, picture, pixels = read_labelled(path)
    annotations = tuple(_annotation(item, f"object {number}") for number, item in enumerate(label.objects, start=1))
    places = [(item.level, item.side) for item in annotations]
    for level, side in places:
        if places.count((level, side)) > 1:
            raise AnnotationError(f"two boxes of the {side} foramen at {level}; expected one")
    return LabelledPicture(
        source=str(picture.relative_to(folder)),
        patient=path.parent.name,
        plane=Plane.SAGITTAL,
        annotations=annotations,
        pixels=pixels,
    )


def _annotation(item: RawObject, where: str) -> Annotation:
    match = NAME.fullmatch(item.name)
    if not match:
        raise AnnotationError(f'{where}: label "{item.name}"; expected RFS0 to RFS3 or LFS0 to LFS3')
    if item.level not in tuple(LEVELS):
        raise AnnotationError(f'{where}: level "{item.level}"; expected one of {", ".join(LEVELS)}')
    return Annotation(
        box=item.box,
        region=Region.NEURAL_FORAMEN,
        side=SIDES[match[1]],
        grade=Grade(int(match[2])),
        level=Level(item.level),
    )
