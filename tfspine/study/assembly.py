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

LEVEL_GAP_MM = 18.0
"""Two levels are further apart than this along z, and a foramen is nearer than this to its own; discs of adults are 30
to 40 mm apart."""

LEVEL_SPREAD_MM = 5.0
"""How far the foramina of one level scatter along z: boxes differ, and the two sides are not quite level."""

DISC_BELOW_FORAMEN_MM = 3.0
"""What shows of a foramen reaches from the lower half of the vertebra past the disc: its middle lies so far above."""

LANDMARK_SHARE = 0.3
"""A level is where the foramina found add up to more than this share of what they do at the clearest level; a stray box
or two do not."""

SURE_SHARE = 0.9
"""Of the boxes of one region those with less than this share of its best score do not grade it: a doubtful box mostly
lies beside the region, on a slice where what it shows looks narrow."""


@dataclass(frozen=True)
class Landmark:
    """One level as the foramina show it: the mean of their centres, in patient mm."""

    level: Level
    centre_mm: NDArray[np.float64]


def assemble(readings: Sequence[SliceReading]) -> tuple[tuple[SliceReading, ...], StudyResult]:
    """Give every detection of one study its level and side, and grade each region from its worst sure box.

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
    """Return the levels from head to feet: the peaks along z of the scores of all foramina, smoothed."""
    found = [
        (item.score, *box_centre_mm(reading.geometry, item.box))
        for reading in readings
        for item in reading.detections
        if item.region is Region.NEURAL_FORAMEN
    ]
    if not found:
        return ()
    scores, centres = np.split(np.array(found), [1], axis=1)
    apart_mm = np.abs(centres[:, 2] - centres[:, 2:])
    density = np.exp(-0.5 * np.square(apart_mm / LEVEL_SPREAD_MM)) @ scores[:, 0]
    least = LANDMARK_SHARE * density.max()
    peaks = []
    while density.max() > least:
        from_peak_mm = apart_mm[np.argmax(density)]
        is_level = from_peak_mm < 2 * LEVEL_SPREAD_MM
        peaks.append(np.average(centres[is_level], axis=0, weights=scores[is_level, 0]))
        density = np.where(from_peak_mm < LEVEL_GAP_MM, 0.0, density)
    from_below = zip(reversed(LEVELS), sorted(peaks, key=lambda centre: float(centre[2])), strict=False)
    return tuple(Landmark(level, centre) for level, centre in reversed(list(from_below)))


def _placed(
    detection: Detection, reading: SliceReading, midline_x_mm: float, landmarks: Sequence[Landmark]
) -> Detection:
    if detection.region is not Region.NEURAL_FORAMEN:
        return replace(detection, level=_level_of_slice(reading, landmarks))
    centre = box_centre_mm(reading.geometry, detection.box)

    def apart_mm(landmark: Landmark) -> float:
        return abs(float(landmark.centre_mm[2] - centre[2]))

    nearest = min(landmarks, key=apart_mm, default=None)
    level = nearest.level if nearest and apart_mm(nearest) < LEVEL_GAP_MM else None
    return replace(detection, side=side_of_patient(float(centre[0]), midline_x_mm), level=level)


def _level_of_slice(reading: SliceReading, landmarks: Sequence[Landmark]) -> Level | None:
    """Return the level whose disc lies nearest to the plane of an axial slice."""
    if not landmarks:
        return None
    discs = [landmark.centre_mm - [0.0, 0.0, DISC_BELOW_FORAMEN_MM] for landmark in landmarks]
    distances = [abs(float(distance_to_slice_mm(reading.geometry, disc))) for disc in discs]
    return landmarks[int(np.argmin(distances))].level


def _worst(readings: Sequence[SliceReading], region: Region, side: Side | None, level: Level) -> RegionResult:
    """Return the row of a region: the worst grade of its sure boxes, and of equal grades the most probable."""
    found = [
        (item, reading.key)
        for reading in readings
        for item in reading.detections
        if (item.region, item.side, item.level) == (region, side, level)
    ]
    if not found:
        return RegionResult(region, side, level, None, None, None, None)
    least = SURE_SHARE * max(item.score for item, _ in found)
    sure = [pair for pair in found if pair[0].score >= least]
    worst, key = max(sure, key=lambda pair: (pair[0].grade, pair[0].probabilities[pair[0].grade]))
    return RegionResult(region, side, level, worst.grade, worst.probabilities[worst.grade], key, worst.box)
