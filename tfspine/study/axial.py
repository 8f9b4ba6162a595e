"""What the axial series shows on its own: where it passes the canal, and where its discs are.

Recesses are open only at the discs and are boxed there, on one or two slices of each level, so that along the canal
they cluster at each disc. Nothing of the sagittal series is used, so that the two can be compared (`alignment.py`).
Where no recess was found, slices planned in groups, one group for each disc, serve instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry, box_centre_mm
from tfspine.labels import LEVELS, Plane, Region
from tfspine.structures import SliceReading
from tfspine.study.ranks import weights_by_rank
from tfspine.study.spine_curve import SpineCurve, along_mm, behind_curve_mm, fit_curve, off_midline_mm, spots_of

CANAL_STRAY_MM = 12.0
"""A box further than this from the course of all canals is not a canal."""

RECESS_OFF_MM = (3.0, 25.0)
RECESS_DEPTH_MM = 20.0
"""A recess lies between these distances beside the middle of the canal on its slice, and at most the third before or
behind it: half of the widest canal (28 mm at L5, Cook & Baker 2021, Int J Spine Surg 15:1072-1081), with a margin."""

RECESS_SHARE = 0.6
"""Recess boxes per slice, in a whole series: 17 on 32 slices in the paper's studies."""

DISC_SPREAD_MM = 4.0
DISC_GAP_MM = 18.0
DISC_SHARE = 0.35
"""The spread of the recesses of one disc along the canal, the least distance between two discs, and the share of the
usual disc's sum of weights below which a peak is not a disc."""

CONCENTRATED = 0.75
"""With less than this share near the peaks recesses do not cluster: if boxed on every slice, half would be near."""

GROUP_GAP = 2.0
"""Slices of one group are closer together than this many times the usual distance between neighbours."""

FEWEST_GROUPS = 3


@dataclass(frozen=True)
class AxialView:
    """The axial series alone, in its own frame of reference.

    `slices` are those that show the canal, and `canals_mm`, float64 [slices, 3], is its middle on each. `discs_mm`,
    float64 [discs, 3] from head to feet, is the canal's middle at each disc; it is empty where discs cannot be found.
    `has_recesses` is whether they were found from recesses.
    """

    slices: tuple[SliceGeometry, ...]
    canals_mm: NDArray[np.float64]
    discs_mm: NDArray[np.float64]
    has_recesses: bool


def view_axial(readings: Sequence[SliceReading]) -> AxialView:
    """Return what the axial slices of one study show; other slices are left out."""
    axial = [reading for reading in readings if reading.plane is Plane.AXIAL]
    course = fit_curve(axial)
    shown = [(reading, middle) for reading in axial if (middle := _canal_mm(reading, course)) is not None]
    canals = np.array([middle for _, middle in shown]).reshape(-1, 3)
    places = along_mm(course, canals) if shown else np.zeros(0)
    weights = _recess_weights(shown)
    discs = _peaks(places, weights, canals)
    has_recesses = bool(len(discs))
    return AxialView(
        slices=tuple(reading.geometry for reading, _ in shown),
        canals_mm=canals,
        discs_mm=discs if has_recesses else _groups(places, canals),
        has_recesses=has_recesses,
    )


def _canal_mm(reading: SliceReading, course: SpineCurve) -> NDArray[np.float64] | None:
    """Return the middle of the canal on a slice: that of the box nearest to the common course of the canals."""
    centres = spots_of([reading], Region.CENTRAL_CANAL).centres_mm
    if not len(centres):
        return None
    stray = np.hypot(off_midline_mm(course, centres), np.linalg.norm(behind_curve_mm(course, centres), axis=1))
    return centres[int(np.argmin(stray))] if stray.min() <= CANAL_STRAY_MM else None


def _recess_weights(shown: Sequence[tuple[SliceReading, NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Return the weight of the recesses beside the canal on each slice, float64 [slices], by the order of scores."""
    scores, owners = [], []
    for index, (reading, canal) in enumerate(shown):
        across, down = (np.asarray(way) for way in (reading.geometry.row_direction, reading.geometry.column_direction))
        for item in reading.detections:
            if item.region is not Region.LATERAL_RECESS or not item.is_counted:
                continue
            step = box_centre_mm(reading.geometry, item.box) - canal
            if RECESS_OFF_MM[0] <= abs(step @ across) <= RECESS_OFF_MM[1] and abs(step @ down) <= RECESS_DEPTH_MM:
                scores.append(item.score)
                owners.append(index)
    weights = np.zeros(len(shown))
    expected = max(1, round(RECESS_SHARE * len(shown)))
    np.add.at(weights, np.array(owners, np.intp), weights_by_rank(scores, expected=expected))
    return weights


def _peaks(
    places: NDArray[np.float64], weights: NDArray[np.float64], canals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the canal's middle at every peak of the smoothed weights, float64 [peaks, 3], from head to feet.

    Empty where recesses lie all along the canal, because then they do not mark the discs.
    """
    is_seen = weights > 0
    places, weights, canals = places[is_seen], weights[is_seen], canals[is_seen]
    density = np.exp(-0.5 * np.square((places - places[:, np.newaxis]) / DISC_SPREAD_MM)) @ weights
    found: list[tuple[float, float, NDArray[np.float64]]] = []
    while density.any():
        peak = float(places[np.argmax(density)])
        near = np.abs(places - peak) < 2 * DISC_SPREAD_MM
        found.append((peak, float(weights[near].sum()), np.average(canals[near], weights=weights[near], axis=0)))
        density = np.where(np.abs(places - peak) < DISC_GAP_MM, 0.0, density)
    if sum(weight for _, weight, _ in found) < CONCENTRATED * weights.sum() or not found:
        return np.zeros((0, 3))
    usual = float(np.median(sorted((weight for _, weight, _ in found), reverse=True)[: len(LEVELS)]))
    ordered = sorted(found, key=lambda item: item[0])
    return np.array([middle for _, weight, middle in ordered if weight >= DISC_SHARE * usual])


def _groups(places: NDArray[np.float64], canals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the canal's middle at every group of slices; empty where slices are not in groups of one disc each."""
    order = np.argsort(places)
    gaps = np.diff(places[order])
    if not len(gaps):
        return np.zeros((0, 3))
    parts = np.split(order, np.flatnonzero(gaps > GROUP_GAP * np.median(gaps)) + 1)
    if len(parts) < FEWEST_GROUPS or any(np.ptp(places[part]) > DISC_GAP_MM for part in parts):
        return np.zeros((0, 3))
    return np.array([canals[part].mean(axis=0) for part in parts])
