"""How large a compressed picture says it is, in its own header.

A decoder asks for memory by the codestream, not by Rows and Columns: a damaged or hostile file may claim terabytes
there. Only the markers that carry the size are read: SIZ of JPEG 2000 (ISO/IEC 15444-1 A.5.1) and the frame headers of
JPEG and JPEG-LS (ITU-T T.81 B.2.2, T.87 C.2.2).
"""

import struct

SOC_AND_SIZ = b"\xff\x4f\xff\x51"
START_OF_FRAME = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7})
"""Second bytes of the markers that open a frame; 0xF7 is JPEG-LS."""

WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})
"""Second bytes of markers that no length follows, up to the start of the scan's own header."""


def coded_size_px(codestream: bytes) -> tuple[int, int] | None:
    """Return (rows, columns) that a JPEG, JPEG-LS or JPEG 2000 codestream claims, or None where none is found."""
    if codestream[:4] == SOC_AND_SIZ:
        return _size_of_jpeg_2000(codestream)
    if codestream[:2] == b"\xff\xd8":
        return _size_of_jpeg(codestream)
    return None


def _size_of_jpeg_2000(codestream: bytes) -> tuple[int, int] | None:
    """SIZ is followed by its length and capabilities, then Xsiz, Ysiz, XOsiz and YOsiz, four bytes each."""
    if len(codestream) < 24:
        return None
    right, lower, left, upper = struct.unpack_from(">4I", codestream, 8)
    return lower - upper, right - left


def _size_of_jpeg(codestream: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(codestream) and codestream[at] == 0xFF:
        marker = codestream[at + 1]
        if marker == 0xFF or marker in WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in START_OF_FRAME:
            rows, columns = struct.unpack_from(">2H", codestream, at + 5)
            return rows, columns
        at += 2 + int(struct.unpack_from(">H", codestream, at + 2)[0])
    return None
