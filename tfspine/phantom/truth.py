"""What a perfect reader would draw on each slice: the boxes of the shapes, their sides, levels and grades."""

from collections.abc import Iterator

import numpy as np

from tfspine import boxes
from tfspine.geometry import SliceGeometry, patient_to_pixel
from tfspine.labels import LEVELS, Grade, Region, Side
from tfspine.phantom import regions
from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.frame import to_patient
from tfspine.phantom.scanner import Cut
from tfspine.phantom.severity import grade_of
from tfspine.structures import Annotation, Box


def annotate(anatomy: Anatomy, cut: Cut) -> tuple[Annotation, ...]:
    """Return the annotations of one slice: canal and recesses on axial slices, foramina on sagittal ones."""
    found = _axial(anatomy, cut, cut.disc) if cut.disc is not None else _sagittal(anatomy, cut)
    return tuple(found)


def study_grades(anatomy: Anatomy) -> Iterator[tuple[str, str, str, float, Grade]]:
    """Yield (level, region, side, severity, grade) of every region at its disc; side is empty for the canal."""
    for (region, level, side), severity in anatomy.severities.values.items():
        yield str(level), str(region), str(side or ""), severity, grade_of(severity)


def _axial(anatomy: Anatomy, cut: Cut, disc: int) -> Iterator[Annotation]:
    level = LEVELS[disc]
    severity = float(regions.canal_severity(anatomy, disc, cut.d_mm))
    box = _axial_box(anatomy, cut, disc, regions.canal_box_mm(anatomy, disc))
    yield Annotation(box, Region.CENTRAL_CANAL, None, grade_of(severity), level)
    if abs(cut.d_mm) > regions.RECESS_REACH_MM:
        return
    for side in Side:
        box = _axial_box(anatomy, cut, disc, regions.recess_box_mm(anatomy, disc, side))
        grade = grade_of(anatomy.severities.at(Region.LATERAL_RECESS, level, side))
        yield Annotation(box, Region.LATERAL_RECESS, side, grade, level)


def _sagittal(anatomy: Anatomy, cut: Cut) -> Iterator[Annotation]:
    u = float(cut.geometry.centre_mm[0]) - anatomy.frame.midline_x_mm
    side = Side.LEFT if u > 0 else Side.RIGHT
    low, high = regions.FORAMEN_U_MM
    if not low <= abs(u) <= high:
        return
    for disc, level in enumerate(LEVELS):
        d_low, d_high, v_low, v_high = regions.foramen_box_mm(anatomy, disc)
        corners = [(d, u, v) for d in (d_low, d_high) for v in (v_low, v_high)]
        box = _box(anatomy, cut.geometry, disc, corners)
        grade = grade_of(anatomy.severities.at(Region.NEURAL_FORAMEN, level, side))
        yield Annotation(box, Region.NEURAL_FORAMEN, side, grade, level)


def _axial_box(anatomy: Anatomy, cut: Cut, disc: int, extent_mm: tuple[float, float, float, float]) -> Box:
    u_low, u_high, v_low, v_high = extent_mm
    corners = [(cut.d_mm, u, v) for u in (u_low, u_high) for v in (v_low, v_high)]
    return _box(anatomy, cut.geometry, disc, corners)


def _box(anatomy: Anatomy, geometry: SliceGeometry, disc: int, corners: list[tuple[float, float, float]]) -> Box:
    """Return the box around corners given as (d, u, v), on the slice, clipped to the image."""
    d, u, v = np.array(corners).T
    points = to_patient(anatomy.frame, disc=disc, d_mm=d, u_mm=u, v_mm=v)
    corner_px = patient_to_pixel(geometry, points) + 0.5
    box = boxes.clip(np.concatenate([corner_px.min(axis=0), corner_px.max(axis=0)]), geometry.size_px)
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])
