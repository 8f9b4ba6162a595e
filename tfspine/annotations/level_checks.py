"""Check the levels of a study's labels: warnings if the positions of its boxes are impossible in a lumbar spine.

Positions are the z of the boxes' centres, in patient mm, increasing to the head. Lumbar discs lie 27 to 45 mm apart,
and an axial slice belongs to the nearest disc, up to about 22 mm away. The limits allow for tilted slices and curved
spines, and still detect a level that is off by one.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tfspine.formats.slices_csv import SliceRow
from tfspine.geometry import box_centre_mm
from tfspine.labels import LEVELS, Level, Plane
from tfspine.structures import AnnotatedSlice

WIDEST_LEVEL_MM = {Plane.AXIAL: 50.0, Plane.SAGITTAL: 30.0}
"""Boxes of one level that are further apart cannot all be at that level: foramina of both sides lie close together."""

OUT_OF_ORDER_MM = 10.0
"""If a lower level lies this much above a higher one, tilt and curvature cannot be the reason."""

LEAST_GAP_MM, LARGEST_GAP_MM = 18.0, 60.0
"""Distance from one level to the next, between the means of each level's boxes."""

MOST_SLICES = 10
"""Axial slices of one disc: half of the distance to its neighbours on either side, in slices of 4 mm."""

PLANES_APART_MM = 20.0
"""Distance of the foramina from the canals and recesses of a level, median over levels: more than half a level."""


@dataclass(frozen=True)
class _Named:
    """A box that names a level: its slice, plane, level, and z in mm."""

    key: str
    plane: Plane
    level: Level
    z_mm: float


def level_warnings(
    annotated: Mapping[str, AnnotatedSlice], slices: Mapping[str, SliceRow]
) -> Iterator[tuple[str, str]]:
    """Yield the slice and what is wrong; for problems of a whole study, one line for each kind and plane.

    Args:
        annotated: the contents of the label files, by slice key.
        slices: facts by slice key.
    """
    of_study: dict[str, list[str]] = defaultdict(list)
    for key in annotated:
        of_study[slices[key].study].append(key)
    for keys in of_study.values():
        boxes = list(_named(keys, annotated, slices))
        yield from _without_level(keys, annotated, len(boxes))
        yield from _on_one_slice(keys, annotated)
        placed = [box for box in boxes if not np.isnan(box.z_mm)]
        if not placed:
            yield from _without_place(boxes)
        for plane in Plane:
            of_plane = [box for box in placed if box.plane is plane]
            yield from _of_plane(of_plane, WIDEST_LEVEL_MM[plane])
        yield from _between_planes(placed)


def _named(
    keys: Sequence[str], annotated: Mapping[str, AnnotatedSlice], slices: Mapping[str, SliceRow]
) -> Iterator[_Named]:
    for key in keys:
        for item in annotated[key].annotations:
            if item.level is not None and item.region.plane is slices[key].plane:
                z_mm = float(box_centre_mm(slices[key].geometry, item.box)[2])
                yield _Named(key, item.region.plane, item.level, z_mm)


def _without_level(
    keys: Sequence[str], annotated: Mapping[str, AnnotatedSlice], named: int
) -> Iterator[tuple[str, str]]:
    """Yield a warning if some boxes have a level and others do not; if none has, levels were left out on purpose."""
    without = [key for key in keys if any(item.level is None for item in annotated[key].annotations)]
    if named and without:
        yield without[0], f"boxes without a level on {len(without)} slices of this study, while others have one"


def _on_one_slice(keys: Sequence[str], annotated: Mapping[str, AnnotatedSlice]) -> Iterator[tuple[str, str]]:
    for key in keys:
        items = annotated[key].annotations
        axial = {item.level for item in items if item.region.plane is Plane.AXIAL and item.level is not None}
        if len(axial) > 1:
            yield key, f"boxes of {' and '.join(sorted(axial))} on one axial slice; it shows one level"
        foramina = [item.level for item in items if item.region.plane is Plane.SAGITTAL and item.level is not None]
        for level in sorted({level for level in foramina if foramina.count(level) > 1}):
            yield key, f"{foramina.count(level)} foramina of {level} on one slice; it shows one of each level"


def _without_place(boxes: Sequence[_Named]) -> Iterator[tuple[str, str]]:
    """Yield a warning if, without positions, all axial slices have one level though they are too many for one disc."""
    axial = [box for box in boxes if box.plane is Plane.AXIAL]
    keys = list(dict.fromkeys(box.key for box in axial))
    if len(keys) > MOST_SLICES and len({box.level for box in axial}) == 1:
        yield keys[0], f"all {len(keys)} axial slices are at {axial[0].level}; name each level"


def _of_plane(boxes: Sequence[_Named], widest_mm: float) -> Iterator[tuple[str, str]]:
    """Yield problems with the order and the distances of levels in one plane."""
    of_level = {level: [box for box in boxes if box.level is level] for level in LEVELS}
    of_level = {level: found for level, found in of_level.items() if found}
    wide = {level: found for level, found in of_level.items() if _extent_mm(found) > widest_mm}
    if len(of_level) == 1 and wide:
        ((level, found),) = wide.items()
        yield (
            found[0].key,
            f"all {len(found)} boxes are at {level}, over {_extent_mm(found):.0f} mm of the spine; name each level",
        )
        return
    for level, found in wide.items():
        top, bottom = max(found, key=lambda box: box.z_mm), min(found, key=lambda box: box.z_mm)
        yield bottom.key, f"{level} is {_extent_mm(found):.0f} mm from {level} on slice {top.key}; one of them is wrong"
    out_of_order = [
        (upper, lower)
        for upper in boxes
        for lower in boxes
        if upper.z_mm > lower.z_mm + OUT_OF_ORDER_MM and LEVELS.index(upper.level) > LEVELS.index(lower.level)
    ]
    if out_of_order:
        upper, lower = max(out_of_order, key=lambda pair: pair[0].z_mm - pair[1].z_mm)
        yield (
            upper.key,
            f"levels are out of order: {upper.level} lies {upper.z_mm - lower.z_mm:.0f} mm above {lower.level} on "
            f"slice {lower.key}",
        )
    elif not wide:
        yield from _gaps(of_level)


def _gaps(of_level: Mapping[Level, Sequence[_Named]]) -> Iterator[tuple[str, str]]:
    """Yield neighbouring named levels that are too close for the levels between them, or too far apart."""
    for (above, upper), (below, lower) in pairwise(of_level.items()):
        steps = LEVELS.index(below) - LEVELS.index(above)
        apart_mm = float(np.mean([box.z_mm for box in upper]) - np.mean([box.z_mm for box in lower]))
        if not LEAST_GAP_MM * steps <= apart_mm <= LARGEST_GAP_MM * steps:
            kind = "near" if apart_mm < LEAST_GAP_MM * steps else "far"
            yield (
                lower[0].key,
                f"{above} and {below} are {apart_mm:.0f} mm apart, too {kind} for {steps} level{'s' * (steps > 1)}",
            )


def _between_planes(boxes: Sequence[_Named]) -> Iterator[tuple[str, str]]:
    """Yield a warning if axial slices name other levels than sagittal ones at the same height."""
    apart_mm = {}
    for level in LEVELS:
        heights = [[box.z_mm for box in boxes if box.level is level and box.plane is plane] for plane in Plane]
        if all(heights):
            apart_mm[level] = abs(float(np.mean(heights[0]) - np.mean(heights[1])))
    if apart_mm and np.median(list(apart_mm.values())) > PLANES_APART_MM:
        level = max(apart_mm, key=lambda each: apart_mm[each])
        key = next(box.key for box in boxes if box.level is level and box.plane is Plane.AXIAL)
        yield (
            key,
            f"axial and sagittal slices disagree on levels: {level} lies {apart_mm[level]:.0f} mm apart in the two",
        )


def _extent_mm(boxes: Sequence[_Named]) -> float:
    heights = [box.z_mm for box in boxes]
    return max(heights) - min(heights)
