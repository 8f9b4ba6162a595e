"""Convert stored DICOM pixels to grey values, and those of a series to 8 bits: the only windowing in the package."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from imagecodecs import jpeg2k_decode, jpeg8_decode, jpegls_decode
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes, RLELossless

from tfspine.dicom.codestream import END_OF_IMAGE, START_OF_IMAGE, coded_size
from tfspine.dicom.encapsulated import FrameSpans, frame_spans
from tfspine.dicom.files import printable, read_whole, refusing
from tfspine.dicom.slice_headers import PixelEncoding, SliceHeader
from tfspine.errors import DicomError

WINDOW_PERCENTILES = (0.5, 99.5)
"""The window of a series; with these percentiles, bright pixels near the coil and air do not determine the contrast."""

Pixels = NDArray[np.float32]
Stored = NDArray[np.integer[Any]]

DECODERS: dict[UID, Callable[[bytes], Stored]] = {
    **dict.fromkeys(JPEGTransferSyntaxes, jpeg8_decode),
    **dict.fromkeys(JPEGLSTransferSyntaxes, jpegls_decode),
    **dict.fromkeys(JPEG2000TransferSyntaxes, jpeg2k_decode),
}
"""The decoder of each compressed encoding except RLE, which pydicom decodes: libjpeg-turbo, CharLS and OpenJPEG, all
included in the package imagecodecs (BSD). Of pydicom's own decoders for JPEG, pylibjpeg-libjpeg is under the GPL, and
gdcm crashes the process on damaged pixels.
"""

OF_PIXELS = (
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation",
)  # fmt: skip
"""What a decoder needs to know about a frame (PS3.3 C.7.6.3)."""

END_WITHIN_BYTES = 64
"""Number of last bytes in which the end marker is searched, as padding may follow it. Without the marker
libjpeg-turbo fills missing data with grey."""


@dataclass(frozen=True)
class _Opened:
    """One file, read whole, and where its compressed frames lie."""

    path: Path
    ds: pydicom.Dataset

    @functools.cached_property
    def frames(self) -> FrameSpans:
        return frame_spans(self.ds.PixelData, int(self.ds.get("NumberOfFrames") or 1))


def read_pixels(headers: Sequence[SliceHeader]) -> Iterator[tuple[SliceHeader, Pixels | DicomError]]:
    """Yield each slice with its grey values, or with the reason why there are none, in the order given.

    Grey values are float32 [rows, columns] in native byte order: rescaled, MONOCHROME1 inverted so that bright is high,
    and pixels that PixelPaddingValue marks as not measured set to the darkest other value. A multi-frame file is read
    only once if its slices follow one another; no more than one decoded frame is held in memory.
    """
    opened: _Opened | None = None
    refusal: tuple[Path, DicomError] | None = None
    for header in headers:
        if opened is None or opened.path != header.path:
            opened = None  # released before the next file is read, so that only one large file is in memory
            try:
                if refusal is None or refusal[0] != header.path:
                    opened = _Opened(header.path, read_whole(header.path))
            except DicomError as error:
                refusal = header.path, error
        if opened is None and refusal is not None:
            yield header, refusal[1]
        elif opened is not None:
            yield header, _read_frame(opened, header)


def window_limits(slices: Sequence[Pixels]) -> tuple[float, float]:
    """Return the window (low, high) of a whole series: its 0.5th and 99.5th percentile."""
    low, high = np.percentile(np.concatenate([pixels.ravel() for pixels in slices]), WINDOW_PERCENTILES)
    return float(low), float(high)


def window(pixels: Pixels, limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Map pixels linearly to uint8: `limits` (low, high) become 0 and 255, values outside are clipped.

    An image without contrast (low equal to high) becomes black.
    """
    low, high = limits
    if high <= low:
        return np.zeros(pixels.shape, np.uint8)
    scaled = (pixels - np.float32(low)) * np.float32(255.0 / (high - low))
    clipped: Pixels = np.clip(np.rint(scaled), 0, 255)
    return clipped.astype(np.uint8)


def _read_frame(opened: _Opened, header: SliceHeader) -> Pixels | DicomError:
    try:
        return _grey_values(_stored(opened, header), header.pixels)
    except DicomError as error:
        return error


def _stored(opened: _Opened, header: SliceHeader) -> Stored:
    """Return the stored values of one frame, [rows, columns], as the decoder gives them."""
    ds = opened.ds
    with refusing("pixels"):
        if "PixelData" not in ds:
            raise DicomError("PixelData is absent")
        syntax = ds.file_meta.TransferSyntaxUID
        decode = DECODERS.get(syntax)
        codestream = b"" if decode is None else _codestream(opened, header)
        try:
            if decode is not None:
                stored = _in_header_type(decode(codestream), header.pixels)
            elif syntax == RLELossless:
                stored = _run_lengths(opened, header)
            else:
                stored = pixel_array(ds, index=header.frame, raw=True, correct_unused_bits=False)
        except DicomError:
            raise
        except Exception as error:  # each decoder raises its own errors; their messages quote no header
            reason = printable(str(error)) or type(error).__name__
            raise DicomError(f"pixels cannot be decoded: {reason}") from None
    if stored.shape != header.geometry.size_px:
        raise DicomError(f"pixels {list(stored.shape)}; Rows and Columns say {list(header.geometry.size_px)}")
    return stored


def _run_lengths(opened: _Opened, header: SliceHeader) -> Stored:
    """Return one RLE frame decoded by pydicom as a single-frame file; the decoder in Rust panics on damaged data.

    Unused bits are cleared in `_stored_bits`, since pydicom assumes that the stored bits are the lowest.
    """
    single = pydicom.Dataset()
    single.file_meta = opened.ds.file_meta
    for keyword in OF_PIXELS:
        if keyword in opened.ds:
            single[keyword] = opened.ds[keyword]
    single.PixelData = encapsulate([_frame(opened, header)])
    return pixel_array(single, raw=True, decoding_plugin="pydicom", correct_unused_bits=False)


def _codestream(opened: _Opened, header: SliceHeader) -> bytes:
    """Return one compressed frame; one larger than the header says is refused before a decoder allocates memory."""
    codestream = _frame(opened, header)
    coded = coded_size(codestream)
    if coded is None:
        raise DicomError("compressed pixels do not start as JPEG, JPEG-LS or JPEG 2000 do")
    if coded.size_px != header.geometry.size_px or coded.components != 1:
        raise DicomError(
            f"compressed pixels {list(coded.size_px)} of {coded.components} components; Rows and Columns say "
            f"{list(header.geometry.size_px)}, and grey has one"
        )
    if codestream.startswith(START_OF_IMAGE) and END_OF_IMAGE not in codestream[-END_WITHIN_BYTES:]:
        raise DicomError("compressed pixels are cut off before their end")
    return codestream


def _frame(opened: _Opened, header: SliceHeader) -> bytes:
    """Return the bytes of one compressed frame."""
    codestream = opened.frames.codestream(opened.ds.PixelData, header.frame)
    if codestream is not None:
        return codestream
    announced = int(opened.ds.get("NumberOfFrames") or 1)
    reason = f": {printable(opened.frames.problem)}" if opened.frames.problem else ""
    raise DicomError(
        f"pixels cannot be decoded: {announced} frames announced, frame {header.frame + 1} is absent{reason}"
    )


def _in_header_type(decoded: Stored, encoding: PixelEncoding) -> Stored:
    """Return values with the allocated bits and the sign from the header; JPEG and JPEG-LS store no sign."""
    size = encoding.bits_allocated // 8
    return decoded.astype(f"u{size}").view(f"i{size}" if encoding.is_signed else f"u{size}")


def _grey_values(stored: Stored, encoding: PixelEncoding) -> Pixels:
    values = _stored_bits(stored, encoding)
    grey = values.astype(np.float32)
    if (encoding.slope, encoding.intercept) != (1.0, 0.0):
        grey = grey * np.float32(encoding.slope) + np.float32(encoding.intercept)
    if encoding.photometric_interpretation == "MONOCHROME1":
        grey = -grey
    if encoding.padding is not None:
        low, high = encoding.padding
        is_padding = (values >= low) & (values <= high)
        if is_padding.any() and not is_padding.all():
            grey[is_padding] = grey[~is_padding].min()
    return grey


def _stored_bits(stored: Stored, encoding: PixelEncoding) -> Stored:
    """Return the value of the stored bits only; others may hold an overlay in files before 2004 (PS3.5 8.1.1)."""
    unused_above = encoding.bits_allocated - encoding.high_bit - 1
    unused_below = encoding.high_bit + 1 - encoding.bits_stored
    if not unused_above and not unused_below:
        return stored
    bits = (stored.astype(np.int64) >> unused_below) & ((1 << encoding.bits_stored) - 1)
    if not encoding.is_signed:
        return bits
    sign = 1 << (encoding.bits_stored - 1)
    return (bits ^ sign) - sign
