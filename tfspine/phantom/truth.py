"""The true annotations of each slice: the boxes of the shapes, with sides, levels and grades."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tfspine import boxes
from tfspine.geometry import SliceGeometry, distance_to_slice_mm, patient_to_pixel
from tfspine.labels import LEVELS, Grade, Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.cuts import CANAL_BEHIND_BODY_MM, Cut, on_slice
from tfspine.phantom.frame import FIRST_LEVEL, Place, locate, to_patient
from tfspine.phantom.severity import grade_of
from tfspine.structures import Annotation, Box

FORAMEN_BEHIND_BODY_MM = 4.0
"""Distance behind the body at which the distance of a sagittal slice from the midline is measured."""


def annotate(anatomy: Anatomy, cut: Cut) -> tuple[Annotation, ...]:
    """Return the annotations of one slice: canal and recesses on axial slices, foramina on sagittal ones."""
    found = _axial(anatomy, cut, cut.disc) if cut.disc is not None else _sagittal(anatomy, cut)
    return tuple(found)


def severities_seen(anatomy: Anatomy, cut: Cut, annotations: Sequence[Annotation]) -> tuple[float, ...]:
    """Return the severity, 0 to 1, that each annotation of a slice shows: its grade is `grade_of` this."""
    return tuple(_severity_seen(anatomy, cut, annotation) for annotation in annotations)


def study_grades(anatomy: Anatomy) -> Iterator[tuple[str, str, str, float, Grade]]:
    """Yield (level, region, side, severity, grade) of every region at its disc; side is empty for the canal."""
    for (region, level, side), severity in anatomy.severities.values.items():
        yield str(level), str(region), str(side or ""), severity, grade_of(severity)


def _severity_seen(anatomy: Anatomy, cut: Cut, annotation: Annotation) -> float:
    if cut.disc is not None and annotation.region is Region.CENTRAL_CANAL:
        return float(regions.canal_narrowing(anatomy, cut.disc, cut.d_mm))
    return anatomy.severities.at(annotation.region, annotation.level or LEVELS[0], annotation.side)


def _axial(anatomy: Anatomy, cut: Cut, disc: int) -> Iterator[Annotation]:
    level = LEVELS[disc - FIRST_LEVEL]
    severity = float(regions.canal_narrowing(anatomy, disc, cut.d_mm))
    box = _axial_box(anatomy, cut, regions.canal_box_mm(anatomy, _in_canal(anatomy, cut, disc), severity))
    yield Annotation(box, Region.CENTRAL_CANAL, None, grade_of(severity), level)
    if abs(cut.d_mm) > regions.RECESS_REACH_MM:
        return
    for side in Side:
        box = _axial_box(anatomy, cut, regions.recess_box_mm(anatomy, disc, side))
        grade = grade_of(anatomy.severities.at(Region.LATERAL_RECESS, level, side))
        yield Annotation(box, Region.LATERAL_RECESS, side, grade, level)


def _sagittal(anatomy: Anatomy, cut: Cut) -> Iterator[Annotation]:
    for disc, level in enumerate(LEVELS, start=FIRST_LEVEL):
        low, high = regions.foramen_u_mm(anatomy, disc)
        behind = float(anatomy.body_half_depth_mm[disc]) + FORAMEN_BEHIND_BODY_MM
        u = _u_of_slice(anatomy, cut, disc, regions.FORAMEN_D_MM, behind)
        side = Side.LEFT if u > 0 else Side.RIGHT
        if not low <= abs(u) <= high:
            continue
        d_low, d_high, v_low, v_high = regions.foramen_box_mm(anatomy, disc, side)
        d, v = np.array([(d, v) for d in (d_low, d_high) for v in (v_low, v_high)]).T
        box = _box(cut.geometry, to_patient(anatomy.frame, disc=disc, d_mm=d, u_mm=u, v_mm=v))
        grade = grade_of(anatomy.severities.at(Region.NEURAL_FORAMEN, level, side))
        yield Annotation(box, Region.NEURAL_FORAMEN, side, grade, level)


def _u_of_slice(anatomy: Anatomy, cut: Cut, disc: int, d_mm: float, v_mm: float) -> float:
    """Return the distance from the midline at which a sagittal slice passes the place (d, v) of a disc."""
    midline = to_patient(anatomy.frame, disc=disc, d_mm=d_mm, u_mm=0.0, v_mm=v_mm)
    return -float(distance_to_slice_mm(cut.geometry, midline)[0] / cut.geometry.normal[0])


def _in_canal(anatomy: Anatomy, cut: Cut, disc: int) -> Place:
    """Return the place where an axial slice passes the middle of the canal."""
    behind_mm = float(anatomy.body_half_depth_mm[disc]) + CANAL_BEHIND_BODY_MM
    point = on_slice(anatomy, cut, u_mm=np.zeros(1), v_mm=np.full(1, behind_mm))
    return locate(anatomy.frame, point.astype(np.float32))


def _axial_box(anatomy: Anatomy, cut: Cut, extent_mm: tuple[float, float, float, float]) -> Box:
    u_low, u_high, v_low, v_high = extent_mm
    u, v = np.array([(u, v) for u in (u_low, u_high) for v in (v_low, v_high)]).T
    return _box(cut.geometry, on_slice(anatomy, cut, u_mm=u, v_mm=v))


def _box(geometry: SliceGeometry, corners_mm: NDArray[np.float64]) -> Box:
    """Return the box around patient positions [N, 3] on a slice, clipped to the image."""
    corner_px = patient_to_pixel(geometry, corners_mm) + 0.5
    box = boxes.clip(np.concatenate([corner_px.min(axis=0), corner_px.max(axis=0)]), geometry.size_px)
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])
