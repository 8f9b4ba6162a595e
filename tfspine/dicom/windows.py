"""Find one window for all slices of a series and apply it, without all their pixels in memory at once.

Slices of classic files are kept in memory while the window is found. A multi-frame file is read twice instead: once to
count its grey values, once to apply the window.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfspine.dicom.pixels import WINDOW_PERCENTILES, Pixels, read_pixels, window
from tfspine.dicom.slice_headers import SliceHeader
from tfspine.errors import DicomError

MOST_LEVELS = 1 << 20
"""More distinct grey values than 16-bit integers with a few slopes give; if there are more, values are rounded."""


@dataclass(frozen=True)
class Survey:
    """The result of a first reading: the window, the readable slices, and the others with the reason.

    `kept` holds the pixels of slices that need not be read again, by their index among the readable ones.
    """

    limits: tuple[float, float]
    readable: tuple[SliceHeader, ...]
    unreadable: tuple[tuple[SliceHeader, str], ...]
    kept: dict[int, Pixels] = field(repr=False, default_factory=dict)


def survey(headers: Sequence[SliceHeader]) -> Survey:
    """Read slices once, file by file, and find the window that all of them share.

    The window is (0, 0) if no slice can be read.
    """
    frames = Counter(header.path for header in headers)
    in_file_order = sorted(headers, key=lambda header: (str(header.path), header.frame))
    readable: list[SliceHeader] = []
    unreadable: list[tuple[SliceHeader, str]] = []
    kept: dict[int, Pixels] = {}
    levels = GreyLevels()
    for header, pixels in read_pixels(in_file_order):
        if isinstance(pixels, DicomError):
            unreadable.append((header, str(pixels)))
            continue
        levels.add(pixels)
        if frames[header.path] == 1:
            kept[len(readable)] = pixels
        readable.append(header)
    limits = levels.percentiles(WINDOW_PERCENTILES) if readable else (0.0, 0.0)
    return Survey((limits[0], limits[1]), tuple(readable), tuple(unreadable), kept)


def windowed_slices(seen: Survey) -> Iterator[tuple[SliceHeader, NDArray[np.uint8]]]:
    """Yield the readable slices, uint8 [rows, columns] under their window, as they are stored.

    Raises:
        DicomError: a file can no longer be read.
    """
    again = (header for number, header in enumerate(seen.readable) if number not in seen.kept)
    reread = read_pixels(list(again))
    for number, header in enumerate(seen.readable):
        pixels = seen.kept[number] if number in seen.kept else next(reread)[1]
        if isinstance(pixels, DicomError):
            raise pixels
        yield header, window(pixels, seen.limits)


class GreyLevels:
    """Counts of each grey value in images that are added one by one."""

    def __init__(self) -> None:
        self._values: NDArray[np.float32] = np.empty(0, np.float32)
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)

    def add(self, pixels: Pixels) -> None:
        """Count the grey values of one more picture."""
        values, counts = np.unique(pixels, return_counts=True)
        self._merge(values, counts)
        if len(self._values) > MOST_LEVELS:
            step = (self._values[-1] - self._values[0]) / (MOST_LEVELS // 2)
            rounded = self._values[0] + np.rint((self._values - self._values[0]) / step) * step
            values, counts = rounded.astype(np.float32), self._counts
            self._values, self._counts = np.empty(0, np.float32), np.empty(0, np.int64)
            self._merge(values, counts)

    def percentiles(self, percents: Sequence[float]) -> tuple[float, ...]:
        """Return percentiles of all pictures together, interpolated linearly as NumPy's are."""
        ends = np.cumsum(self._counts)
        return tuple(self._at(percent / 100 * (ends[-1] - 1), ends) for percent in percents)

    def _merge(self, values: NDArray[np.float32], counts: NDArray[np.int64]) -> None:
        both, place = np.unique(np.concatenate([self._values, values]), return_inverse=True)
        weights = np.concatenate([self._counts, counts])
        self._values, self._counts = both, np.bincount(place, weights=weights).astype(np.int64)

    def _at(self, place: float, ends: NDArray[np.int64]) -> float:
        """Return the value at an index, from 0, in the sorted sequence of all values."""
        low, high = (float(self._values[np.searchsorted(ends, whole, side="right")]) for whole in _around(place))
        return float(low + (high - low) * (place - int(place)))


def _around(place: float) -> tuple[int, int]:
    return int(place), int(np.ceil(place))
