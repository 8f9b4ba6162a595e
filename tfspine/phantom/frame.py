"""Coordinates that follow the spine's curve.

Each disc is a plane through its centre, tilted about the patient's left-right axis; between two disc planes a point is
placed by its distances to both, which bends the coordinates like the leaves of a fan. A point's place is

- `disc`: index in `DISCS` of the nearest disc plane, from head to feet;
- `d_mm`: distance to that plane, growing to the feet;
- `u_mm`: distance from the middle of the spine, growing to the patient's left;
- `v_mm`: distance behind the line through the centres of the bodies;
- `vertebra`: index of the disc below the vertebra that holds the point;
- `below_mm`: distance below the plane of the disc above that vertebra;
- `fraction`: the same as a share of the way from disc to disc, 0 to 1.

Skin, muscles and organs do not fan out with the discs. They have `behind_mm`, straight behind the spine's curve, and
`point_mm` in patient coordinates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.labels import LEVELS

DISCS = ("T11-T12", "T12-L1", *LEVELS, "S1-S2", "S2-S3")
"""Every disc in view, those beyond the five that are graded too; the last two are remnants inside the sacrum."""

FIRST_LEVEL = 2
"""Index of L1-L2 in `DISCS`."""

LUMBAR = slice(FIRST_LEVEL, FIRST_LEVEL + len(LEVELS))
"""The graded discs in `DISCS`."""

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
    behind_mm: NDArray[np.float32]

    def take(self, indices: NDArray[np.intp]) -> "Place":
        """Return some of the places."""
        return Place(**{name: values[indices] for name, values in vars(self).items()})


def along(values: NDArray[np.float32], place: Place) -> NDArray[np.float32]:
    """Return a size that is known at every disc, float32 [discs], at places between them, float32 [N]."""
    above, at = np.maximum(place.vertebra - 1, 0), place.vertebra
    return np.asarray(values[above] + place.fraction * (values[at] - values[above]), np.float32)


def backwards(frame: SpineFrame, disc: int) -> NDArray[np.float64]:
    """Return the unit vector (x, y, z) that points to the back within a disc's plane."""
    tilt = frame.tilts_rad[disc]
    return np.array([0.0, np.cos(tilt), np.sin(tilt)])


def footwards(frame: SpineFrame, disc: int) -> NDArray[np.float64]:
    """Return the unit vector (x, y, z) at right angles to a disc's plane, to the feet."""
    tilt = frame.tilts_rad[disc]
    return np.array([0.0, np.sin(tilt), -np.cos(tilt)])


def locate(frame: SpineFrame, points_mm: NDArray[np.float32]) -> Place:
    """Return the places of patient positions, float32 [N, 3]."""
    x, y, z = points_mm.T
    centres = frame.centres_mm.astype(np.float32)
    sine, cosine = np.sin(frame.tilts_rad).astype(np.float32), np.cos(frame.tilts_rad).astype(np.float32)
    depths = centres[:, 1] * sine - centres[:, 2] * cosine
    back = centres[:, 1] * cosine + centres[:, 2] * sine
    distances = np.stack([y * s - z * c - a for s, c, a in zip(sine, cosine, depths, strict=True)])
    disc = np.argmin(np.abs(distances), axis=0)
    d = np.take_along_axis(distances, disc[None], axis=0)[0]
    is_below = d > 0
    other = np.clip(disc + np.where(is_below, 1, -1), 0, len(DISCS) - 1)
    d_other = np.abs(np.take_along_axis(distances, other[None], axis=0)[0])
    share = np.abs(d) / np.maximum(np.abs(d) + d_other, np.float32(1.0))
    v_here = y * cosine[disc] + z * sine[disc] - back[disc]
    v_other = y * cosine[other] + z * sine[other] - back[other]
    middle_x = centres[disc, 0] + share * (centres[other, 0] - centres[disc, 0])
    upwards = centres[::-1]
    return Place(
        point_mm=points_mm,
        disc=disc,
        d_mm=d,
        u_mm=x - middle_x,
        v_mm=v_here + share * (v_other - v_here),
        vertebra=np.where(is_below, other, disc),
        below_mm=np.where(is_below, d, d_other),
        fraction=np.where(is_below, share, 1.0 - share),
        behind_mm=np.asarray(y - np.interp(z, upwards[:, 2], upwards[:, 1]), np.float32),
    )


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
