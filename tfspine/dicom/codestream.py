"""The image size that the header of a compressed image declares.

A decoder allocates memory according to the codestream, not to Rows and Columns, and a damaged or hostile file may
declare terabytes there. Only the markers that hold the size are read: SIZ of JPEG 2000 (ISO/IEC 15444-1 A.5.1) and the
frame headers of JPEG and JPEG-LS (ITU-T T.81 B.2.2, T.87 C.2.2).
"""

import struct
from dataclasses import dataclass

SOC_AND_SIZ = b"\xff\x4f\xff\x51"
JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
"""Start of a JP2 file; some writers leave its boxes around the codestream, although PS3.5 A.4.4 forbids it."""

START_OF_IMAGE, END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
"""The markers at both ends of a codestream (ITU-T T.81 B.1.1.3)."""

START_OF_FRAME = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7})
"""Second bytes of the markers that open a frame; 0xF7 is JPEG-LS."""

WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})
"""Second bytes of markers that are not followed by a length, up to the start of the scan header."""


@dataclass(frozen=True)
class CodedSize:
    """What a codestream declares: `size_px` is (rows, columns), `components` is 1 for greyscale."""

    size_px: tuple[int, int]
    components: int


def coded_size(codestream: bytes) -> CodedSize | None:
    """Return what a JPEG, JPEG-LS or JPEG 2000 codestream declares, or None for any other data."""
    if codestream.startswith(JP2_SIGNATURE):
        codestream = _unboxed(codestream)
    if codestream.startswith(SOC_AND_SIZ):
        return _size_of_jpeg_2000(codestream)
    if codestream.startswith(START_OF_IMAGE):
        return _size_of_jpeg(codestream)
    return None


def coded_precision(codestream: bytes) -> int | None:
    """Return the bits per sample that a bare codestream declares, or None for any other data.

    SIZ stores them in the first byte of a component (without the sign bit, plus one), a frame header after its length.
    """
    if codestream.startswith(SOC_AND_SIZ):
        return (codestream[42] & 0x7F) + 1 if len(codestream) > 42 else None
    place = _frame_header(codestream) if codestream.startswith(START_OF_IMAGE) else None
    return None if place is None else codestream[place + 4]


def _unboxed(jp2: bytes) -> bytes:
    """Return the codestream of a JP2 file, from its first jp2c box (ISO/IEC 15444-1 I.4); empty if it has none."""
    at = 0
    while at + 8 <= len(jp2):
        length, kind = struct.unpack_from(">I4s", jp2, at)
        if kind == b"jp2c":
            return jp2[at + 8 :]
        if length < 8:
            break
        at += length
    return b""


def _size_of_jpeg_2000(codestream: bytes) -> CodedSize | None:
    """SIZ is followed by its length and capabilities, then four bytes each of image, origin, tile and tile origin."""
    if len(codestream) < 42:
        return None
    right, lower, left, upper = struct.unpack_from(">4I", codestream, 8)
    (components,) = struct.unpack_from(">H", codestream, 40)
    return CodedSize((lower - upper, right - left), components)


def _size_of_jpeg(codestream: bytes) -> CodedSize | None:
    """A frame header is its marker, length and precision, then rows, columns and the number of components."""
    at = _frame_header(codestream)
    if at is None:
        return None
    rows, columns, components = struct.unpack_from(">2HB", codestream, at + 5)
    return CodedSize((rows, columns), components)


def _frame_header(codestream: bytes) -> int | None:
    """Return where the marker of the frame header is."""
    at = len(START_OF_IMAGE)
    while at + 10 <= len(codestream) and codestream[at] == 0xFF:
        marker = codestream[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in WITHOUT_LENGTH:
            at += 2
        elif marker in START_OF_FRAME:
            return at
        else:
            at += 2 + int(struct.unpack_from(">H", codestream, at + 2)[0])
    return None
