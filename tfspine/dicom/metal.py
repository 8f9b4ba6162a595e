"""Signs of spinal instrumentation in the written slices of one study: a hint for a human reader, not a diagnosis.

Metal causes a signal void larger than itself, and the displaced signal piles up beside the void, brighter than any
tissue (Hargreaves 2011, AJR 197:547). Air and gas are as dark but have no bright rim; cortical bone is thin; vessels
with fast flow lie in front of the spine, outside the region that is searched. A finding in both series, axial T2w and
sagittal T1w, is very unlikely to be any of these.

Small implants, such as a single titanium clip, are not found, nor is anything outside the slices.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfspine.geometry import pixel_to_patient
from tfspine.labels import Plane
from tfspine.structures import SliceImage

BESIDE_MM = 32.0
BEFORE_MM = 20.0
BEHIND_MM = 45.0
"""The region that is searched, around the centre of the axial slices: technologists centre them on the back of the
discs, within about 10 mm. It contains the vertebrae, where screws are, and the posterior elements, but no aorta."""

DARKEST = 14
"""Grey value, of 255, below which a pixel counts as void: muscle in T2, the darkest thick tissue, has about 25."""

SMOOTHING_MM = 0.6
"""Standard deviation of a blur that prevents noise from filling holes."""

LEAST_AREA_MM2 = 25.0
LEAST_RADIUS_MM = 1.8
"""Radius of the largest circle within a hole; more than 3 for a screw of 5 to 7 mm, 1 or 2 for cortical bone."""

RIM_MM = 5.0
RIM_GREY = 235.0
RIM_PERCENTILE = 95.0
"""Within `RIM_MM` of a hole, the brightest twentieth of the pixels has at least this grey value. Fat in slices without
metal stays below 200, except next to the coil."""


def metal_ml(slices: Sequence[SliceImage]) -> float | None:
    """Return the volume of holes with a bright rim near the spine, in millilitres: the smaller value of the two planes.

    The volume of a hole is its area times the distance between slices, which includes the gap between them.

    Args:
        slices: both planes of one study.

    Returns:
        The volume, 0 if there are no holes, or None if a plane is missing.
    """
    axial = [slice_ for slice_ in slices if slice_.plane is Plane.AXIAL]
    sagittal = [slice_ for slice_ in slices if slice_.plane is Plane.SAGITTAL]
    if not axial or not sagittal:
        return None
    middles_mm = np.array(sorted((slice_.geometry.centre_mm for slice_ in axial), key=lambda middle: middle[2]))
    volumes = []
    for plane in (axial, sagittal):
        areas = [sum(_hole_areas_mm2(slice_, middles_mm)) for slice_ in plane]
        volumes.append(sum(areas) * _distance_mm(plane) / 1000.0)
    return float(min(volumes))


def _hole_areas_mm2(slice_: SliceImage, middles_mm: NDArray[np.float64]) -> Iterator[float]:
    """Yield the area of each hole of one slice that looks like metal and lies mostly where metal is searched.

    Args:
        slice_: a slice of either plane.
        middles_mm: the centres of the axial slices, float64 [N, 3], from the feet to the head.
    """
    spacing_mm = slice_.geometry.spacing_mm
    pixels = slice_.pixels.astype(np.float32)
    dark = ndimage.gaussian_filter(pixels, [SMOOTHING_MM / step for step in spacing_mm]) < DARKEST
    holes, _ = ndimage.label(dark)
    near = _near_spine(slice_, middles_mm)
    margin = [int(np.ceil(RIM_MM / step)) for step in spacing_mm]
    for number, box in enumerate(ndimage.find_objects(holes), start=1):
        area_mm2 = float(np.count_nonzero(holes[box] == number) * np.prod(spacing_mm))
        if area_mm2 < LEAST_AREA_MM2:
            continue
        around = tuple(
            slice(max(side.start - more, 0), side.stop + more) for side, more in zip(box, margin, strict=True)
        )
        hole = holes[around] == number
        is_near = 2 * np.count_nonzero(hole & near[around]) >= np.count_nonzero(hole)
        if is_near and _radius_mm(hole, spacing_mm) >= LEAST_RADIUS_MM and _has_rim(hole, pixels[around], spacing_mm):
            yield area_mm2


def _near_spine(slice_: SliceImage, middles_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    indices = np.moveaxis(np.indices(slice_.pixels.shape), 0, -1)
    x, y, z = np.moveaxis(pixel_to_patient(slice_.geometry, indices), -1, 0)
    left_mm, back_mm = (value - np.interp(z, middles_mm[:, 2], middles_mm[:, axis]) for axis, value in ((0, x), (1, y)))
    return np.asarray((np.abs(left_mm) < BESIDE_MM) & (back_mm > -BEFORE_MM) & (back_mm < BEHIND_MM))


def _radius_mm(hole: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> float:
    inside = ndimage.distance_transform_edt(np.pad(hole, 1), sampling=spacing_mm)
    return float(np.max(inside))


def _has_rim(hole: NDArray[np.bool_], pixels: NDArray[np.float32], spacing_mm: tuple[float, float]) -> bool:
    outside_mm = ndimage.distance_transform_edt(~hole, sampling=spacing_mm)
    rim = pixels[(outside_mm > 0) & (outside_mm <= RIM_MM)]
    return bool(len(rim) and np.percentile(rim, RIM_PERCENTILE) >= RIM_GREY)


def _distance_mm(slices: Sequence[SliceImage]) -> float:
    """Return the median distance between neighbouring slices of a plane, along their normals."""
    positions = [float(slice_.geometry.centre_mm @ slice_.geometry.normal) for slice_ in slices]
    steps = np.abs(np.diff(positions))
    return float(np.median(steps)) if len(steps) else 0.0
