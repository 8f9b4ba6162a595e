"""Image quality of one series: noise, ghosting and sharpness, measured on the written 8-bit slices only.

All three are ratios of grey values and therefore independent of the window. Black is assumed to mean no signal, as the
window of ingest begins at the darkest half per cent. The direction of phase encoding is not needed: both directions are
measured, and the worse one counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from tfspine.structures import SliceImage

DARKEST_TISSUE = 40
"""Grey value, of 255, from which a pixel counts as tissue: muscle in T2 is about as dark, air and bone are darker."""

BLOCK_PX = 7
BLOCK_STEP_PX = 3
QUIETEST_PERCENTILE = 5.0
"""Percentile of the blocks of tissue: the least noisy twentieth contains only noise; the others contain borders."""

QUANTIZATION_VARIANCE = 1.0 / 12.0
"""Variance caused by rounding to whole numbers: uniform within a step of 1."""

LEAST_GHOST_DISTANCE = 0.06
"""Share of the field of view; echoes at a shorter distance come from the widths of tissues."""

GHOST_FREQUENCIES = (0.3, 0.15)
"""Highest spatial frequency, in periods a pixel, along and across the direction of ghosts; beyond is mostly noise."""

EDGE_REACH_PX = 4
STRONGEST_STEP = 80
"""An edge is a step of at least this many grey values within this many pixels on either side."""

SHARPEST_PERCENTILE = 20.0
"""Percentile of the edge widths: the sharpest fifth of edges is crossed at right angles, so its width is the blur."""


@dataclass(frozen=True)
class SeriesQuality:
    """Measures of one plane; None if nothing could be measured.

    `snr` is the median grey value of tissue over the standard deviation of noise; `ghosting` the strength of a
    displaced copy as a share of the picture; `edge_mm` the width over which a sharp border is smeared.
    """

    snr: float | None
    ghosting: float | None
    edge_mm: float | None


def measure_quality(slices: Sequence[SliceImage]) -> SeriesQuality:
    """Measure the slices of one plane of one study."""
    pictures = [slice_.pixels.astype(np.float64) for slice_ in slices]
    return SeriesQuality(
        snr=signal_to_noise(pictures),
        ghosting=ghosting(pictures),
        edge_mm=edge_width_mm(pictures, [slice_.geometry.spacing_mm for slice_ in slices]),
    )


def signal_to_noise(pictures: Sequence[NDArray[np.float64]]) -> float | None:
    """Return the median of tissue divided by the noise within it.

    Noise is the residual after a plane is fitted to each block, in the least noisy blocks of the series. Estimators
    from neighbouring pixels (Immerkaer 1996, Comput Vis Image Underst 64:300) underestimate it in images that the
    scanner interpolated, by half if a share of 0.65 was sampled; the background (Gudbjartsson 1995, Magn Reson Med
    34:910) is cut off by the field of view and the window, and raised by ghosts.
    """
    quiet: list[NDArray[np.float64]] = []
    tissue: list[NDArray[np.float64]] = []
    for picture in pictures:
        quiet.append(_block_deviations(picture))
        tissue.append(picture[picture > DARKEST_TISSUE])
    deviations, values = np.concatenate(quiet), np.concatenate(tissue)
    if not len(deviations):
        return None
    variance = np.percentile(deviations, QUIETEST_PERCENTILE) ** 2 - QUANTIZATION_VARIANCE
    return float(np.median(values) / np.sqrt(max(variance, QUANTIZATION_VARIANCE)))


def ghosting(pictures: Sequence[NDArray[np.float64]]) -> float | None:
    """Return the strength of the clearest ghost, along rows or columns, as a share of the picture.

    A copy of strength s at distance D multiplies the spectrum by 1 + 2 s cos(2 pi k D); its logarithm, transformed once
    more, has a peak of s at D (the cepstrum; Bogert, Healy and Tukey 1963). Evenly spaced discs also cause a peak, of
    about 0.03 to 0.07 along the spine.
    """
    sizes = {picture.shape for picture in pictures if np.ptp(picture) > 0}
    strengths = []
    for size in sizes:
        same = [picture for picture in pictures if picture.shape == size and np.ptp(picture) > 0]
        strengths += [_clearest_echo([np.moveaxis(picture, axis, 0) for picture in same]) for axis in (0, 1)]
    return max(strengths, default=None)


def edge_width_mm(pictures: Sequence[NDArray[np.float64]], spacings_mm: Sequence[tuple[float, float]]) -> float | None:
    """Return the width of the sharpest borders, along rows or columns, whichever is wider.

    The width of a border is its step over its steepest slope: for a Gaussian blur of deviation s, s sqrt(2 pi).
    """
    widths = []
    for axis in (0, 1):
        along = [
            _edge_widths_px(np.moveaxis(picture, axis, 0)) * spacing_mm[axis]
            for picture, spacing_mm in zip(pictures, spacings_mm, strict=True)
        ]
        found = np.concatenate(along)
        if len(found):
            widths.append(float(np.percentile(found, SHARPEST_PERCENTILE)))
    return max(widths, default=None)


def _block_deviations(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the deviation from a plane in each block that is tissue only, without black or clipped pixels."""
    every = sliding_window_view(picture, (BLOCK_PX, BLOCK_PX))[::BLOCK_STEP_PX, ::BLOCK_STEP_PX]
    blocks = every.reshape(-1, BLOCK_PX**2)
    blocks = blocks[
        (blocks.mean(axis=1) > DARKEST_TISSUE)
        & (blocks.min(axis=1) > 0)
        & (blocks.max(axis=1) < np.iinfo(np.uint8).max)
    ]
    down, across = np.indices((BLOCK_PX, BLOCK_PX)).reshape(2, -1)
    plane, _ = np.linalg.qr(np.stack([np.ones(BLOCK_PX**2), down, across], axis=1))
    residuals = blocks - (blocks @ plane) @ plane.T
    return np.asarray(np.sqrt(np.square(residuals).sum(axis=1) / (BLOCK_PX**2 - plane.shape[1])))


def _clearest_echo(pictures: Sequence[NDArray[np.float64]]) -> float:
    """Return the highest peak of the cepstrum along axis 0, averaged over pictures of one size."""
    length, breadth = pictures[0].shape
    taper = np.hanning(breadth)
    low = np.abs(np.fft.fftfreq(breadth)) < GHOST_FREQUENCIES[1]
    spectra = [np.log1p(np.abs(np.fft.fft2(picture * taper)))[:, low].mean(axis=1) for picture in pictures]
    spectrum = np.mean(spectra, axis=0)
    ripple = spectrum - gaussian_filter1d(spectrum, length / 80.0, mode="wrap")
    frequencies = np.abs(np.fft.fftfreq(length))
    band = np.where(
        frequencies < GHOST_FREQUENCIES[0], np.cos(np.pi / 2 * frequencies / GHOST_FREQUENCIES[0]) ** 2, 0.0
    )
    cepstrum = np.fft.ifft(ripple * band).real / band.mean()
    return float(cepstrum[np.abs(np.fft.fftfreq(length)) > LEAST_GHOST_DISTANCE].max())


def _edge_widths_px(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the widths of all edges across axis 0."""
    reach = 2 * EDGE_REACH_PX + 1
    slope = np.abs(picture[2:] - picture[:-2]) / 2
    step = (maximum_filter1d(picture, reach, axis=0) - minimum_filter1d(picture, reach, axis=0))[1:-1]
    is_edge = (step >= STRONGEST_STEP) & (slope >= maximum_filter1d(slope, reach, axis=0)) & (slope > 0)
    return np.asarray(step[is_edge] / slope[is_edge])
