"""A cube of random values that repeats periodically in space, interpolated linearly between its points."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

BLOCK = 8192
"""Number of points computed at once: few enough that intermediate results stay in the processor's cache."""


class Lattice:
    """A cube of values, float32 [S, S, S], at integer coordinates, repeated with period S, a power of two."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self.size = len(values)
        if values.shape != (self.size,) * 3 or self.size & (self.size - 1):
            raise ValueError(f"a lattice of shape {values.shape}; expected a cube, each side a power of two")
        self._with_border = np.pad(values, ((0, 1),) * 3, mode="wrap").astype(np.float64).ravel()
        self._along = ((self.size + 1) ** 2, self.size + 1, 1)

    @cached_property
    def least(self) -> float:
        """The lowest value; nothing between the points is lower."""
        return float(self._with_border.min())

    @cached_property
    def most(self) -> float:
        """The highest value; nothing between the points is higher."""
        return float(self._with_border.max())

    def at(
        self, point_mm: NDArray[np.float32], *, step_mm: tuple[float, float, float], shift: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the values at points, float32 [N, 3], as float32 [N].

        The same as `scipy.ndimage.map_coordinates` with order 1 and mode "grid-wrap", in a third of its time.

        Args:
            point_mm: the points.
            step_mm: distance between lattice points along each axis.
            shift: float32 [3], in steps: position of the origin in the lattice.
        """
        step = np.array(step_mm, np.float32)[:, np.newaxis]
        values = np.empty(len(point_mm), np.float32)
        for start in range(0, len(values), BLOCK):
            block = slice(start, start + BLOCK)
            values[block] = self._between(np.ascontiguousarray(point_mm[block].T) / step + shift[:, np.newaxis])
        return values

    def _between(self, places: NDArray[np.float32]) -> NDArray[np.float64]:
        below = np.floor(places)
        share = np.subtract(places, below, dtype=np.float64)
        index = below.astype(np.intp) & (self.size - 1)
        corner = index[0] * self._along[0] + index[1] * self._along[1] + index[2]
        return self._along_axis(0, corner, share)

    def _along_axis(self, axis: int, corner: NDArray[np.intp], share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interpolate between the two neighbours along one axis, each of them interpolated along the later axes."""
        ends = (corner, corner + self._along[axis])
        if axis == 2:
            low, high = (self._with_border.take(end, mode="clip") for end in ends)
        else:
            low, high = (self._along_axis(axis + 1, end, share) for end in ends)
        high -= low
        high *= share[axis]
        high += low
        return high
