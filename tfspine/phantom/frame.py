"""Coordinates that follow the spine's curve.

The spine lies in one sagittal plane. Each disc is a plane through its centre; between two disc planes a point is
placed by its distances to both, which bends the coordinates like the leaves of a fan. A point's place is

- `disc`: index of the nearest disc plane, from head to feet;
- `d_mm`: distance to that plane, growing to the feet;
- `u_mm`: distance from the midline, growing to the patient's left;
- `v_mm`: distance behind the line through the centres of the bodies.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ITERATIONS = 12


@dataclass(frozen=True)
class SpineFrame:
    """Disc planes of one patient, from head to feet.

    `centres_yz_mm` is float64 [discs, 2] (y, z) in patient coordinates; `tilts_rad` float64 [discs], the rise of
    the plane towards the back; `midline_x_mm` the x of the plane in which the spine lies.
    """

    centres_yz_mm: NDArray[np.float64]
    tilts_rad: NDArray[np.float64]
    midline_x_mm: float


@dataclass(frozen=True)
class Place:
    """Places of points: four arrays of one shape, `disc` intp, the rest float32 in mm."""

    disc: NDArray[np.intp]
    d_mm: NDArray[np.float32]
    u_mm: NDArray[np.float32]
    v_mm: NDArray[np.float32]


def backwards(frame: SpineFrame, disc: int) -> NDArray[np.float64]:
    """Return the unit vector (x, y, z) that points to the back within a disc's plane."""
    tilt = frame.tilts_rad[disc]
    return np.array([0.0, np.cos(tilt), np.sin(tilt)])


def footwards(frame: SpineFrame, disc: int) -> NDArray[np.float64]:
    """Return the unit vector (x, y, z) at right angles to a disc's plane, to the feet."""
    tilt = frame.tilts_rad[disc]
    return np.array([0.0, np.sin(tilt), -np.cos(tilt)])


def centre_mm(frame: SpineFrame, disc: int) -> NDArray[np.float64]:
    """Return the patient position (x, y, z) of a disc's centre."""
    return np.array([frame.midline_x_mm, *frame.centres_yz_mm[disc]])


def locate(frame: SpineFrame, points_mm: NDArray[np.float32]) -> Place:
    """Return the places of patient positions, float32 [N, 3]."""
    y, z = points_mm[:, 1], points_mm[:, 2]
    sine, cosine = np.sin(frame.tilts_rad).astype(np.float32), np.cos(frame.tilts_rad).astype(np.float32)
    along = (frame.centres_yz_mm[:, 0] * sine - frame.centres_yz_mm[:, 1] * cosine).astype(np.float32)
    back = (frame.centres_yz_mm[:, 0] * cosine + frame.centres_yz_mm[:, 1] * sine).astype(np.float32)
    distances = np.stack([y * s - z * c - a for s, c, a in zip(sine, cosine, along, strict=True)])
    disc = np.argmin(np.abs(distances), axis=0)
    d = np.take_along_axis(distances, disc[None], axis=0)[0]
    other = np.clip(disc + np.where(d > 0, 1, -1), 0, len(sine) - 1)
    d_other = np.take_along_axis(distances, other[None], axis=0)[0]
    share = np.abs(d) / np.maximum(np.abs(d) + np.abs(d_other), np.float32(1.0))
    v_here = y * cosine[disc] + z * sine[disc] - back[disc]
    v_other = y * cosine[other] + z * sine[other] - back[other]
    return Place(disc, d, points_mm[:, 0] - np.float32(frame.midline_x_mm), v_here + share * (v_other - v_here))


def to_patient(
    frame: SpineFrame, *, disc: int, d_mm: ArrayLike, u_mm: ArrayLike, v_mm: ArrayLike
) -> NDArray[np.float64]:
    """Return patient positions, float64 [N, 3], of places near one disc; the inverse of `locate`."""
    d, u, v = np.broadcast_arrays(*(np.asarray(value, np.float64).ravel() for value in (d_mm, u_mm, v_mm)))
    origin = centre_mm(frame, disc) + u[:, None] * [1.0, 0.0, 0.0] + d[:, None] * footwards(frame, disc)
    reach = v.copy()
    for _ in range(_ITERATIONS):
        points = origin + reach[:, None] * backwards(frame, disc)
        reach += v - locate(frame, points.astype(np.float32)).v_mm
    return np.asarray(origin + reach[:, None] * backwards(frame, disc))
