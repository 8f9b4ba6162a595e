"""The positions of the frames in compressed pixel data (PS3.5 A.4), found once instead of again for every frame."""

from dataclasses import dataclass

from pydicom.encaps import generate_fragmented_frames

ITEM_HEADER_BYTES = 8
"""Tag and length of an item (PS3.5 7.5)."""


@dataclass(frozen=True)
class FrameSpans:
    """First byte and end of each fragment of each frame; `problem` says why frames are missing, else it is empty."""

    spans: tuple[tuple[tuple[int, int], ...], ...]
    problem: str

    def codestream(self, pixel_data: bytes, frame: int) -> bytes | None:
        """Return the bytes of one frame, counted from 0, or None where it is absent."""
        if frame >= len(self.spans):
            return None
        return b"".join(pixel_data[first:end] for first, end in self.spans[frame])


def frame_spans(pixel_data: bytes, frames: int) -> FrameSpans:
    """Find the frames of encapsulated pixel data; pydicom decides which fragments belong together.

    Args:
        pixel_data: value of PixelData, from the item of the basic offset table.
        frames: the expected number of frames.
    """
    at = ITEM_HEADER_BYTES + int.from_bytes(pixel_data[4:ITEM_HEADER_BYTES], "little")
    spans = []
    try:
        for fragments in generate_fragmented_frames(pixel_data, number_of_frames=frames):
            span = []
            for fragment in fragments:
                first = at + ITEM_HEADER_BYTES
                at = first + len(fragment)
                span.append((first, at))
            spans.append(tuple(span))
    except Exception as error:  # damaged items raise several kinds of exception; the frames before them are intact
        return FrameSpans(tuple(spans), str(error) or type(error).__name__)
    return FrameSpans(tuple(spans), "")
