"""One simulated person: the course of the spine, the sizes of its parts, and how narrow each region is.

Everything that varies between people is a field here; what is drawn from it is in `body.py`. Lengths in mm. Sizes
are textbook means with a spread of about a tenth (canal: Ulrich 1980, Hasegawa 1995; foramen: Stephens 1991; discs:
Zhou 2000); a later version sets each against its source.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.labels import LEVELS
from tfspine.phantom.frame import SpineFrame
from tfspine.phantom.severity import Severities, draw_severities

LEVEL_DISTANCE_MM = (34.0, 35.0, 36.0, 36.0)
"""From each disc's centre to the next, along the spine."""

TILT_DEG = (-9.0, -4.0, 2.0, 9.0, 27.0)
"""Rise of each disc plane towards the back: the lordosis of a person lying on the back."""

STEEPEST_TILT_DEG = 40.0
"""Beyond it technicians no longer tilt the slices along; from 45 degrees they would be coronal (`geometry.py`)."""


@dataclass(frozen=True)
class Anatomy:
    """One person. Arrays are float32 [5], one value for each disc from head to feet."""

    frame: SpineFrame
    severities: Severities
    body_half_width_mm: NDArray[np.float32]
    body_half_depth_mm: NDArray[np.float32]
    disc_half_height_mm: NDArray[np.float32]
    sac_half_width_mm: NDArray[np.float32]
    sac_half_depth_mm: NDArray[np.float32]
    canal_depth_mm: NDArray[np.float32]
    hydration: NDArray[np.float32]
    muscle_fat: float
    skin_depth_mm: float
    texture_phases: NDArray[np.float32]


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw one person."""
    severities = draw_severities(rng)
    size = float(np.clip(rng.normal(1.0, 0.06), 0.86, 1.14))
    canal = float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12))

    def per_disc(means: tuple[float, ...] | float, spread: float = 0.03) -> NDArray[np.float32]:
        wobble = np.clip(rng.normal(1.0, spread, len(LEVELS)), 1 - 2 * spread, 1 + 2 * spread)
        return np.asarray(np.broadcast_to(means, len(LEVELS)) * wobble * size, np.float32)

    return Anatomy(
        frame=_draw_frame(rng, size),
        severities=severities,
        body_half_width_mm=per_disc((21.0, 22.0, 23.0, 24.5, 25.5)),
        body_half_depth_mm=per_disc((16.0, 16.5, 17.0, 17.5, 17.5)),
        disc_half_height_mm=per_disc((4.0, 4.5, 5.0, 5.5, 5.0)),
        sac_half_width_mm=per_disc(9.5) * np.float32(canal),
        sac_half_depth_mm=per_disc(7.3) * np.float32(canal),
        canal_depth_mm=per_disc(18.0) * np.float32(canal),
        hydration=rng.uniform(0.0, 1.0, len(LEVELS)).astype(np.float32),
        muscle_fat=float(rng.uniform(0.1, 0.6)),
        skin_depth_mm=float(rng.uniform(82.0, 105.0)),
        texture_phases=rng.uniform(0.0, 2 * np.pi, 8).astype(np.float32),
    )


def _draw_frame(rng: np.random.Generator, size: float) -> SpineFrame:
    """Lay the discs along a curve whose tangent follows their tilts."""
    lordosis = rng.normal(1.0, 0.18)
    drawn = np.array(TILT_DEG) * lordosis + rng.normal(0.0, 1.5, len(LEVELS))
    tilts = np.radians(np.clip(drawn, -STEEPEST_TILT_DEG, STEEPEST_TILT_DEG))
    steps = np.array(LEVEL_DISTANCE_MM) * size
    centres = np.zeros((len(LEVELS), 2))
    for index, step in enumerate(steps):
        middle = (tilts[index] + tilts[index + 1]) / 2
        centres[index + 1] = centres[index] + step * np.array([np.sin(middle), -np.cos(middle)])
    shift = rng.normal(0.0, [4.0, 10.0])
    return SpineFrame(
        centres_yz_mm=centres - centres[2] + shift, tilts_rad=tilts, midline_x_mm=float(rng.normal(0.0, 4.0))
    )
