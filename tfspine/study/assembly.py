"""From readings of slices to a study: which level, which side, and one grade for each region.

One sagittal slice cannot tell the side of a foramen and one axial slice cannot tell its level; the geometry of the
whole study can. The foramina found in the sagittal series are the landmarks: their rows along the spine are the
levels, counted from the lowest, which is taken for L5-S1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import box_centre_mm, distance_to_slice_mm, side_of_patient
from tfspine.labels import LEVELS, Level, Plane, Region, Side
from tfspine.structures import Detection, RegionResult, SliceReading, StudyResult

LEVEL_GAP_MM = 15.0
"""Foramina further apart than this along z belong to different levels; discs of adults are 30 to 40 mm apart."""

DISC_BELOW_FORAMINA_MM = 5.0
"""A foramen reaches from pedicle to pedicle: its middle lies above the disc, by the lower part of a body."""

LANDMARK_SCORE_SHARE = 0.6
"""Foramina with less than this share of the study's best score say nothing about where the levels are."""


@dataclass(frozen=True)
class Landmark:
    """One level as the foramina show it: the mean of their centres, in patient mm."""

    level: Level
    centre_mm: NDArray[np.float64]


def assemble(readings: Sequence[SliceReading]) -> tuple[tuple[SliceReading, ...], StudyResult]:
    """Give every detection of one study its level and side, and grade each region from its worst slice.

    Args:
        readings: all slices of one study, axial and sagittal.

    Returns:
        The same readings with `side` and `level` filled in, and 25 rows: a canal, two recesses and two foramina at
        each level. `level` stays None where no foramen was found anywhere; a row stays empty where nothing was.
    """
    midline_x_mm = _midline_x_mm(readings)
    landmarks = _landmarks(readings)
    placed = tuple(
        replace(
            reading, detections=tuple(_placed(item, reading, midline_x_mm, landmarks) for item in reading.detections)
        )
        for reading in readings
    )
    rows = tuple(
        _worst(placed, region, side, level)
        for region in Region
        for level in LEVELS
        for side in ((Side.LEFT, Side.RIGHT) if region.is_paired else (None,))
    )
    return placed, StudyResult(readings[0].study, rows)


def _midline_x_mm(readings: Sequence[SliceReading]) -> float:
    """Return x of the patient's midline: the median of the canals found, else the middle of the sagittal stack."""
    canals = [
        box_centre_mm(reading.geometry, item.box)[0]
        for reading in readings
        for item in reading.detections
        if item.region is Region.CENTRAL_CANAL
    ]
    if canals:
        return float(np.median(canals))
    positions = [reading.geometry.centre_mm[0] for reading in readings if reading.plane is Plane.SAGITTAL]
    return float((min(positions) + max(positions)) / 2) if positions else 0.0


def _landmarks(readings: Sequence[SliceReading]) -> tuple[Landmark, ...]:
    """Return the levels from head to feet, clustered from the foramina's z wherever a gap divides them.

    Of the foramina only the surer ones count, because one stray box between two levels would join them.
    """
    found = [
        (item.score, box_centre_mm(reading.geometry, item.box))
        for reading in readings
        for item in reading.detections
        if item.region is Region.NEURAL_FORAMEN
    ]
    threshold = LANDMARK_SCORE_SHARE * max((score for score, _ in found), default=0.0)
    centres = np.array([centre for score, centre in found if score >= threshold]).reshape(-1, 3)
    centres = centres[np.argsort(centres[:, 2])]
    gaps = np.flatnonzero(np.diff(centres[:, 2]) > LEVEL_GAP_MM) + 1
    clusters = [cluster for cluster in np.split(centres, gaps) if len(cluster)]
    from_below = zip(reversed(LEVELS), clusters, strict=False)
    return tuple(Landmark(level, cluster.mean(axis=0)) for level, cluster in reversed(list(from_below)))


def _placed(
    detection: Detection, reading: SliceReading, midline_x_mm: float, landmarks: Sequence[Landmark]
) -> Detection:
    if detection.region is not Region.NEURAL_FORAMEN:
        return replace(detection, level=_level_of_slice(reading, landmarks))
    centre = box_centre_mm(reading.geometry, detection.box)
    nearest = min(landmarks, key=lambda landmark: abs(float(landmark.centre_mm[2] - centre[2])))
    return replace(detection, side=side_of_patient(float(centre[0]), midline_x_mm), level=nearest.level)


def _level_of_slice(reading: SliceReading, landmarks: Sequence[Landmark]) -> Level | None:
    """Return the level whose disc, a little below its foramina, lies nearest to the plane of an axial slice."""
    if not landmarks:
        return None
    discs = [landmark.centre_mm - [0.0, 0.0, DISC_BELOW_FORAMINA_MM] for landmark in landmarks]
    distances = [abs(float(distance_to_slice_mm(reading.geometry, disc))) for disc in discs]
    return landmarks[int(np.argmin(distances))].level


def _worst(readings: Sequence[SliceReading], region: Region, side: Side | None, level: Level) -> RegionResult:
    """Return the row of a region: its worst grade, and of equal grades the most probable."""
    found = [
        (item, reading.key)
        for reading in readings
        for item in reading.detections
        if (item.region, item.side, item.level) == (region, side, level)
    ]
    if not found:
        return RegionResult(region, side, level, None, None, None, None)
    worst, key = max(found, key=lambda pair: (pair[0].grade, pair[0].probabilities[pair[0].grade]))
    return RegionResult(region, side, level, worst.grade, worst.probabilities[worst.grade], key, worst.box)
