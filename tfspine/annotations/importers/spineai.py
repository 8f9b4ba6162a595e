"""Labels of NUHS-NUS-SpineAI, the authors of the paper: LabelImg files with JPG or PNG (docs/public_data.md).

Two kinds of label file:

- *boxes*: objects called ``left``, ``center``, ``right`` on axial slices, ``sagittal`` (earlier ``0``) on sagittal
  ones; their grades, if any, are in text files (`spineai_grades`);
- *grades*: objects called normal, mild, moderate, severe or 1 to 4. On a sagittal slice they are foramina. On an axial
  one the name does not give the region: three boxes are, from the image's left, recess, canal, recess; fewer are
  refused, since it is unknown which is missing.

``left`` is the *image's* left, which is the patient's right in radiological display; sides are turned into the
patient's here. That the pictures are in radiological display is stated by the authors; without positions it cannot be
checked. Sagittal boxes have no side: it follows from where the slice lies, which a picture does not show; a table of
sides (`read_sides`) can. The files do not state the patient either: the pattern takes it from the name of the picture.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tfspine.annotations.importers.pictures import LabelledPicture, read_labelled
from tfspine.annotations.importers.raw_voc import RawLabel, RawObject
from tfspine.annotations.importers.spineai_grades import GRADE_OF_WORD, GradeSheets, read_grade_sheets
from tfspine.annotations.label_folder import labels_below
from tfspine.errors import AnnotationError, FormatError
from tfspine.formats.csv_files import read_numbered_rows
from tfspine.labels import Plane, Region, Side
from tfspine.structures import Annotation, Refusal

PATIENT_PATTERN = r"(?P<patient>.+?)--"
"""Pictures are called like ``459_val_158--T1W_Sagittal_00000002--00000019.JPG``: the part before the first ``--``
is used as the patient."""

AXIAL_NAMES: Mapping[str, tuple[Region, Side | None]] = {
    "left": (Region.LATERAL_RECESS, Side.RIGHT),
    "center": (Region.CENTRAL_CANAL, None),
    "right": (Region.LATERAL_RECESS, Side.LEFT),
}
SAGITTAL_NAMES = frozenset({"sagittal", "0"})

PLANE_WORDS: Mapping[Plane, re.Pattern[str]] = {
    Plane.AXIAL: re.compile(r"(?<![a-z])(axial|ax|tra)(?![a-z])", re.IGNORECASE),
    Plane.SAGITTAL: re.compile(r"(?<![a-z])(sagittal|sag)(?![a-z])", re.IGNORECASE),
}


@dataclass(frozen=True)
class SpineAiOptions:
    """What the files do not state: the pattern of the patient's name, and sides of sagittal pictures by file stem."""

    patient: re.Pattern[str]
    sides: Mapping[str, Side]


def read_spineai(folder: Path, options: SpineAiOptions) -> Iterator[LabelledPicture | Refusal]:
    """Yield every labelled picture below a folder, patient by patient, and what was refused.

    Raises:
        AnnotationError: there is no such folder, or no label in it.
    """
    paths = sorted(labels_below(folder), key=lambda path: (path.name, path))
    if not paths:
        raise AnnotationError(f"{folder}: no label files (*.xml); name the folder that LabelImg saved to")
    sheets = read_grade_sheets(folder)
    yield from sheets.refused
    names = {path.name for path in paths}
    for (_, label), line in sheets.lines.items():
        if label not in names:
            yield Refusal(line.file, f"no label file {label}", line=line.line)
    seen: dict[str, Path] = {}
    for path in paths:
        file = str(path.relative_to(folder))
        former = seen.setdefault(path.stem, path)
        if former is not path:
            yield Refusal(file, f"same name as {former.relative_to(folder)}; the grade files cannot distinguish them")
            continue
        try:
            picture, refused = _read_slice(path, folder, sheets, options)
        except FormatError as error:
            yield Refusal(file, str(error))
            continue
        yield from refused
        yield picture


def read_sides(path: Path) -> dict[str, Side]:
    """Return the patient's side by the stem of the picture's or label's file, from a table with columns file, side.

    Raises:
        AnnotationError: the table cannot be read, has an unknown side, or a file twice with different sides.
    """
    sides: dict[str, Side] = {}
    for line, row in read_numbered_rows(path, ("file", "side")):
        if row["side"] not in tuple(Side):
            raise AnnotationError(f'{path}: line {line}: side "{row["side"]}"; expected {" or ".join(Side)}')
        side = Side(row["side"])
        if sides.setdefault(Path(row["file"]).stem, side) is not side:
            raise AnnotationError(f"{path}: line {line}: {row['file']} is listed with both sides; keep one")
    return sides


def _read_slice(
    path: Path, folder: Path, sheets: GradeSheets, options: SpineAiOptions
) -> tuple[LabelledPicture, list[Refusal]]:
    label, picture, pixels = read_labelled(path)
    match = options.patient.match(picture.name)
    if not match:
        raise AnnotationError(f"no patient in the name by the pattern {options.patient.pattern}; see --patient-pattern")
    plane, annotations = _annotations(label, str(picture.relative_to(folder)), options.sides.get(path.stem))
    annotations, refused = _graded(annotations, path.name, sheets)
    return LabelledPicture(str(picture.relative_to(folder)), match["patient"], plane, annotations, pixels), refused


def _annotations(label: RawLabel, file: str, side: Side | None) -> tuple[Plane, tuple[Annotation, ...]]:
    """Return plane and boxes; sagittal ones from top to bottom, axial ones by object."""
    names = {item.name.lower() for item in label.objects}
    if not names:
        return _plane_of_name(file), ()
    if names <= set(AXIAL_NAMES):
        return Plane.AXIAL, tuple(_axial(item, item.name.lower()) for item in _once_each(label.objects))
    if names <= SAGITTAL_NAMES:
        return Plane.SAGITTAL, tuple(_foramen(item, side) for item in _downwards(label.objects))
    if not names <= set(GRADE_OF_WORD):
        known = (*AXIAL_NAMES, *sorted(SAGITTAL_NAMES), *GRADE_OF_WORD)
        raise AnnotationError(f"labels {', '.join(sorted(names))}; expected labels of one kind from {', '.join(known)}")
    if _plane_of_name(file) is Plane.SAGITTAL:
        return Plane.SAGITTAL, tuple(
            replace(_foramen(item, side), grade=GRADE_OF_WORD[item.name.lower()]) for item in _downwards(label.objects)
        )
    if len(label.objects) != len(AXIAL_NAMES):
        raise AnnotationError(f"{len(label.objects)} graded axial boxes; expected 3, else their regions are unknown")
    across = sorted(label.objects, key=lambda item: item.box[1] + item.box[3])
    return Plane.AXIAL, tuple(
        replace(_axial(item, name), grade=GRADE_OF_WORD[item.name.lower()])
        for item, name in zip(across, AXIAL_NAMES, strict=True)
    )


def _graded(
    annotations: tuple[Annotation, ...], label: str, sheets: GradeSheets
) -> tuple[tuple[Annotation, ...], list[Refusal]]:
    """Add the grades of the text files; a line that does not fit the boxes is refused and not used."""
    graded = list(annotations)
    refused = []
    for kind in (*AXIAL_NAMES, "sagittal"):
        line = sheets.lines.get((kind, label))
        if line is None:
            continue
        wanted = AXIAL_NAMES.get(kind)
        # Sagittal boxes were put in order from top to bottom.
        places = [
            index
            for index, item in enumerate(graded)
            if (item.region is Region.NEURAL_FORAMEN if wanted is None else (item.region, item.side) == wanted)
        ]
        if len(places) != len(line.grades):
            reason = f"{label}: {len(line.grades)} grades for {len(places)} {kind} boxes; none is used"
            refused.append(Refusal(line.file, reason, line=line.line))
            continue
        known = [graded[index].grade for index in places]
        if any(former not in (None, grade) for former, grade in zip(known, line.grades, strict=True)):
            refused.append(
                Refusal(line.file, f"{label}: its own objects have other grades, which are kept", line=line.line)
            )
            continue
        for index, grade in zip(places, line.grades, strict=True):
            graded[index] = replace(graded[index], grade=grade)
    return tuple(graded), refused


def _axial(item: RawObject, name: str) -> Annotation:
    region, side = AXIAL_NAMES[name]
    return Annotation(item.box, region, side)


def _foramen(item: RawObject, side: Side | None) -> Annotation:
    return Annotation(item.box, Region.NEURAL_FORAMEN, side)


def _once_each(objects: tuple[RawObject, ...]) -> tuple[RawObject, ...]:
    names = [item.name.lower() for item in objects]
    for name in names:
        if names.count(name) > 1:
            raise AnnotationError(f'{names.count(name)} boxes "{name}"; expected one on a slice')
    return objects


def _downwards(objects: tuple[RawObject, ...]) -> list[RawObject]:
    return sorted(objects, key=lambda item: item.box[0])


def _plane_of_name(file: str) -> Plane:
    planes = [plane for plane, word in PLANE_WORDS.items() if word.search(file.replace("_", " "))]
    if len(planes) != 1:
        raise AnnotationError(
            "neither labels nor file name show whether it is axial or sagittal; put it into a folder axial/sagittal"
        )
    return planes[0]
