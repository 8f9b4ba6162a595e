"""Comments and application segments inside compressed pixels, where encoders may write text."""

from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments

_STARTS = (b"\xff\xd8", b"\xff\x4f")
"""Start of image (ISO/IEC 10918-1 B.1.1.3, also JPEG-LS) and start of codestream (ISO/IEC 15444-1 A.4.1)."""

_ENDS_HEADER = (0xDA, 0x93)
"""Start of scan, start of data: a decoder reads no comment after it."""

_COMMENTS = frozenset({0xFE, 0x64, *range(0xE0, 0xF0)})
"""COM of JPEG, COM of JPEG 2000, APP0 to APP15."""


def comments(ds: Dataset) -> Iterator[bytes]:
    """Yield the text segments of the headers of all fragments; nothing for uncompressed and RLE images."""
    if not ds.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    for fragment in generate_fragments(ds.PixelData):
        if fragment[:2] in _STARTS:
            yield from _segments(fragment)


def _segments(fragment: bytes) -> Iterator[bytes]:
    at = 2
    while at + 4 <= len(fragment) and fragment[at] == 0xFF and fragment[at + 1] not in _ENDS_HEADER:
        end = at + 2 + int.from_bytes(fragment[at + 2 : at + 4], "big")
        if fragment[at + 1] in _COMMENTS:
            yield fragment[at + 4 : end]
        at = max(end, at + 4)
