"""Coordinates that follow the spine's curve.

Each disc is a plane through its centre, tilted about the patient's left-right axis. Between two disc planes the
coordinates of a point depend on its distances to both planes, which fans them out. The place of a point is

- `disc`: index in `DISCS` of the nearest disc plane, from head to feet;
- `d_mm`: distance to that plane, increasing towards the feet;
- `u_mm`: distance from the middle of the spine, increasing towards the patient's left;
- `v_mm`: distance behind the line through the centres of the bodies;
- `vertebra`: index of the disc below the vertebra that holds the point;
- `below_mm`: distance below the plane of the disc above that vertebra;
- `fraction`: the same as a share of the distance from disc to disc, 0 to 1.

Skin, muscles and organs do not fan out with the discs. They use `point_mm`, in patient coordinates, and its distance
straight behind the spine's curve (`behind_mm`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.labels import LEVELS

DISCS = ("T11-T12", "T12-L1", *LEVELS, "S1-S2", "S2-S3")
"""Every disc in view, including those that are not graded; the last two are remnants inside the sacrum."""

FIRST_LEVEL = 2
"""Index of L1-L2 in `DISCS`."""

LUMBAR = slice(FIRST_LEVEL, FIRST_LEVEL + len(LEVELS))
"""The graded discs in `DISCS`."""

_BLOCK = 8192
"""Number of points located at once."""

_FEW = 256
"""Fewer points than this are compared with every disc, because preselecting near discs would take longer."""

_SLACK_MM = 0.05
"""Much larger than the error of rounding a distance to float32."""

_ITERATIONS = 12
_CLOSE_MM = 1e-3


@dataclass(frozen=True)
class SpineFrame:
    """Disc planes of one patient, from head to feet.

    `centres_mm` is float64 [discs, 3] in patient coordinates; `tilts_rad` float64 [discs], the rise of each plane
    towards the back.
    """

    centres_mm: NDArray[np.float64]
    tilts_rad: NDArray[np.float64]

    @cached_property
    def planes(self) -> "_Planes":
        """The disc planes as `locate` needs them."""
        return _Planes.of(self)


@dataclass(frozen=True)
class Place:
    """Places of points: arrays of one length, `disc` and `vertebra` intp, the rest float32."""

    point_mm: NDArray[np.float32]
    disc: NDArray[np.intp]
    d_mm: NDArray[np.float32]
    u_mm: NDArray[np.float32]
    v_mm: NDArray[np.float32]
    vertebra: NDArray[np.intp]
    below_mm: NDArray[np.float32]
    fraction: NDArray[np.float32]

    def take(self, indices: NDArray[np.intp]) -> "Place":
        """Return some of the places."""
        return Place(**{name: values.take(indices, axis=0, mode="clip") for name, values in vars(self).items()})


def along(values: NDArray[np.float32], place: Place) -> NDArray[np.float32]:
    """Interpolate a size given at every disc, float32 [discs], at places between discs, float32 [N]."""
    above = values[np.maximum(np.arange(len(values)) - 1, 0)]
    steps = values - above
    return np.asarray(
        above.take(place.vertebra, mode="clip") + place.fraction * steps.take(place.vertebra, mode="clip"), np.float32
    )


def behind_mm(frame: SpineFrame, points_mm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far patient positions, float32 [N, 3], lie straight behind the spine's curve, float32 [N]."""
    upwards = frame.centres_mm.astype(np.float32)[::-1]
    return np.asarray(points_mm[:, 1] - np.interp(points_mm[:, 2], upwards[:, 2], upwards[:, 1]), np.float32)


def backwards(frame: SpineFrame, disc: int) -> NDArray[np.float64]:
    """Return the unit vector (x, y, z) that points to the back within a disc's plane."""
    tilt = frame.tilts_rad[disc]
    return np.array([0.0, np.cos(tilt), np.sin(tilt)])


def footwards(frame: SpineFrame, disc: int) -> NDArray[np.float64]:
    """Return the unit vector (x, y, z) perpendicular to a disc's plane, towards the feet."""
    tilt = frame.tilts_rad[disc]
    return np.array([0.0, np.sin(tilt), -np.cos(tilt)])


def locate(frame: SpineFrame, points_mm: NDArray[np.float32]) -> Place:
    """Return the places of patient positions, float32 [N, 3]."""
    place = _empty_place(points_mm)
    for start in range(0, len(points_mm), _BLOCK):
        _locate_block(frame.planes, place, slice(start, start + _BLOCK))
    return place


@dataclass(frozen=True)
class _Planes:
    """The disc planes as numbers, float32 [discs].

    `depth_mm` and `back_mm` are the positions of the centre along each plane's normal and along its direction to the
    back; `centre_x_mm` is its position from right to left.
    """

    sine: NDArray[np.float32]
    cosine: NDArray[np.float32]
    depth_mm: NDArray[np.float32]
    back_mm: NDArray[np.float32]
    centre_x_mm: NDArray[np.float32]

    @classmethod
    def of(cls, frame: SpineFrame) -> "_Planes":
        centres = frame.centres_mm.astype(np.float32)
        sine, cosine = np.sin(frame.tilts_rad).astype(np.float32), np.cos(frame.tilts_rad).astype(np.float32)
        return cls(
            sine,
            cosine,
            depth_mm=centres[:, 1] * sine - centres[:, 2] * cosine,
            back_mm=centres[:, 1] * cosine + centres[:, 2] * sine,
            centre_x_mm=centres[:, 0],
        )

    def distance_mm(self, disc: int, y: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how far points lie below one plane."""
        return np.asarray(y * self.sine[disc] - z * self.cosine[disc] - self.depth_mm[disc], np.float32)

    def may_be_nearest(self, y: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return the discs that may be nearest to any of the points, from head to feet; some may be superfluous.

        The points are replaced by their bounding rectangle, along the plane nearest to its middle.
        """
        middle_y, middle_z = float(y.min() + y.max()) / 2, float(z.min() + z.max()) / 2
        base = int(np.argmin(np.abs(middle_y * self.sine - middle_z * self.cosine - self.depth_mm)))
        sine, cosine = float(self.sine[base]), float(self.cosine[base])
        across, along_ = y * self.sine[base] - z * self.cosine[base], y * self.cosine[base] + z * self.sine[base]
        corners = [(a, b) for a in (across.min(), across.max()) for b in (along_.min(), along_.max())]
        corner_y = np.array([a * sine + b * cosine for a, b in corners], np.float64)
        corner_z = np.array([b * sine - a * cosine for a, b in corners], np.float64)
        distances = corner_y[:, np.newaxis] * self.sine - corner_z[:, np.newaxis] * self.cosine - self.depth_mm
        low, high = distances.min(axis=0), distances.max(axis=0)
        nearest = np.where((low < 0) & (high > 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
        furthest = np.maximum(np.abs(low), np.abs(high))
        return np.flatnonzero(nearest <= furthest.min() + _SLACK_MM)


def _empty_place(points_mm: NDArray[np.float32]) -> Place:
    length = len(points_mm)
    disc, vertebra = (np.empty(length, np.intp) for _ in range(2))
    d, u, v, below, fraction = (np.empty(length, np.float32) for _ in range(5))
    return Place(points_mm, disc, d, u, v, vertebra, below, fraction)


def _locate_block(planes: _Planes, place: Place, block: slice) -> None:
    """Compute the places of a block of points, small enough for the processor's cache and near only a few discs."""
    x, y, z = np.ascontiguousarray(place.point_mm[block].T)
    disc, d = _nearest(planes, y, z)
    is_below = d > 0
    other = np.clip(disc + 2 * is_below - 1, 0, len(DISCS) - 1)
    off = np.abs(d)
    d_other = np.abs(y * _of(planes.sine, other) - z * _of(planes.cosine, other) - _of(planes.depth_mm, other))
    share = off / np.maximum(off + d_other, np.float32(1.0))
    v_here = y * _of(planes.cosine, disc) + z * _of(planes.sine, disc) - _of(planes.back_mm, disc)
    v_other = y * _of(planes.cosine, other) + z * _of(planes.sine, other) - _of(planes.back_mm, other)
    x_here = _of(planes.centre_x_mm, disc)
    middle_x = x_here + share * (_of(planes.centre_x_mm, other) - x_here)
    place.disc[block], place.d_mm[block] = disc, d
    place.u_mm[block] = x - middle_x
    place.v_mm[block] = v_here + share * (v_other - v_here)
    place.vertebra[block] = np.where(is_below, other, disc)
    place.below_mm[block] = np.where(is_below, d, d_other)
    place.fraction[block] = np.where(is_below, share, 1.0 - share)


def _of(values: NDArray[np.float32], disc: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the value of each disc; the indices are in range, and skipping the range check halves the time."""
    return values.take(disc, mode="clip")


def _nearest(
    planes: _Planes, y: NDArray[np.float32], z: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the nearest disc of each point (of two equally near ones the upper) and the distance below its plane."""
    if len(y) < _FEW:
        distances = y * planes.sine[:, None] - z * planes.cosine[:, None] - planes.depth_mm[:, None]
        disc = np.argmin(np.abs(distances), axis=0)
        return disc, distances[disc, np.arange(len(y))]
    first, *others = planes.may_be_nearest(y, z)
    disc, d = np.full(len(y), first, np.intp), planes.distance_mm(first, y, z)
    for candidate in others:
        distance = planes.distance_mm(candidate, y, z)
        is_nearer = np.abs(distance) < np.abs(d)
        np.copyto(disc, candidate, where=is_nearer)
        np.copyto(d, distance, where=is_nearer)
    return disc, d


def to_patient(
    frame: SpineFrame, *, disc: int, d_mm: ArrayLike, u_mm: ArrayLike, v_mm: ArrayLike
) -> NDArray[np.float64]:
    """Return patient positions, float64 [N, 3], of places near one disc; the inverse of `locate`."""
    d, u, v = np.broadcast_arrays(*(np.asarray(value, np.float64).ravel() for value in (d_mm, u_mm, v_mm)))
    origin = frame.centres_mm[disc] + d[:, None] * footwards(frame, disc)
    right, back = u.copy(), v.copy()
    for _ in range(_ITERATIONS):
        points = origin + right[:, None] * [1.0, 0.0, 0.0] + back[:, None] * backwards(frame, disc)
        place = locate(frame, points.astype(np.float32))
        miss = np.stack([u - place.u_mm, v - place.v_mm])
        right += miss[0]
        back += miss[1]
        if np.abs(miss).max() < _CLOSE_MM:
            break
    return np.asarray(origin + right[:, None] * [1.0, 0.0, 0.0] + back[:, None] * backwards(frame, disc))
