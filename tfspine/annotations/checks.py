"""Check whether label files agree with the slices, with one another and with the sides of the patient."""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfspine.annotations.label_folder import labels_of_slices
from tfspine.annotations.level_checks import level_warnings
from tfspine.annotations.side_checks import side_warnings
from tfspine.errors import AnnotationError, FormatError
from tfspine.formats.labelimg_xml import misfits, read_voc
from tfspine.formats.problems_csv import Problem, Severity
from tfspine.formats.slices_csv import SliceRow
from tfspine.geometry import SliceGeometry, box_centre_mm, side_of_patient, stack_middle_x_mm
from tfspine.labels import Plane, Region, Side, object_name
from tfspine.structures import AnnotatedSlice, Annotation

STRANGER = (
    "no such slice: its study was not ingested, or the label is of another ingest or de-identification; ingest the "
    "study too, or carry the label over with tfspine labels rename --key"
)


def check_labels(labels: Path, slices: Mapping[str, SliceRow]) -> list[Problem]:
    """Return every problem of the label files in a folder, in the order of the slices.

    Args:
        labels: folder of LabelImg XML files named after their slice.
        slices: facts by slice key.

    Raises:
        AnnotationError: the folder holds no label file, or none that is named after a slice.
    """
    files = labels_of_slices(labels, slices)
    problems = [Problem(stem, files[stem].name, Severity.ERROR, STRANGER) for stem in files if stem not in slices]
    annotated: dict[str, AnnotatedSlice] = {}
    for key in slices:
        if key not in files:
            text = "no label file; it is trained on as a slice without boxes, or left out if its series has no labels"
            problems.append(Problem(key, "", Severity.WARNING, text))
            continue
        try:
            annotated[key] = read_voc(files[key])
        except FormatError as error:
            problems.append(Problem(key, files[key].name, Severity.ERROR, str(error)))
    midline_x_mm = _midline_x_mm(annotated, slices)
    for key, item in annotated.items():
        problems += (
            Problem(key, files[key].name, severity, text)
            for severity, text in _problems_of(item, slices[key], midline_x_mm[slices[key].study])
        )
    problems += (
        Problem(key, files[key].name, Severity.WARNING, text) for key, text in level_warnings(annotated, slices)
    )
    return problems


def require_no_errors(labels: Path, slices: Mapping[str, SliceRow], *, left_out: Collection[str] = ()) -> None:
    """Refuse labels with a problem of `Severity.ERROR`.

    Args:
        labels: folder of LabelImg XML files named after their slice.
        slices: facts by slice key.
        left_out: slices that are not used; their problems are ignored.

    Raises:
        AnnotationError: the first of these problems, or as in `check_labels`.
    """
    errors = [
        problem
        for problem in check_labels(labels, slices)
        if problem.severity is Severity.ERROR and problem.slice not in left_out
    ]
    if errors:
        more = f"; {len(errors) - 1} more errors" if errors[1:] else ""
        first = errors[0]
        raise AnnotationError(f"{labels / first.file}: {first.problem}{more}; tfspine check lists every problem")


def _problems_of(annotated: AnnotatedSlice, facts: SliceRow, midline_mm: float) -> Iterator[tuple[Severity, str]]:
    for text in misfits(annotated, facts):
        yield Severity.ERROR, text
    for number, item in enumerate(annotated.annotations, start=1):
        if item.region.plane is not facts.plane:
            continue
        name = f"object {number} ({object_name(item.region, item.side)})"
        if item.grade is None:
            yield Severity.WARNING, f"{name}: no grade; it trains the detector only"
        x_mm = float(box_centre_mm(facts.geometry, item.box)[0])
        if math.isnan(x_mm):
            if item.region.is_paired:
                yield Severity.WARNING, f"{name}: the slice has no position in the patient; the side was not checked"
        elif item.region is Region.NEURAL_FORAMEN and item.side is not side_of_patient(x_mm, midline_mm):
            yield (
                Severity.ERROR,
                f"{name}: lies on the patient's {side_of_patient(x_mm, midline_mm)} (x = {x_mm:.0f} mm)",
            )
    axial = [item for item in annotated.annotations if item.region.plane is Plane.AXIAL]
    for name, count in Counter(object_name(item.region, item.side) for item in axial).items():
        if count > 1:
            yield Severity.ERROR, f"{count} times {name}; expected one on a slice"
    yield from _recess_sides(annotated.annotations, facts.geometry)
    if facts.plane is Plane.AXIAL:
        for text in side_warnings(annotated.annotations, facts.geometry, midline_mm):
            yield Severity.WARNING, text


def _recess_sides(annotations: Sequence[Annotation], geometry: SliceGeometry) -> Iterator[tuple[Severity, str]]:
    """Patient x increases to the left: if a right recess lies further left than the left one, the two were swapped."""
    x_mm = {
        item.side: float(box_centre_mm(geometry, item.box)[0])
        for item in annotations
        if item.region is Region.LATERAL_RECESS
    }
    if len(x_mm) == 2 and x_mm[Side.RIGHT] > x_mm[Side.LEFT]:
        yield Severity.ERROR, "right and left recess are swapped: sides are the patient's, not the image's"


def _midline_x_mm(annotated: Mapping[str, AnnotatedSlice], slices: Mapping[str, SliceRow]) -> dict[str, float]:
    """Return x of each study's midline: the median x of its canals, else the middle of its sagittal stack."""
    midlines = {}
    for study in {facts.study for facts in slices.values()}:
        keys = [key for key, facts in slices.items() if facts.study == study]
        canals = [
            float(box_centre_mm(slices[key].geometry, item.box)[0])
            for key in keys
            if key in annotated
            for item in annotated[key].annotations
            if item.region is Region.CENTRAL_CANAL and slices[key].plane is Plane.AXIAL
        ]
        stack = (slices[key].geometry for key in keys if slices[key].plane is Plane.SAGITTAL)
        midlines[study] = float(np.median(canals)) if canals else stack_middle_x_mm(stack)
    return midlines
