"""The inputs of drawing besides the shape: the signal of each tissue, the width of an edge, the person's texture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.phantom.lattice import Lattice
from tfspine.phantom.shapes import Field
from tfspine.phantom.tissue import Signals, Tissue


@dataclass(frozen=True)
class Paint:
    """Signals of one sequence, `edge_mm` over which two tissues mix, and the person's lattice of noise."""

    signals: Signals
    edge_mm: float
    lattice: Lattice

    def of(self, tissue: Tissue, factor: Field | float = 1.0) -> Field:
        """Return a tissue's signal, float32 [2], or [N, 2] if a factor [N] varies its brightness between places."""
        signal = np.array(self.signals[tissue], np.float32)
        return signal * np.asarray(factor, np.float32)[..., np.newaxis]

    def mix(self, first: Tissue, second: Tissue, share: Field | float) -> Field:
        """Return `first` with a share of `second` in it, float32 [2] or [N, 2]."""
        return self.of(first, 1.0 - np.asarray(share)) + self.of(second, share)

    def texture(self, point_mm: NDArray[np.float32], grain_mm: tuple[float, float, float], layer: int = 0) -> Field:
        """Return noise at points, float32 [N], with mean 0 and standard deviation about 0.6, the same on every slice.

        Args:
            point_mm: float32 [N, 3], patient coordinates.
            grain_mm: size of its grains along x, y and z.
            layer: the patterns of different layers are independent.
        """
        return self.lattice.at(point_mm, step_mm=grain_mm, shift=np.array([7.3, 13.7, 23.1], np.float32) * layer)
