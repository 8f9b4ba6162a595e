"""From readings of slices to a study: which level, which side, and one grade for each region.

One sagittal slice does not show the side of a foramen, and one axial slice does not show its level; the geometry of
the whole study does: see `levels.py` and `spine_curve.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tfspine.geometry import box_centre_mm, side_of_patient
from tfspine.grading_box import grading_box
from tfspine.labels import LEVELS, Level, Plane, Region, Side
from tfspine.structures import Detection, RegionResult, SliceLevel, SliceReading, StudyResult
from tfspine.study.landmarks import Landmark
from tfspine.study.levels import StudyLevels, find_levels, landmark_of_place, landmarks_of_slices
from tfspine.study.spine_curve import off_midline_mm


def assemble(readings: Sequence[SliceReading]) -> tuple[tuple[SliceReading, ...], StudyResult]:
    """Give every detection of one study its level and side, and grade each region from its worst certain box.

    Boxes below the model's operating point help to find the levels, but are not findings and grade nothing.

    Args:
        readings: all slices of one study, axial and sagittal.

    Returns:
        The same readings with `side` and `level` filled in, and 25 rows: a canal, two recesses and two foramina at
        each level. `level` stays None where no foramen was found anywhere, and for boxes far from every level; a row
        stays empty where nothing was found. Uncertain levels are filled in too, and marked: their order and their
        findings are known, only the count may be off.
    """
    levels = find_levels(readings)
    axial = [reading for reading in readings if reading.plane is Plane.AXIAL]
    landmarks = landmarks_of_slices([reading.geometry for reading in axial], levels)
    of_slice = {reading.key: landmark for reading, landmark in zip(axial, landmarks, strict=True)}
    placed = tuple(_placed(reading, levels, of_slice) for reading in readings)
    rows = tuple(
        _worst(placed, region, side, level)
        for region in Region
        for level in LEVELS
        for side in ((Side.LEFT, Side.RIGHT) if region.is_paired else (None,))
    )
    slices = tuple(
        SliceLevel(key, landmark.level if landmark else None, bool(landmark and landmark.is_certain))
        for key, landmark in of_slice.items()
    )
    return placed, StudyResult(readings[0].study, rows, levels.doubt, slices)


def _placed(reading: SliceReading, levels: StudyLevels, of_slice: Mapping[str, Landmark | None]) -> SliceReading:
    """Return a reading whose boxes have their side and level."""
    return replace(
        reading,
        detections=tuple(
            _foramen(item, reading, levels)
            if item.region is Region.NEURAL_FORAMEN
            else _at_level(item, of_slice.get(reading.key))
            for item in reading.detections
        ),
    )


def _foramen(detection: Detection, reading: SliceReading, levels: StudyLevels) -> Detection:
    """Return a foramen with its level, and its side from where it lies beside the midline."""
    centre = box_centre_mm(reading.geometry, detection.box)
    off_mm = float(off_midline_mm(levels.curve, centre[np.newaxis])[0])
    return _at_level(replace(detection, side=side_of_patient(off_mm, 0.0)), landmark_of_place(levels, centre))


def _at_level(detection: Detection, landmark: Landmark | None) -> Detection:
    if landmark is None:
        return replace(detection, level=None, is_level_certain=False)
    return replace(detection, level=landmark.level, is_level_certain=landmark.is_certain)


def _worst(readings: Sequence[SliceReading], region: Region, side: Side | None, level: Level) -> RegionResult:
    """Return the row of a region: that of the box that grades it (`grading_box.py`)."""
    found = [
        (item, reading.key)
        for reading in readings
        for item in reading.detections
        if item.is_counted and (item.region, item.side, item.level) == (region, side, level)
    ]
    items = [item for item, _ in found]
    at = grading_box(
        [item.grade for item in items],
        [item.score for item in items],
        [item.probabilities[item.grade] for item in items],
    )
    if at is None:
        return RegionResult(region, side, level, None, None, None, None)
    worst, key = found[at]
    return RegionResult(region, side, level, worst.grade, worst.probabilities[worst.grade], key, worst.box)
