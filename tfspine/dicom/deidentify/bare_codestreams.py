"""Reduce compressed images to the image itself: no comments, boxes, application data or bytes after the end.

Nothing is decoded and encoded again, so the pixels do not change. Only listed markers are kept: for JPEG and JPEG-LS
those that a decoder needs (ITU-T T.81 Table B.1, T.87 Table C.1), for JPEG 2000 those of ISO/IEC 15444-1 Table A.2, and
for an RLE frame the bytes required by its rows and columns (PS3.5 Annex G).
"""

import re
import struct
from collections.abc import Iterator

from tfspine.dicom.codestream import END_OF_IMAGE, JP2_SIGNATURE, SOC_AND_SIZ, START_OF_FRAME, START_OF_IMAGE
from tfspine.errors import DicomError

_SCAN, _LS_FRAME, _LS_PRESETS = 0xDA, 0xF7, 0xF8
_JPEG_KEPT = START_OF_FRAME | {0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, _SCAN, _LS_PRESETS}
_JPEG_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
_LS_PRESET_KINDS = frozenset(range(1, 5))

_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_END_OF_LS_SCAN = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
"""Within coded data, FF is followed by 00 (JPEG) or a byte below 80 (JPEG-LS), or starts a restart marker."""

_SOT, _SOD, _TLM, _COM = 0xFF90, 0xFF93, 0xFF55, 0xFF64
_MAIN_KEPT = frozenset({0xFF50, 0xFF51, 0xFF52, 0xFF53, 0xFF56, 0xFF57, 0xFF59, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF60})
_TILE_KEPT = frozenset({0xFF52, 0xFF53, 0xFF58, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF61})
_POINTERS = frozenset({_TLM, 0xFF63})
"""Lengths of tile parts (which change with their headers) and registration of components; no decoder needs them."""

_CUT_OFF = "compressed pixels are cut off before their end"
_RLE_HEADER = struct.Struct("<16I")


def bare_jpeg(codestream: bytes) -> bytes:
    """Return a JPEG or JPEG-LS image with only the markers that a decoder needs.

    Raises:
        DicomError: it is truncated or does not conform to the standard.
    """
    if not codestream.startswith(START_OF_IMAGE):
        raise DicomError("compressed pixels do not start as JPEG does")
    kept, at, end_of_scan = [START_OF_IMAGE], len(START_OF_IMAGE), _END_OF_SCAN
    while True:
        at = codestream.find(b"\xff", at)
        if at < 0 or at + 2 > len(codestream):
            raise DicomError(_CUT_OFF)
        marker = codestream[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_WITHOUT_LENGTH:
            at += 2
        elif marker == END_OF_IMAGE[1]:
            return b"".join([*kept, END_OF_IMAGE])
        else:
            segment = _segment(codestream, at)
            at += len(segment)
            if marker in _JPEG_KEPT and (marker != _LS_PRESETS or segment[4] in _LS_PRESET_KINDS):
                kept.append(segment)
            end_of_scan = _END_OF_LS_SCAN if marker == _LS_FRAME else end_of_scan
            if marker == _SCAN:
                found = end_of_scan.search(codestream, at)
                if found is None:
                    raise DicomError(_CUT_OFF)
                kept.append(codestream[at : found.start()])
                at = found.start()


def bare_jpeg_2000(codestream: bytes) -> bytes:
    """Return a JPEG 2000 codestream without comments, extracted from its JP2 file if it is in one.

    Raises:
        DicomError: it is truncated, or contains markers or boxes that are unknown or that the image needs.
    """
    if codestream.startswith(JP2_SIGNATURE):
        codestream = _unboxed(codestream)
    if not codestream.startswith(SOC_AND_SIZ):
        raise DicomError("compressed pixels do not start as JPEG 2000 does")
    main, at = _header(codestream, 2, _MAIN_KEPT, until=_SOT)
    kept = [codestream[:2], *main]
    while codestream[at : at + 2] == _SOT.to_bytes(2, "big"):
        part, at = _tile_part(codestream, at)
        kept.append(part)
    return b"".join([*kept, END_OF_IMAGE])


def bare_rle(frame: bytes, *, segments: int, pixels: int) -> tuple[bytes, tuple[bytes, ...]]:
    """Return an RLE frame without the bytes between and after its segments, and the decoded segments.

    Args:
        frame: header and segments.
        segments: the number of segments of the image, one for each byte of a pixel.
        pixels: rows times columns, the number of bytes in a decoded segment.

    Raises:
        DicomError: the header has other segments, or one ends too early.
    """
    if len(frame) < _RLE_HEADER.size:
        raise DicomError(_CUT_OFF)
    count, *starts = _RLE_HEADER.unpack_from(frame)
    if count != segments:
        raise DicomError(f"compressed pixels of {count} segments; BitsAllocated requires {segments}")
    coded, decoded = [], []
    for start in starts[:count]:
        plane, end = _unpacked(frame, start, pixels)
        coded.append(frame[start:end] + b"\0" * ((end - start) % 2))
        decoded.append(plane)
    offsets = [_RLE_HEADER.size + sum(map(len, coded[:number])) for number in range(count)]
    header = _RLE_HEADER.pack(count, *offsets, *[0] * (15 - count))
    return header + b"".join(coded), tuple(decoded)


def _segment(codestream: bytes, at: int) -> bytes:
    """Return a marker with the data that belong to it according to its length."""
    end = at + 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
    if end > len(codestream) or end < at + 4:
        raise DicomError(_CUT_OFF)
    return codestream[at:end]


def _unboxed(jp2: bytes) -> bytes:
    """Return the codestream of a JP2 file (ISO/IEC 15444-1 I.4)."""
    for kind, content in _boxes(jp2):
        if kind == b"jp2h" and any(inner in (b"pclr", b"cmap") for inner, _ in _boxes(content)):
            raise DicomError("compressed pixels with a palette; expected grey")
        if kind == b"jp2c":
            return content
    raise DicomError("a JP2 file without a codestream; expected JPEG 2000")


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if length == 1 and at + 16 <= len(content):
            (length,) = struct.unpack_from(">Q", content, start)
            start += 8
        end = len(content) if length == 0 else at + length
        if end < start:
            return
        yield kind, content[start:end]
        at = end


def _header(codestream: bytes, at: int, kept: frozenset[int], *, until: int) -> tuple[list[bytes], int]:
    """Return the segments of a header to keep, and the position of the marker that ends it."""
    segments = []
    while (marker := int.from_bytes(codestream[at : at + 2], "big")) != until:
        if len(codestream) < at + 4:
            raise DicomError(_CUT_OFF)
        if marker not in kept | _POINTERS | {_COM}:
            raise DicomError(f"compressed pixels with marker {marker:04X} in a header; expected those of JPEG 2000")
        segment = _segment(codestream, at)
        at += len(segment)
        if marker in kept:
            segments.append(segment)
    return segments, at


def _tile_part(codestream: bytes, start: int) -> tuple[bytes, int]:
    """Return a tile part without comments and with its new length (ISO/IEC 15444-1 A.4.2), and its original end."""
    opening = _segment(codestream, start)
    if len(opening) != 12:
        raise DicomError("compressed pixels with a tile part of wrong length")
    (length,) = struct.unpack_from(">I", opening, 6)
    header, at = _header(codestream, start + 12, _TILE_KEPT, until=_SOD)
    end = start + length if length else codestream.find(END_OF_IMAGE, at)
    if end < at or end > len(codestream):
        raise DicomError(_CUT_OFF)
    content = b"".join([*header, codestream[at:end]])
    new_length = 12 + len(content) if length else 0
    return opening[:6] + struct.pack(">I", new_length) + opening[10:] + content, end


def _unpacked(frame: bytes, at: int, size: int) -> tuple[bytes, int]:
    """Return `size` bytes decoded from PackBits from `at` on (PS3.5 G.3.2), and the end of the last code."""
    plane = bytearray()
    while len(plane) < size:
        if at + 1 >= len(frame):
            raise DicomError(_CUT_OFF)
        code = frame[at]
        if code < 128:
            plane += frame[at + 1 : at + 2 + code]
            at += 2 + code
        elif code > 128:
            plane += frame[at + 1 : at + 2] * (257 - code)
            at += 2
        else:
            at += 1
    if at > len(frame):
        raise DicomError(_CUT_OFF)
    return bytes(plane[:size]), at
