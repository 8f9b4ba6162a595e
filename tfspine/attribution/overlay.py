"""Heatmaps over grey crops (docs/paper.md: inferno map, overlay with alpha 0.4), in NumPy.

A heatmap shows how strongly each pixel counts for or against the class: the absolute attribution, summed over the
channels, from 0 to its 99.5th percentile, so that a single pixel does not darken all others.
"""

import matplotlib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.errors import ConfigError

ALPHA = 0.4
COLORMAP = "inferno"
BRIGHTEST_PERCENTILE = 99.5
GAP_PX = 4


def heatmap(attributions: ArrayLike) -> NDArray[np.float64]:
    """Return the strength, float64 [H, W] in 0..1, of attributions [H, W, C]; all 0 where they are all 0."""
    strength = np.abs(np.asarray(attributions, np.float64).sum(axis=-1))
    brightest = float(np.percentile(strength, BRIGHTEST_PERCENTILE)) or float(strength.max())
    return np.clip(strength / brightest, 0.0, 1.0) if brightest > 0 else np.zeros_like(strength)


def overlay(crop: ArrayLike, attributions: ArrayLike) -> NDArray[np.uint8]:
    """Lay the heatmap over the crop.

    Args:
        crop: the grader's input, float [H, W, C] in 0..1, grey.
        attributions: float [H, W, C] or of another number of channels.

    Returns:
        uint8 [H, W, 3].

    Raises:
        ConfigError: crop and attributions differ in size.
    """
    grey = _grey(crop)
    strength = heatmap(attributions)
    if grey.shape[:2] != strength.shape:
        raise ConfigError(f"attributions of {strength.shape} pixels on a crop of {grey.shape[:2]}")
    colors = matplotlib.colormaps[COLORMAP](strength)[..., :3]
    return _bytes((1 - ALPHA) * grey + ALPHA * colors)


def side_by_side(crop: ArrayLike, attributions: ArrayLike, *, mirrored: bool) -> NDArray[np.uint8]:
    """Return the crop and its overlay next to each other, uint8 [H, 2 W + 4, 3], as they lie in the slice.

    Args:
        crop: the grader's input, float [H, W, C] in 0..1.
        attributions: float [H, W, C].
        mirrored: whether the grader's input was mirrored (right recesses); both are then mirrored back.
    """
    left, right = _bytes(_grey(crop)), overlay(crop, attributions)
    if mirrored:
        left, right = left[:, ::-1], right[:, ::-1]
    gap = np.full((left.shape[0], GAP_PX, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def color_bar(width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Return the colours of a heatmap from none to strongest, left to right, uint8 [height, width, 3]."""
    colors = matplotlib.colormaps[COLORMAP](np.linspace(0.0, 1.0, width_px))[:, :3]
    return np.repeat(_bytes(colors)[None], height_px, axis=0)


def _grey(crop: ArrayLike) -> NDArray[np.float64]:
    return np.repeat(np.asarray(crop, np.float64).mean(axis=-1, keepdims=True), 3, axis=-1)


def _bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
