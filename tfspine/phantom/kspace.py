"""Effects of sampling on an image: omitted, damped and shifted spatial frequencies, and noise.

Spectra are half spectra of real images [rows, columns], as `scipy.fft.rfft2` gives them: complex64 [rows,
columns // 2 + 1]. Windows are real and even in frequency, so that images stay real.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Image = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


def spectrum_of(image: Image) -> Spectrum:
    """Return the half spectrum of an image."""
    return np.asarray(fft.rfft2(image, workers=1), np.complex64)


def image_of(spectrum: Spectrum, size_px: tuple[int, int]) -> Image:
    """Return the image of a half spectrum."""
    return np.asarray(fft.irfft2(spectrum, size_px, workers=1), np.float32)


def orders(length: int, axis: int) -> NDArray[np.float32]:
    """Return the spatial frequencies of a half spectrum along one axis, in periods per image."""
    per_pixel = fft.fftfreq(length) if axis == 0 else fft.rfftfreq(length)
    return np.asarray(per_pixel * length, np.float32)


def shifted(spectrum: Spectrum, shift_px: float, *, length: int, axis: int) -> Spectrum:
    """Return the spectrum of the image displaced by `shift_px`, which may be fractional, towards higher indices."""
    ramp = np.exp(-2j * np.pi * orders(length, axis) * shift_px / length).astype(np.complex64)
    return np.asarray(spectrum * _along(ramp, axis), np.complex64)


def sampling_window(length: int, *, axis: int, sampled: float, apodisation: float) -> NDArray[np.float32]:
    """Return the weight of each spatial frequency along one axis.

    Args:
        length: pixels of the image along the axis.
        axis: 0 for rows, 1 for columns.
        sampled: share of the frequencies that is measured, the lowest ones; the rest is filled with zeros.
        apodisation: damping of the highest measured frequency: 0 for none, 0.92 for a Hamming window.
    """
    reach = np.abs(orders(length, axis)) / (sampled * length / 2)
    damping = 1.0 - apodisation * np.square(np.sin(np.pi / 2 * np.minimum(reach, 1.0)))
    return np.asarray(np.where(reach <= 1.0, damping, 0.0), np.float32)


def blur_window(length: int, *, axis: int, blur_px: float) -> NDArray[np.float32]:
    """Return the window of a Gaussian blur with a standard deviation of `blur_px`."""
    return np.asarray(np.exp(-2 * np.square(np.pi * blur_px * orders(length, axis) / length)), np.float32)


def ghost_window(length: int, *, axis: int, strength: float, distance_px: float) -> NDArray[np.float32]:
    """Return the window that adds two ghosts, each `strength` of the image, at +- `distance_px` along one axis.

    A periodic movement modulates the lines of k-space during the measurement, and a periodic modulation produces
    displaced copies of the image (Wood and Henkelman 1985, Med Phys 12:143-151).
    """
    return np.asarray(1.0 + 2 * strength * np.cos(2 * np.pi * orders(length, axis) * distance_px / length), np.float32)


def windowed(spectrum: Spectrum, row_window: NDArray[np.float32], column_window: NDArray[np.float32]) -> Spectrum:
    """Return the spectrum weighted along rows and columns."""
    return np.asarray(spectrum * row_window[:, np.newaxis] * column_window, np.complex64)


def noise_spectrum(
    rng: np.random.Generator,
    size_px: tuple[int, int],
    row_window: NDArray[np.float32],
    column_window: NDArray[np.float32],
    *,
    deviation: float,
) -> Spectrum:
    """Return the spectrum of noise that is white over the sampled frequencies, with `deviation` in the image.

    Zero filling makes its grains larger than a pixel, as in images interpolated by scanners.
    """
    shape = (len(row_window), len(column_window), 2)
    white = rng.standard_normal(shape, dtype=np.float32).view(np.complex64)[..., 0]
    rows, columns = size_px
    full_column_window = np.concatenate([column_window, column_window[1 : columns - len(column_window) + 1]])
    passed = float(np.mean(np.square(row_window)) * np.mean(np.square(full_column_window)))
    scale = deviation * np.sqrt(rows * columns / 2 / passed)
    return windowed(np.asarray(white * np.float32(scale), np.complex64), row_window, column_window)


def folded(image: Image, *, margin: int, axis: int) -> Image:
    """Return an image without its margins along one axis, each added to the opposite side: wrap-around.

    The margin fades linearly to zero at its outer end.

    Args:
        image: float32 [rows, columns, ...] with `margin` additional pixels at both ends of the axis.
        margin: in pixels.
        axis: the phase direction.
    """
    if margin == 0:
        return image
    moved = np.moveaxis(image, axis, 0)
    inner = moved[margin:-margin].copy()
    fading = (np.arange(margin, dtype=np.float32)[::-1] + 0.5) / margin
    fading = fading.reshape(-1, *(1,) * (image.ndim - 1))
    inner[-margin:] += moved[:margin] * fading[::-1]
    inner[:margin] += moved[-margin:] * fading
    return np.asarray(np.moveaxis(inner, 0, axis))


def _along(values: NDArray[np.complex64], axis: int) -> NDArray[np.complex64]:
    return values[:, np.newaxis] if axis == 0 else values[np.newaxis, :]
