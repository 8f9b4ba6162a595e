"""Whether axial and sagittal series lie in one frame of reference, and how far apart they are.

Positions of two series can be compared where both have the same FrameOfReferenceUID (DICOM PS3.3 C.7.4.1) and the
patient did not move between them. In the axial series the recesses mark the discs (`axial.py`), in the sagittal series
the foramina do. If the patient did not move, the shift that brings the two sets of discs together is zero, apart
from the scatter of the boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry
from tfspine.labels import Plane
from tfspine.structures import SliceReading
from tfspine.study.axial import AxialView
from tfspine.study.spine_curve import SpineCurve, behind_curve_mm, off_midline_mm, stack_middle_mm

CANAL_BEHIND_MM = 4.0
"""How far the middle of the canal lies behind that of the foramina."""

DISC_SCATTER_MM = 2.5
UNMATCHED_MM = 10.0
"""How far apart the two series may place the same disc, and the distance from which it counts as another disc."""

MOVED_MM = 10.0
MOVED_FAR_MM = 40.0
"""Standard deviations: of a patient's movement between two series of one frame of reference, if there was any, and of
the distance between series of two frames of reference."""


class _Limits(NamedTuple):
    """How far apart, in mm, the series may seem along the spine, to the side and to the back, and still fit."""

    along: float
    sideways: float
    back: float


BY_RECESSES = _Limits(4.0, 5.0, 6.5)
BY_GROUPS = _Limits(6.5, 5.0, 20.0)
"""Simulated patients who did not move stay within the first limits (3 mm, 2 mm, 4 mm at most). The middle of a group of
slices depends on how the technologist placed it, and boxes of canals without recesses may include the arch behind."""


CLOSE_MM = 3.0
FEWEST_MATCHED = 3
"""For three discs or more: a series that is off by a whole level has a different curve, and its misfit is larger."""

OFF_STACK_MM = 12.0
"""Technologists centre the sagittal stack on the midline to within a few mm; foramina lie 15 mm or more off it."""


@dataclass(frozen=True)
class Alignment:
    """How far the axial series lies from where the sagittal one has the same parts, float64 [3] in patient mm.

    `doubt` says why positions of the two cannot be compared, and is empty where they can. `is_close` says whether the
    discs of both follow the same curve so closely that even a shift by a whole level would be noticed.
    """

    shift_mm: NDArray[np.float64]
    doubt: str
    is_close: bool


def align(
    readings: Sequence[SliceReading],
    view: AxialView,
    *,
    curve: SpineCurve,
    discs_mm: NDArray[np.float64],
    footwards: NDArray[np.float64],
    has_both_sides: bool,
) -> Alignment:
    """Compare the two series of one study.

    Args:
        readings: all slices of the study, for their frames of reference.
        view: what the axial series shows.
        curve: the midline at the foramina.
        discs_mm: the disc of each level at which foramina were found, on the curve, float64 [discs, 3].
        footwards: the unit vector to the feet at each of them, float64 [discs, 3].
        has_both_sides: whether foramina were found on both sides, so that they show the midline without canals.
    """
    if not len(view.canals_mm):
        return Alignment(np.zeros(3), "", is_close=False)
    has_frames_apart = _has_frames_apart(readings)
    backwards = _backwards(footwards)
    canal = np.asarray(discs_mm) + CANAL_BEHIND_MM * backwards
    if len(view.discs_mm):
        shift = _best_shift(view.discs_mm, canal, MOVED_FAR_MM if has_frames_apart else MOVED_MM)
    else:
        shift = np.zeros(3)
    moved = view.canals_mm - shift
    rest = np.array([np.median(off_midline_mm(curve, moved)), np.median(_depth_mm(curve, moved)) - CANAL_BEHIND_MM])
    sideways, back = shift[0] + rest[0], rest[1]
    down = footwards.mean(axis=0)
    along, depth = float(shift @ down), float(shift @ _backwards(down[np.newaxis])[0]) + back
    off_stack = abs(float(np.median(view.canals_mm[:, 0])) - stack_middle_mm(readings))
    limits = BY_RECESSES if view.has_recesses else BY_GROUPS
    doubt = _doubt(_Limits(abs(along), abs(sideways), abs(depth)), limits, has_frames_apart)
    if not doubt and not len(view.discs_mm):
        doubt = "the discs of the axial series cannot be located from that series alone"
    elif not doubt and not has_both_sides and off_stack > OFF_STACK_MM:
        doubt = f"foramina of one side alone were found, and the canals lie {off_stack:.0f} mm off the sagittal stack"
    is_close = abs(along) <= CLOSE_MM and _scatter_mm(view.discs_mm - shift, canal) <= CLOSE_MM
    # Groups of slices show that nothing moved, but their middle is where the technologist placed it, not the disc.
    return Alignment(shift if doubt or view.has_recesses else np.zeros(3), doubt, is_close)


def moved_back(geometry: SliceGeometry, shift_mm: NDArray[np.float64]) -> SliceGeometry:
    """Return a slice's geometry without a shift."""
    x, y, z = np.asarray(geometry.position_mm) - shift_mm
    return replace(geometry, position_mm=(float(x), float(y), float(z)))


def _has_frames_apart(readings: Sequence[SliceReading]) -> bool:
    """Return whether the two planes share no frame of reference, where both planes state theirs."""
    frames = {
        plane: {item.frame_of_reference_uid for item in readings if item.plane is plane} - {""} for plane in Plane
    }
    axial, sagittal = frames[Plane.AXIAL], frames[Plane.SAGITTAL]
    return bool(axial and sagittal) and (axial | sagittal) != (axial & sagittal)


def _best_shift(axial: NDArray[np.float64], sagittal: NDArray[np.float64], usual_mm: float) -> NDArray[np.float64]:
    """Return the shift, float64 [3], that brings most discs together, and of equal ones the smallest."""

    def apart(shift: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm((axial - shift)[:, np.newaxis] - sagittal, axis=2))

    def cost(shift: NDArray[np.float64]) -> float:
        misses = np.minimum(apart(shift).min(axis=1), UNMATCHED_MM) / DISC_SCATTER_MM
        return float(np.square(misses).sum() + np.square(shift / usual_mm).sum())

    tried = [one - other for one in axial for other in sagittal]
    best = min(tried, key=cost)
    for _ in range(3):
        distances = apart(best)
        nearest, is_near = distances.argmin(axis=1), distances.min(axis=1) < UNMATCHED_MM
        better = np.median((axial - sagittal[nearest])[is_near], axis=0)
        best = min((best, better), key=cost)
    return np.asarray(best)


def _scatter_mm(axial: NDArray[np.float64], sagittal: NDArray[np.float64]) -> float:
    """Return how far discs that both series show lie from one another, root mean square; infinite below three."""
    steps = axial[:, np.newaxis] - sagittal
    distances = np.linalg.norm(steps, axis=2)
    pairs = [(index, int(row.argmin())) for index, row in enumerate(distances) if row.min() < UNMATCHED_MM]
    if len(pairs) < FEWEST_MATCHED:
        return np.inf
    matched = np.array([steps[pair] for pair in pairs])
    return float(np.sqrt(np.square(matched - matched.mean(axis=0)).sum(axis=1).mean()))


def _doubt(apart: _Limits, limits: _Limits, has_frames_apart: bool) -> str:
    if has_frames_apart:
        return "the axial and the sagittal series have different frames of reference"
    ways = ("along the spine", "to the side", "to the front or back")
    parts = [f"{mm:.0f} mm {way}" for mm, limit, way in zip(apart, limits, ways, strict=True) if mm > limit]
    if not parts:
        return ""
    by = " and ".join(parts)
    return f"the axial series is {by} off the sagittal one: the patient moved between them, or a level was miscounted"


def _depth_mm(curve: SpineCurve, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far behind the curve places lie, negative before it, float64 [N]."""
    steps = behind_curve_mm(curve, points_mm)
    return np.asarray(np.linalg.norm(steps, axis=1) * np.sign(steps[:, 1]))


def _backwards(footwards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vectors to the back, float64 [N, 3], at right angles to those to the feet."""
    back = np.stack([np.zeros(len(footwards)), -footwards[:, 2], footwards[:, 1]], axis=1)
    return np.asarray(back / np.linalg.norm(back, axis=1, keepdims=True))
