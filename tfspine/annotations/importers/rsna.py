"""RSNA 2024: points on DICOM pictures become boxes on the slices that ``tfspine ingest`` wrote.

A point is converted via patient coordinates: from its own picture to millimetres, then to a slice of ingest, which
may be turned or cropped. Recesses and foramina keep the picture they were marked on. The canal was marked on sagittal
T2, while tfspine boxes it on axial T2: its point goes to the axial slice nearest to it, if that passes within
`CANAL_REACH_MM`.

The data set has three grades. Label files therefore carry region, side and level but **no grade at all**: a file that
graded only moderate and severe would teach a grader of four grades that nothing is ever normal. The three grades are
in ``grades3.csv``.

Each region is marked on one slice and is unmarked on neighbouring slices, even if these have marks of other regions.
A slice without a label is not a slice without regions: train with ``--set records.empty_slices=0``, and do not count
false positives on this data set.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfspine import boxes
from tfspine.annotations.importers.rsna_tables import GRADES_FILE, POINTS_FILE, Point, RsnaTables, StudyRegion
from tfspine.errors import AnnotationError, TfspineError
from tfspine.geometry import (
    SliceGeometry,
    distance_to_slice_mm,
    patient_to_pixel,
    pixel_to_patient,
)
from tfspine.labels import Plane, Region
from tfspine.progress import Track, silent
from tfspine.structures import AnnotatedSlice, Annotation, Box, Refusal, pseudonym

BOX_MM: Mapping[Region, tuple[float, float]] = {
    Region.CENTRAL_CANAL: (16.0, 19.0),
    Region.LATERAL_RECESS: (13.0, 14.0),
    Region.NEURAL_FORAMEN: (22.0, 13.0),
}
"""Height and width in mm of the box around a point, chosen to hold a region of ordinary size with its border.

Canal: sac of some 14 x 17.6 mm (Chatha & Schweitzer 2011, Bull NYU Hosp Jt Dis 69:303; Schonstrom 1985, Spine 10:806)
and 0.7 mm of dura around. Recess: 7 mm, with 3 mm of the facet and disc that narrow it. Foramen: 19 mm high (Hasegawa
1995, J Bone Joint Surg Am 77:32) and 9 to 10 deep, with 1.8 mm of bone. The boxes of the phantom are about as large.
"""

CANAL_REACH_MM = 3.0
"""Axial slices lie 4 to 5 mm apart, so that the nearest passes within 2.5 mm of a point between two."""

EDGE_PX = 0.5
"""A point so far outside its picture still counts as on the border: whether pixels count from corners is not
documented."""


@dataclass(frozen=True)
class PointPicture:
    """The picture on which a point was set, from its DICOM header."""

    sop_instance_uid: str
    frame_of_reference_uid: str
    geometry: SliceGeometry


@dataclass(frozen=True)
class IngestedSlice:
    """One slice of ``slices.csv``."""

    key: str
    study: str
    plane: Plane
    geometry: SliceGeometry
    sop_instance_uid: str
    frame_of_reference_uid: str


@dataclass(frozen=True)
class PlacedPoints:
    """Labelled slices, the slice and box of each place that got one, and what was refused."""

    labels: tuple[AnnotatedSlice, ...]
    boxes: Mapping[StudyRegion, tuple[str, Box]]
    refused: tuple[Refusal, ...]


def place_points(
    tables: RsnaTables,
    *,
    targets: Sequence[IngestedSlice],
    picture_of: Callable[[Point], PointPicture],
    box_mm: Mapping[Region, tuple[float, float]] = BOX_MM,
    track: Track = silent,
) -> PlacedPoints:
    """Turn every point into a box on a slice, or refuse it with the reason.

    Args:
        tables: points and grades.
        targets: the slices of ``slices.csv``.
        picture_of: reads the header of a point's picture; raises a TfspineError with the reason if it cannot.
        box_mm: height and width of a box.
        track: counts the points.
    """
    by_study: dict[str, list[IngestedSlice]] = defaultdict(list)
    for target in targets:
        by_study[target.study].append(target)
    placed: dict[StudyRegion, tuple[str, Box]] = {}
    annotations: dict[str, dict[tuple[Region, object, object], Annotation]] = defaultdict(dict)
    sizes = {target.key: target.geometry.size_px for target in targets}
    refused = list(_unseen_studies(tables, by_study))
    for point in track(tables.points, "points"):
        try:
            target, box = _place(point, by_study[pseudonym(point.place.study_id)], picture_of, box_mm)
            if point.place in placed:
                raise AnnotationError(f"region already boxed on slice {placed[point.place][0]}; the first point counts")
            # An axial slice has each region of a side once; a sagittal slice shows the foramina of all levels.
            place = point.place
            spot = (place.region, place.side, place.level if place.region is Region.NEURAL_FORAMEN else None)
            if spot in annotations[target.key]:
                other = annotations[target.key][spot].level
                raise AnnotationError(f"slice {target.key} already has this region, at {other}; it can have one")
        except TfspineError as error:
            refused.append(Refusal(POINTS_FILE, str(error), line=point.line))
            continue
        placed[point.place] = target.key, box
        annotations[target.key][spot] = Annotation(box, place.region, place.side, level=place.level)
    labels = tuple(
        AnnotatedSlice(key, sizes[key], tuple(items.values())) for key, items in sorted(annotations.items()) if items
    )
    return PlacedPoints(labels, placed, tuple(refused))


def point_box(point_mm: Sequence[float], geometry: SliceGeometry, *, height_mm: float, width_mm: float) -> Box:
    """Return the box of that size in mm around a patient position [3] dropped onto a slice, clipped to the image.

    Rows and columns are converted each with its own spacing.

    Raises:
        AnnotationError: the position is outside the image.
    """
    row, column = patient_to_pixel(geometry, point_mm) + 0.5
    rows, columns = geometry.size_px
    if not (-EDGE_PX <= row <= rows + EDGE_PX and -EDGE_PX <= column <= columns + EDGE_PX):
        raise AnnotationError(f"row {row:.1f}, column {column:.1f} lies outside the image of {rows} x {columns}")
    half = np.array([height_mm, width_mm]) / np.array(geometry.spacing_mm) / 2
    centre = np.array([row, column])
    ymin, xmin, ymax, xmax = boxes.clip(np.concatenate([centre - half, centre + half]), geometry.size_px)
    return float(ymin), float(xmin), float(ymax), float(xmax)


def _unseen_studies(tables: RsnaTables, by_study: Mapping[str, Sequence[IngestedSlice]]) -> list[Refusal]:
    studies = dict.fromkeys(place.study_id for place in tables.grades)
    return [
        Refusal(GRADES_FILE, f"study {study} is not among the slices; see refused.csv of ingest")
        for study in studies
        if pseudonym(study) not in by_study
    ]


def _place(
    point: Point,
    targets: Sequence[IngestedSlice],
    picture_of: Callable[[Point], PointPicture],
    box_mm: Mapping[Region, tuple[float, float]],
) -> tuple[IngestedSlice, Box]:
    if not targets:
        raise AnnotationError("its study is not among the slices; see refused.csv of ingest")
    picture = picture_of(point)
    rows, columns = picture.geometry.size_px
    if not (-EDGE_PX <= point.y_px <= rows + EDGE_PX and -EDGE_PX <= point.x_px <= columns + EDGE_PX):
        raise AnnotationError(f"x {point.x_px:g}, y {point.y_px:g} lies outside the picture of {columns} x {rows}")
    point_mm = pixel_to_patient(picture.geometry, [point.y_px - 0.5, point.x_px - 0.5])
    region = point.place.region
    same = [target for target in targets if target.sop_instance_uid == picture.sop_instance_uid]
    if region is Region.CENTRAL_CANAL:
        target = _nearest_axial(targets, picture, point_mm.tolist())
    elif same:
        target = same[0]
    else:
        raise AnnotationError(f"picture {point.file} is not among the slices: ingest took another series")
    if target.plane is not region.plane:
        raise AnnotationError(f"{region} on a slice that lies {target.plane}; expected {region.plane}")
    height_mm, width_mm = box_mm[region]
    return target, point_box(point_mm.tolist(), target.geometry, height_mm=height_mm, width_mm=width_mm)


def _nearest_axial(targets: Sequence[IngestedSlice], picture: PointPicture, point_mm: Sequence[float]) -> IngestedSlice:
    axial = [target for target in targets if target.plane is Plane.AXIAL]
    if not axial:
        raise AnnotationError("no axial slice among the slices")
    distances_mm = [abs(float(distance_to_slice_mm(target.geometry, point_mm))) for target in axial]
    nearest = int(np.argmin(distances_mm))
    if distances_mm[nearest] > CANAL_REACH_MM:
        raise AnnotationError(
            f"nearest axial slice passes {distances_mm[nearest]:.1f} mm away; expected at most {CANAL_REACH_MM:g}"
        )
    frames = {picture.frame_of_reference_uid, axial[nearest].frame_of_reference_uid} - {""}
    if len(frames) > 1:
        raise AnnotationError(
            "sagittal and axial series have different frames of reference; positions cannot be compared"
        )
    return axial[nearest]
