"""Enhanced files of many frames: memory in proportion to the file, and work in proportion to its frames."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_samples import enhanced, ramp, save
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from pydicom import encaps
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tfspine.dicom import encapsulated
from tfspine.dicom.pixels import read_pixels
from tfspine.dicom.slice_headers import read_headers
from tfspine.dicom.windows import GreyLevels, survey, windowed_slices

FRAMES = 60
SIZE_PX = 256
MOST_TIMES_THE_FILE = 2.5

PROGRAM = """
import sys, tracemalloc
from pathlib import Path
import imagecodecs, PIL.PngImagePlugin
from tfspine.dicom.deidentify.pseudonyms import random_salt
from tfspine.dicom.slice_headers import read_headers
from tfspine.dicom.ingest import ingest_study

def ingest(path):
    return len(ingest_study(read_headers(path), {path: "one"}, Path(sys.argv[3]), salt=random_salt()).rows)

def most_resident():
    # Linux alone tells it of this program; ru_maxrss counts what the process was before, too.
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))

ingest(Path(sys.argv[1]))
before = most_resident()
if sys.argv[4] == "traced":
    tracemalloc.start()
rows = ingest(Path(sys.argv[2]))
traced = tracemalloc.get_traced_memory()[1] if sys.argv[4] == "traced" else 0
print(rows, traced or most_resident() - before)
"""


def noisy(frames: int, size_px: int) -> list[NDArray[np.uint16]]:
    """Return frames that compress to a half, as MR does."""
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(size_px), np.arange(size_px)).astype(np.uint16)
    return [smooth + rng.integers(0, 64, (size_px, size_px)).astype(np.uint16) for _ in range(frames)]


def written(path: Path, frames: list[NDArray[Any]], syntax: UID) -> Path:
    return save(enhanced(frames, [(0.0, 0.0, 4.0 * z) for z in range(len(frames))]), path, syntax)


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not tell what a process had at most"
)
@pytest.mark.parametrize("how", ["resident", "traced"])
@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEGLSLossless,
        JPEG2000Lossless,
    ],
    ids=lambda syntax: syntax.name,
)
def test_memory_is_at_most_two_and_a_half_times_the_file(syntax: UID, how: str, tmp_path: Path) -> None:
    """In a fresh process, after a small file has had the libraries loaded."""
    small = written(tmp_path / "small", [ramp()] * 6, syntax)
    large = written(tmp_path / "large", noisy(FRAMES, SIZE_PX), syntax)
    words = [sys.executable, "-c", PROGRAM, str(small), str(large), str(tmp_path / "out"), how]
    rows, peak_bytes = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    assert int(rows) == FRAMES
    assert 0 < int(peak_bytes) < MOST_TIMES_THE_FILE * large.stat().st_size


@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless, JPEG2000Lossless], ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("is_backwards", [False, True])
def test_every_fragment_is_looked_for_once(
    syntax: UID, is_backwards: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited = 0

    def counting(*args: Any, **keywords: Any) -> Iterator[tuple[bytes, ...]]:
        nonlocal visited
        for fragments in encaps.generate_fragmented_frames(*args, **keywords):
            visited += len(fragments)
            yield fragments

    monkeypatch.setattr(encapsulated, "generate_fragmented_frames", counting)
    frames = [ramp(step=step) for step in (1, 2, 3, 1, 2, 3, 1, 2, 3, 1)]
    headers = read_headers(written(tmp_path / "one", frames, syntax))
    ordered = headers[::-1] if is_backwards else headers
    got = [pixels for _, pixels in read_pixels(ordered)]
    np.testing.assert_array_equal(got[::-1] if is_backwards else got, [2.0 * frame - 5.0 for frame in frames])
    assert visited == len(frames)


@pytest.mark.parametrize("frames", [1, 3, 7])
@pytest.mark.parametrize("fragments", [1, 2, 3])
@pytest.mark.parametrize("has_bot", [True, False])
def test_spans_are_those_of_pydicom(frames: int, fragments: int, has_bot: bool) -> None:
    """JPEG frames in one or several fragments, with and without a basic offset table."""
    rng = np.random.default_rng(frames)
    content = [b"\xff\xd8" + rng.bytes(60).replace(b"\xff", b"\0") + b"\xff\xd9" for _ in range(frames)]
    pixel_data = encaps.encapsulate(content, fragments_per_frame=fragments, has_bot=has_bot)
    expected = list(encaps.generate_frames(pixel_data, number_of_frames=frames))
    spans = encapsulated.frame_spans(pixel_data, frames)
    assert [spans.codestream(pixel_data, number) for number in range(frames)] == expected
    assert spans.codestream(pixel_data, frames) is None


def test_slices_of_a_large_file_are_shown_as_those_of_small_ones(tmp_path: Path) -> None:
    frames = [ramp(step=step) for step in (1, 2, 3)]
    path = written(tmp_path / "one", frames, JPEGLSLossless)
    seen = survey(read_headers(path)[::-1])
    assert [header.frame for header in seen.readable] == [0, 1, 2]
    assert seen.kept == {}
    low, high = np.percentile(2.0 * np.stack(frames) - 5.0, [0.5, 99.5])
    assert seen.limits == pytest.approx((low, high))
    pictures = [picture for _, picture in windowed_slices(seen)]
    expected = [np.clip(np.rint((2.0 * frame - 5.0 - low) * 255 / (high - low)), 0, 255) for frame in frames]
    np.testing.assert_allclose(pictures, expected, atol=1)


@given(st.lists(arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-1e6, 1e6, width=32)),
                min_size=1, max_size=5), st.floats(0, 100))  # fmt: skip
def test_percentiles_of_counted_levels_are_numpys(pictures: list[NDArray[np.float32]], percent: float) -> None:
    levels = GreyLevels()
    for picture in pictures:
        levels.add(picture)
    together = np.concatenate([picture.ravel() for picture in pictures]).astype(np.float64)
    assert levels.percentiles([percent])[0] == pytest.approx(np.percentile(together, percent), rel=1e-9, abs=1e-6)
