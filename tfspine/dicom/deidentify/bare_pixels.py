"""Remove everything but pixels from PixelData: overlays and texts in unused bits, comments, boxes, extra fragments.

The stored bits of every pixel (BitsStored below HighBit) do not change. Unused bits are set to what a simple reader
expects: the sign if pixels are signed, else zero (PS3.5 8.1.1). If bits of a compressed image have to change, it is
written uncompressed.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_fragments, generate_frames, parse_basic_offsets
from pydicom.uid import (
    HTJ2K,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from tfspine.dicom.codestream import coded_precision
from tfspine.dicom.deidentify.bare_codestreams import bare_jpeg, bare_jpeg_2000, bare_rle
from tfspine.dicom.pixels import DECODERS
from tfspine.errors import DicomError

BARE: dict[UID, Callable[[bytes], bytes]] = {
    **dict.fromkeys((*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes), bare_jpeg),
    **dict.fromkeys((*JPEG2000TransferSyntaxes, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL), bare_jpeg_2000),
}

_OFFSETS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")


@dataclass(frozen=True)
class _Format:
    """The position of pixels in the bits; `size_px` is rows times columns of one frame."""

    size_px: int
    frames: int
    allocated: int
    stored: int
    high_bit: int
    is_signed: bool

    @property
    def has_unused(self) -> bool:
        """Whether any bit does not belong to a pixel."""
        return self.stored < self.allocated


def bare_pixels(ds: Dataset) -> bool:
    """Clean PixelData in place and return whether anything was changed.

    Raises:
        DicomError: there are no pixels, more bytes than pixels, or an encoding that is not supported.
    """
    if "PixelData" not in ds:
        raise DicomError("no PixelData")
    before = (ds.PixelData, ds.file_meta.TransferSyntaxUID)
    form = _format(ds)
    syntax = ds.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        _drop_offsets(ds)
        _clean_plain(ds, form)
    elif syntax == RLELossless:
        _clean_rle(ds, form)
    elif syntax in BARE:
        _clean_codestreams(ds, form, BARE[syntax])
    else:
        raise DicomError(f"{syntax.name}; its comments cannot be distinguished from pixels; decompress the file first")
    return (ds.PixelData, ds.file_meta.TransferSyntaxUID) != before


def _format(ds: Dataset) -> _Format:
    try:
        allocated = int(ds.BitsAllocated)
        stored = int(ds.get("BitsStored") or allocated)
        form = _Format(
            int(ds.Rows) * int(ds.Columns) * int(ds.get("SamplesPerPixel") or 1),
            int(ds.get("NumberOfFrames") or 1),
            allocated,
            stored,
            int(ds.get("HighBit") if ds.get("HighBit") is not None else stored - 1),
            int(ds.get("PixelRepresentation") or 0) == 1,
        )
    except (AttributeError, TypeError, ValueError):
        raise DicomError("Rows, Columns, BitsAllocated or NumberOfFrames is absent or not a number") from None
    if form.allocated not in (8, 16, 32) or not 0 < form.stored <= form.high_bit + 1 <= form.allocated:
        raise DicomError(
            f"BitsAllocated {form.allocated}, BitsStored {form.stored}, HighBit {form.high_bit}; expected 8, 16 or 32 "
            "bits and the stored ones within"
        )
    return form


def _clean_plain(ds: Dataset, form: _Format) -> None:
    expected = form.size_px * form.frames * form.allocated // 8
    if len(ds.PixelData) > expected + expected % 2:
        raise DicomError(
            f"PixelData of {len(ds.PixelData)} bytes for an image of {expected}; the rest may hold any text"
        )
    order = ">" if ds.file_meta.TransferSyntaxUID == ExplicitVRBigEndian else "<"
    content = ds.PixelData[:expected]
    whole = len(content) - len(content) % (form.allocated // 8)
    pixels = np.frombuffer(content[:whole], f"{order}u{form.allocated // 8}")
    _replace_plain(ds, _without_unused(pixels, form).tobytes())


def _clean_rle(ds: Dataset, form: _Format) -> None:
    frames, planes = [], []
    for frame in _frames(ds, form):
        bare, segments = bare_rle(frame, segments=form.allocated // 8, pixels=form.size_px)
        frames.append(bare)
        planes.append(np.stack([np.frombuffer(segment, np.uint8) for segment in segments], axis=-1))
    pixels = np.stack(planes).view(f">u{form.allocated // 8}")
    _settle(ds, form, frames, [pixels.astype(f"<u{form.allocated // 8}")])


def _clean_codestreams(ds: Dataset, form: _Format, bare: Callable[[bytes], bytes]) -> None:
    frames = [bare(frame) for frame in _frames(ds, form)]
    precisions = [coded_precision(frame) or form.allocated for frame in frames]
    has_room = form.high_bit + 1 != form.stored or max(precisions) > form.stored
    _settle(ds, form, frames, [_decoded(ds, frame, form) for frame in frames] if has_room else [])


def _decoded(ds: Dataset, frame: bytes, form: _Format) -> NDArray[np.unsignedinteger[Any]]:
    decode = DECODERS.get(ds.file_meta.TransferSyntaxUID)
    if decode is None:
        raise DicomError(f"{ds.file_meta.TransferSyntaxUID.name}; unused bits cannot be checked; decompress it first")
    try:
        pixels = decode(frame)
    except Exception as error:  # each decoder raises its own errors
        raise DicomError(f"pixels cannot be decoded ({type(error).__name__}), and may hold an overlay") from None
    if pixels.size != form.size_px:
        raise DicomError(f"{pixels.size} compressed pixels; Rows and Columns say {form.size_px}")
    return pixels.astype(f"<u{form.allocated // 8}")


def _settle(ds: Dataset, form: _Format, frames: list[bytes], pixels: list[NDArray[np.unsignedinteger[Any]]]) -> None:
    """Write the bare frames or, if decoded pixels contain something in unused bits, the pixels without it."""
    decoded = np.concatenate([part.ravel() for part in pixels]) if pixels else np.zeros(0, np.uint8)
    plain = _without_unused(decoded, form) if pixels else decoded
    if not np.array_equal(plain, decoded):
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        _drop_offsets(ds)
        _replace_plain(ds, plain.tobytes())
        return
    content = encapsulate(frames, has_bot=bool(parse_basic_offsets(ds.PixelData)))
    if content != ds.PixelData:
        ds.PixelData = content
        _drop_offsets(ds)


def _replace_plain(ds: Dataset, content: bytes) -> None:
    """Set uncompressed pixels, padded to even length with a zero."""
    padded = content + b"\0" * (len(content) % 2)
    if padded != ds.PixelData:
        ds.PixelData = padded
        ds["PixelData"].VR = "OB" if ds.BitsAllocated <= 8 else "OW"
        ds["PixelData"].is_undefined_length = False


def _drop_offsets(ds: Dataset) -> None:
    """Remove offset tables that are not, or no longer, valid; frames are found without them."""
    for keyword in _OFFSETS:
        if keyword in ds:
            del ds[keyword]


def _frames(ds: Dataset, form: _Format) -> list[bytes]:
    """Return as many compressed frames as there are images; anything after them is not part of an image."""
    tables = tuple(ds.get(keyword) for keyword in _OFFSETS)
    offsets = tables if all(tables) else None
    found = generate_frames(ds.PixelData, number_of_frames=form.frames, extended_offsets=offsets)
    frames = list(itertools.islice(found, form.frames))
    if len(frames) < form.frames:
        count = sum(1 for _ in generate_fragments(ds.PixelData))
        raise DicomError(f"{form.frames} frames announced, {len(frames)} in {count} fragments")
    return frames


def _without_unused(pixels: NDArray[Any], form: _Format) -> NDArray[Any]:
    """Return pixels whose unused bits hold the sign or zero; the stored bits do not change."""
    if not form.has_unused:
        return pixels
    below = form.high_bit + 1 - form.stored
    mask = ((1 << form.stored) - 1) << below
    kept: NDArray[Any] = (pixels & pixels.dtype.type(mask)).astype(pixels.dtype)
    if not form.is_signed:
        return kept
    above = ((1 << form.allocated) - 1) ^ ((1 << (form.high_bit + 1)) - 1)
    is_negative = (pixels >> pixels.dtype.type(form.high_bit)) & pixels.dtype.type(1) == 1
    extended: NDArray[Any] = np.where(is_negative, kept | pixels.dtype.type(above), kept).astype(pixels.dtype)
    return extended
