"""Pixels out of DICOM: decoded, rescaled, windowed to 8 bits. The only windowing in the package."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_rescale
from pydicom.pixels.utils import pixel_array

from tfspine.errors import DicomError

WINDOW_PERCENTILES = (0.5, 99.5)
"""The window of a series: a few bright pixels near the coil and the empty air do not decide the contrast."""


def read_pixels(path: Path) -> NDArray[np.float32]:
    """Return the rescaled pixels of a grey image, float32 [rows, columns], MONOCHROME1 turned bright-is-high.

    Raises:
        DicomError: the pixels are absent, truncated, coloured or cannot be decoded; without the path.
    """
    try:
        ds = pydicom.dcmread(path)
        stored = pixel_array(ds)
    except Exception as error:  # each decoder meets damaged bytes with its own exception
        raise DicomError(f"pixels cannot be decoded: {str(error).splitlines()[0]}") from None
    if stored.ndim != 2:
        raise DicomError(f"pixels of shape {list(stored.shape)}; expected one grey image [rows, columns]")
    values = np.asarray(apply_rescale(stored, ds), np.float32)
    return -values if ds.PhotometricInterpretation == "MONOCHROME1" else values


def window_limits(slices: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
    """Return the window (low, high) of a whole series: its 0.5th and 99.5th percentile."""
    low, high = np.percentile(np.concatenate([pixels.ravel() for pixels in slices]), WINDOW_PERCENTILES)
    return float(low), float(high)


def window(pixels: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Map pixels linearly to uint8: `limits` (low, high) become 0 and 255, what lies outside is clipped.

    An image without contrast, low equal to high, becomes black.
    """
    low, high = limits
    if high <= low:
        return np.zeros(pixels.shape, np.uint8)
    scaled = (pixels - np.float32(low)) * np.float32(255.0 / (high - low))
    clipped: NDArray[np.float32] = np.clip(np.rint(scaled), 0, 255)
    return clipped.astype(np.uint8)
