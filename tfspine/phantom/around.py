"""Coordinates of the tissues around the spine: across the midline, and straight behind the spine's curve.

Sizes are given at every disc and interpolated linearly between discs, depending only on the height.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfspine.phantom.anatomy import Anatomy
from tfspine.phantom.frame import Place, behind_mm
from tfspine.phantom.shapes import Field

SPINOUS_LENGTH_MM = np.array((24.0, 26.0, 28.0, 30.0, 30.0, 27.0, 18.0, 9.0, 6.0), np.float32)
"""From the canal's back to the tip of the spinous process above each disc."""


@dataclass(frozen=True)
class Around:
    """Coordinates of the surroundings, float32 [N]: `side` is the distance from the midline, `height` the disc index.

    `above` and `fraction` are the integer and fractional parts of `height`; `fascia` is the distance behind the spine
    at which the muscles end.
    """

    point_mm: NDArray[np.float32]
    u: Field
    side: Field
    behind: Field
    height: Field
    above: NDArray[np.intp]
    fraction: Field
    fascia: Field

    def at(self, values: NDArray[np.float32]) -> Field:
        """Return a size, given at every disc, interpolated at these heights."""
        steps = np.diff(values, append=values[-1])
        return np.asarray(
            values.take(self.above, mode="clip") + self.fraction * steps.take(self.above, mode="clip"), np.float32
        )

    def take(self, indices: NDArray[np.intp]) -> "Around":
        """Return some of the places."""
        return Around(**{name: values.take(indices, axis=0, mode="clip") for name, values in vars(self).items()})


def around_of(anatomy: Anatomy, place: Place) -> Around:
    """Return the coordinates of places."""
    heights_mm = -anatomy.frame.centres_mm[:, 2]
    height = np.interp(-place.point_mm[:, 2], heights_mm, np.arange(len(heights_mm))).astype(np.float32)
    above = height.astype(np.intp)
    behind = behind_mm(anatomy.frame, place.point_mm)
    around = Around(place.point_mm, place.u_mm, np.abs(place.u_mm), behind, height, above, height - above, behind)
    return replace(around, fascia=_fascia_mm(anatomy, around))


def _fascia_mm(anatomy: Anatomy, around: Around) -> Field:
    """Return how far behind the spine the muscles end."""
    tip = around.at(anatomy.body_half_depth_mm + anatomy.canal_depth_mm + SPINOUS_LENGTH_MM)
    return np.asarray(tip + 1.0 - np.square(around.u) / (2.0 * 0.8 * anatomy.back_curve_mm), np.float32)
