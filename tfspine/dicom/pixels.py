"""Stored pixels of DICOM images to grey values, and those of a series to 8 bits: the only windowing in the package."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from imagecodecs import jpeg2k_decode, jpeg8_decode, jpegls_decode
from numpy.typing import NDArray
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes, RLELossless

from tfspine.dicom.codestream import START_OF_IMAGE, coded_size
from tfspine.dicom.files import printable, read_whole, refusing
from tfspine.dicom.headers import PixelEncoding, SliceHeader
from tfspine.errors import DicomError

WINDOW_PERCENTILES = (0.5, 99.5)
"""The window of a series: a few bright pixels near the coil and the empty air do not decide the contrast."""

Pixels = NDArray[np.float32]
Stored = NDArray[np.integer[Any]]

DECODERS: dict[UID, Callable[[bytes], Stored]] = {
    **dict.fromkeys(JPEGTransferSyntaxes, jpeg8_decode),
    **dict.fromkeys(JPEGLSTransferSyntaxes, jpegls_decode),
    **dict.fromkeys(JPEG2000TransferSyntaxes, jpeg2k_decode),
}
"""What reads each compressed encoding but RLE, which pydicom reads: libjpeg-turbo, CharLS and OpenJPEG, which the
package imagecodecs (BSD) carries. Of pydicom's own choice for JPEG, pylibjpeg-libjpeg is under the GPL, and gdcm takes
the process with it over damaged pixels.
"""

END_OF_IMAGE = b"\xff\xd9"
"""Ends a codestream (ITU-T T.81 B.1.1.3); libjpeg-turbo paints what is missing before it in grey."""

END_WITHIN_BYTES = 64
"""Where the end is looked for: a byte or some fill may follow it to make the length even."""


def read_pixels(headers: Sequence[SliceHeader]) -> Iterator[tuple[SliceHeader, Pixels | DicomError]]:
    """Yield each slice with its grey values, or with the reason why there are none, in the order given.

    Grey values are float32 [rows, columns] in native byte order: rescaled, MONOCHROME1 turned so that bright is high,
    and what PixelPaddingValue marks as never measured set to the darkest of the rest. A file of many frames is read
    once while its slices follow one another.
    """
    opened: tuple[Path, pydicom.Dataset | DicomError] | None = None
    for header in headers:
        if opened is None or opened[0] != header.path:
            opened = (header.path, _opened(header.path))
        ds = opened[1]
        if isinstance(ds, DicomError):
            yield header, ds
            continue
        try:
            yield header, _grey_values(_stored(ds, header), header.pixels)
        except DicomError as error:
            yield header, error


def window_limits(slices: Sequence[Pixels]) -> tuple[float, float]:
    """Return the window (low, high) of a whole series: its 0.5th and 99.5th percentile."""
    low, high = np.percentile(np.concatenate([pixels.ravel() for pixels in slices]), WINDOW_PERCENTILES)
    return float(low), float(high)


def window(pixels: Pixels, limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Map pixels linearly to uint8: `limits` (low, high) become 0 and 255, what lies outside is clipped.

    An image without contrast, low equal to high, becomes black.
    """
    low, high = limits
    if high <= low:
        return np.zeros(pixels.shape, np.uint8)
    scaled = (pixels - np.float32(low)) * np.float32(255.0 / (high - low))
    clipped: Pixels = np.clip(np.rint(scaled), 0, 255)
    return clipped.astype(np.uint8)


def _opened(path: Path) -> pydicom.Dataset | DicomError:
    try:
        return read_whole(path)
    except DicomError as error:
        return error


def _stored(ds: pydicom.Dataset, header: SliceHeader) -> Stored:
    """Return the stored values of one frame, [rows, columns], as the decoder gives them."""
    with refusing("pixels"):
        if "PixelData" not in ds:
            raise DicomError("PixelData is absent")
        decode = DECODERS.get(ds.file_meta.TransferSyntaxUID)
        codestream = b"" if decode is None else _codestream(ds, header)
        try:
            stored = _plain(ds, header) if decode is None else _in_header_type(decode(codestream), header.pixels)
        except Exception as error:  # each decoder meets damaged bytes with its own; their words quote no header
            reason = printable(str(error)) or type(error).__name__
            raise DicomError(f"pixels cannot be decoded: {reason}") from None
    if stored.shape != header.geometry.size_px:
        raise DicomError(f"pixels {list(stored.shape)}; Rows and Columns say {list(header.geometry.size_px)}")
    return stored


def _plain(ds: pydicom.Dataset, header: SliceHeader) -> Stored:
    """Return what pydicom reads by itself: uncompressed pixels and RLE, whose decoder in Rust panics over damage."""
    plugin = "pydicom" if ds.file_meta.TransferSyntaxUID == RLELossless else ""
    # Unused bits are ours to clear (`_stored_bits`): pydicom takes the stored ones for the lowest.
    return pixel_array(ds, index=header.frame, raw=True, decoding_plugin=plugin, correct_unused_bits=False)


def _codestream(ds: pydicom.Dataset, header: SliceHeader) -> bytes:
    """Return one compressed frame; one larger than its header says is refused before a decoder makes room for it."""
    frames = int(ds.get("NumberOfFrames") or 1)
    codestreams = generate_frames(ds.PixelData, number_of_frames=frames)
    codestream = next(itertools.islice(codestreams, header.frame, None), None)
    if codestream is None:
        raise DicomError(f"{frames} frames announced, frame {header.frame + 1} is absent")
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


def _in_header_type(decoded: Stored, encoding: PixelEncoding) -> Stored:
    """Return values of the allocated bits and the sign that the header says; JPEG and JPEG-LS know no sign."""
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
    """Return what the stored bits alone say: others may hold an overlay, as files before 2004 have it (PS3.5 8.1.1)."""
    unused_above = encoding.bits_allocated - encoding.high_bit - 1
    unused_below = encoding.high_bit + 1 - encoding.bits_stored
    if not unused_above and not unused_below:
        return stored
    bits = (stored.astype(np.int64) >> unused_below) & ((1 << encoding.bits_stored) - 1)
    if not encoding.is_signed:
        return bits
    sign = 1 << (encoding.bits_stored - 1)
    return (bits ^ sign) - sign
