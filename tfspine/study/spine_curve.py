"""The course of one spine through its study: where the midline runs, and how far along it a place lies.

The midline may bend to either side (scoliosis), lean as a whole (the patient lies obliquely) and curve from front to
back (lordosis): x and y are smooth functions of z, fitted to the canals and foramina found. A place belongs to the
nearest point of that curve, so that the two foramina of a vertebra that leans with the spine lie equally far along;
where vertebrae stay level although the midline bends, x is ignored. Patient coordinates in mm (`geometry.py`);
positions along the curve increase towards the feet.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry, box_centre_mm, distance_to_slice_mm, stack_middle_x_mm
from tfspine.labels import LEVELS, Plane, Region
from tfspine.structures import SliceReading
from tfspine.study.ranks import weights_by_rank

OFF_MIDLINE_MM = 19.5
"""Distance of a foramen's middle from the midline: 14 mm, half the canal's width with the pedicle's edge (Cook &
Baker 2021, Int J Spine Surg 15:1072-1081), and half of a foramen's length."""

BETWEEN_FORAMINA_MM = 6.0
"""The canal lies nearer to the midline than this: a box there is not a foramen, and not a landmark."""

SCALE_MM = 75.0
"""Half the length of a lumbar spine: over it a leaning midline moves by `LEAN_MM` and a bent one by `BEND_MM`."""

STACK_STRAY_MM = 15.0
LEAN_MM = 15.0
BEND_MM = 15.0
CURVE_MM = 30.0
"""Standard deviations of the midline's distance from the middle of the sagittal stack, of its lean, of its bend
sideways and of the lordosis; wide, so that what was found decides."""

SPREAD_MM = 4.0
OUTLIER_MM = 12.0
"""How far canals and foramina scatter around their place, and the distance above which a box's cost is constant."""

FORAMEN_WIDTH_MM = 14.0
"""How far a foramen reaches from its inner to its outer opening, and on how many sagittal slices it shows: about a
pedicle's width, 8.7 mm at L1 to 18 mm at L5 (Zindrick 1987, Spine 12:160-166)."""

LEAST_OF_A_SIDE = 0.2
"""With less than this share of what was found on one side, the other side alone does not show the midline."""

_STARTS = (-1.5, -0.75, 0.0, 0.75, 1.5)
_ITERATIONS = 6
_BEYOND_MM = 150.0
_STEP_MM = 1.0

STRAIGHT_DOWN = np.array([0.0, 0.0, -1.0])
"""The direction to the feet where only one level was found."""


@dataclass(frozen=True)
class Spots:
    """Where boxes lie, how much they count, and how tall they are.

    `centres_mm` is float64 [N, 3] in patient mm, `weights` float64 [N] in 0 to 1, `heights_mm` float64 [N].
    """

    centres_mm: NDArray[np.float64]
    weights: NDArray[np.float64]
    heights_mm: NDArray[np.float64]


_NO_SPOTS = Spots(np.zeros((0, 3)), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class SpineCurve:
    """The midline at the depth of the foramina: points float64 [M, 3] from head to feet, and how far along each lies.

    `is_leaning` is whether vertebrae lean to the side with it.
    """

    points_mm: NDArray[np.float64]
    along_mm: NDArray[np.float64]
    is_leaning: bool = True


def spots_of(readings: Sequence[SliceReading], region: Region) -> Spots:
    """Return the boxes of one region that count as found; weights follow from the order of the scores (`ranks.py`)."""
    found = [
        (
            *box_centre_mm(reading.geometry, item.box),
            item.score,
            (item.box[2] - item.box[0]) * reading.geometry.spacing_mm[0],
        )
        for reading in readings
        for item in reading.detections
        if item.region is region and item.is_counted
    ]
    table = np.array(found, np.float64).reshape(-1, 5)
    weights = weights_by_rank(table[:, 3], expected=_expected_boxes(readings, region))
    return Spots(table[:, :3], weights, table[:, 4])


def fit_curve(readings: Sequence[SliceReading]) -> SpineCurve:
    """Return the course of the spine of one study, straight where nothing was found.

    The midline lies between two rows of foramina; canals, which another series shows, are then not needed and are left
    out, so that a patient who moved between the series changes no side. With one row canals are used too.
    """
    canals, foramina = spots_of(readings, Region.CENTRAL_CANAL), spots_of(readings, Region.NEURAL_FORAMEN)
    of_stack = stack_middle_mm(readings)
    alone, middle = _fit_across(_NO_SPOTS, foramina, of_stack)
    if _has_both_sides(foramina, alone, middle):
        canals = _NO_SPOTS
        across = alone
    else:
        expected = float(np.median(canals.centres_mm[:, 0])) if len(canals.weights) else of_stack
        across, middle = _fit_across(canals, foramina, expected)
    # Boxes near the midline, mostly false, lie behind the foramina: they must not bend the curve.
    is_off = np.abs(foramina.centres_mm[:, 0] - _at(across, foramina.centres_mm[:, 2], middle)) > BETWEEN_FORAMINA_MM
    beside = Spots(foramina.centres_mm[is_off], foramina.weights[is_off], foramina.heights_mm[is_off])
    depth = _fit_depth(beside, canals, middle)
    return _curve(across, depth, middle, _heights_mm(canals, foramina))


def _curve(
    across: NDArray[np.float64], depth: NDArray[np.float64], middle: float, heights_mm: tuple[float, float]
) -> SpineCurve:
    """Return the curve of two parabolas between two heights; beyond them, where they diverge, it continues straight."""
    low, high = heights_mm
    inner = np.linspace(high, low, max(2, int(high - low) + 1))
    x, y = _at(across, inner, middle), _at(depth, inner, middle)
    steps = np.arange(_STEP_MM, _BEYOND_MM, _STEP_MM)
    slope_high, slope_low = (
        np.array([_slope(across, end, middle), _slope(depth, end, middle), 1.0]) for end in (high, low)
    )
    points = np.concatenate(
        [
            np.array([x[0], y[0], high]) + steps[::-1, np.newaxis] * slope_high,
            np.stack([x, y, inner], axis=1),
            np.array([x[-1], y[-1], low]) - steps[:, np.newaxis] * slope_low,
        ]
    )
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return SpineCurve(points, np.concatenate([[0.0], np.cumsum(lengths)]))


def along_mm(curve: SpineCurve, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far along the curve places [N, 3] lie, float64 [N], increasing towards the feet."""
    return np.asarray(curve.along_mm[_nearest(curve, points_mm)])


def off_midline_mm(curve: SpineCurve, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far to the patient's left of the midline places [N, 3] lie, float64 [N]."""
    nearest = _nearest(curve, points_mm)
    return np.asarray((points_mm - curve.points_mm[nearest])[:, 0])


def behind_curve_mm(curve: SpineCurve, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vectors, float64 [N, 3], from the curve to places [N, 3], without their component to the side."""
    nearest = _nearest(curve, points_mm)
    last = len(curve.points_mm) - 1
    feet = curve.points_mm[np.minimum(nearest + 1, last)] - curve.points_mm[np.maximum(nearest - 1, 0)]
    back = np.stack([np.zeros(len(feet)), -feet[:, 2], feet[:, 1]], axis=1)
    back /= np.linalg.norm(back, axis=1, keepdims=True)
    depths = ((points_mm - curve.points_mm[nearest]) * back).sum(axis=1, keepdims=True)
    return np.asarray(depths * back)


def place_at_mm(curve: SpineCurve, along: float) -> NDArray[np.float64]:
    """Return the place on the curve, float64 [3], at a distance along it; the inverse of `along_mm`."""
    return np.array([np.interp(along, curve.along_mm, curve.points_mm[:, axis]) for axis in range(3)])


def direction(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector, float64 [3], from one place to another; straight down where the two are equal."""
    step = end - start
    length = float(np.linalg.norm(step))
    return step / length if length > 0 else STRAIGHT_DOWN


def below_slice_mm(geometry: SliceGeometry, place_mm: NDArray[np.float64], footwards: NDArray[np.float64]) -> float:
    """Return how far a place lies below a slice, measured along the spine; infinite where the slice runs along it."""
    across = float(geometry.normal @ footwards)
    return float(distance_to_slice_mm(geometry, place_mm)) / across if abs(across) > 1e-6 else math.inf


def _nearest(curve: SpineCurve, points_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    apart = points_mm[:, np.newaxis] - curve.points_mm
    if not curve.is_leaning:
        apart = apart[..., 1:]
    return np.asarray(np.argmin(np.square(apart).sum(axis=2), axis=1))


def _expected_boxes(readings: Sequence[SliceReading], region: Region) -> int:
    """Return how many boxes of a region a lumbar spine has: a canal per slice, a foramen on each slice through it."""
    geometries = [reading.geometry for reading in readings if reading.plane is region.plane]
    if region is not Region.NEURAL_FORAMEN:
        return max(1, len(geometries) * (2 if region.is_paired else 1))
    places = np.unique(np.round([geometry.centre_mm[0] for geometry in geometries], 1))
    distance_mm = float(np.median(np.diff(places))) if len(places) > 1 else FORAMEN_WIDTH_MM
    return 2 * len(LEVELS) * max(1, math.ceil(FORAMEN_WIDTH_MM / distance_mm))


def stack_middle_mm(readings: Sequence[SliceReading]) -> float:
    """Return x of the middle of the sagittal stack."""
    return stack_middle_x_mm(reading.geometry for reading in readings if reading.plane is Plane.SAGITTAL)


def _heights_mm(canals: Spots, foramina: Spots) -> tuple[float, float]:
    z = np.concatenate([canals.centres_mm[:, 2], foramina.centres_mm[:, 2]])
    return (float(z.min()), float(z.max())) if len(z) else (0.0, 0.0)


def _has_both_sides(foramina: Spots, course: NDArray[np.float64], middle_mm: float) -> bool:
    is_left = foramina.centres_mm[:, 0] > _at(course, foramina.centres_mm[:, 2], middle_mm)
    left, both = float(foramina.weights[is_left].sum()), float(foramina.weights.sum())
    return both > 0 and LEAST_OF_A_SIDE * both <= left <= (1 - LEAST_OF_A_SIDE) * both


def _fit_across(canals: Spots, foramina: Spots, expected_x_mm: float) -> tuple[NDArray[np.float64], float]:
    """Return the parabola x(z) through the canals, with foramina at their distance on either side.

    The side of each foramen is not known before the midline is: many courses are tried, and the best is refined.
    The second value is the height from which z is counted.
    """
    middle_mm = sum(_heights_mm(canals, foramina)) / 2
    prior = np.array([expected_x_mm, 0.0, 0.0])
    deviation = np.array([STACK_STRAY_MM, LEAN_MM, BEND_MM])
    z = np.concatenate([canals.centres_mm[:, 2], foramina.centres_mm[:, 2]])
    x = np.concatenate([canals.centres_mm[:, 0], foramina.centres_mm[:, 0]])
    weights = np.concatenate([canals.weights, foramina.weights])
    off = np.concatenate([np.zeros(len(canals.weights)), np.full(len(foramina.weights), OFF_MIDLINE_MM)])

    def sided(course: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where the midline is, judged from each box by the side on which it lies now."""
        return np.asarray(x - np.where(x > _at(course, z, middle_mm), off, -off))

    def cost(course: NDArray[np.float64]) -> float:
        misses = np.minimum(np.abs(sided(course) - _at(course, z, middle_mm)), OUTLIER_MM)
        strays = np.square((course - prior) / deviation).sum()
        return float(np.square(misses / SPREAD_MM) @ weights + strays)

    starts = (prior + deviation * np.array(factors) for factors in itertools.product(_STARTS, repeat=3))
    best: NDArray[np.float64] = min(starts, key=cost)
    for _ in range(_ITERATIONS):
        best = _parabola(z - middle_mm, sided(best), weights, best, prior=prior, deviation=deviation)
    return best, middle_mm


def _fit_depth(foramina: Spots, canals: Spots, middle_mm: float) -> NDArray[np.float64]:
    """Return the parabola y(z) through the foramina, or through the canals where there are no foramina."""
    used = foramina if len(foramina.weights) else canals
    if not len(used.weights):
        return np.zeros(3)
    prior = np.array([float(np.median(used.centres_mm[:, 1])), 0.0, 0.0])
    best = prior
    for _ in range(_ITERATIONS):
        best = _parabola(
            used.centres_mm[:, 2] - middle_mm, used.centres_mm[:, 1], used.weights, best,
            prior=prior, deviation=np.full(3, CURVE_MM),
        )  # fmt: skip
    return best


def _parabola(
    z_mm: NDArray[np.float64],
    values_mm: NDArray[np.float64],
    weights: NDArray[np.float64],
    former: NDArray[np.float64],
    *,
    prior: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the least-squares parabola; boxes count by weight, and less the further they lie from the previous one."""
    powers = np.vander(z_mm / SCALE_MM, 3, increasing=True)
    misses = (values_mm - powers @ former) / OUTLIER_MM
    factors = np.sqrt(weights / (1.0 + np.square(misses))) / SPREAD_MM
    rows = np.concatenate([powers * factors[:, np.newaxis], np.diag(1.0 / deviation)])
    wanted = np.concatenate([values_mm * factors, prior / deviation])
    return np.asarray(np.linalg.lstsq(rows, wanted, rcond=None)[0])


def _at(course: NDArray[np.float64], z_mm: NDArray[np.float64], middle_mm: float) -> NDArray[np.float64]:
    return np.asarray(np.vander((z_mm - middle_mm) / SCALE_MM, 3, increasing=True) @ course)


def _slope(course: NDArray[np.float64], z_mm: float, middle_mm: float) -> float:
    return float(course[1] + 2.0 * course[2] * (z_mm - middle_mm) / SCALE_MM) / SCALE_MM
