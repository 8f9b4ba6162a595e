"""Everything but pixels is removed from PixelData, and the decoded pixels stay the same."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dicom_samples as samples
import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import (
    MPEG4HP41,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tfspine.cli.main import main
from tfspine.dicom.deidentify.bare_codestreams import bare_jpeg, bare_jpeg_2000, bare_rle
from tfspine.dicom.pixels import read_pixels
from tfspine.dicom.slice_headers import read_headers
from tfspine.errors import DicomError

NAME = b"Ferris"
"""Of somebody whom no header names."""

COMPRESSED = (JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless)
Stored = NDArray[np.integer[Any]]


@pytest.fixture
def clean(tmp_path: Path) -> Callable[[Dataset, UID], tuple[Path, Path]]:
    """Return a function that writes a data set, de-identifies it and gives both files."""
    salt = tmp_path / "salt"
    salt.write_text("a salt of more than sixteen bytes")
    salt.chmod(0o600)

    def run(ds: Dataset, syntax: UID) -> tuple[Path, Path]:
        ds.file_meta.TransferSyntaxUID = syntax
        before = tmp_path / "in" / "image"
        before.parent.mkdir()
        ds.save_as(before, enforce_file_format=True)
        words = ("--out", str(tmp_path / "out"), "--salt-file", str(salt))
        assert main(["deidentify", str(before.parent), *words]) == 0
        (after,) = (tmp_path / "out").rglob("*.dcm")
        return before, after

    return run


def grey(path: Path) -> list[Any]:
    return [pixels for _, pixels in read_pixels(read_headers(path))]


def assert_same(before: Path, after: Path) -> None:
    """The same pixels, and no name in any byte."""
    old, new = grey(before), grey(after)
    assert len(old) == len(new)
    for first, second in zip(old, new, strict=True):
        np.testing.assert_array_equal(first, second)
    assert NAME.lower() in before.read_bytes().lower()
    assert NAME.lower() not in after.read_bytes().lower()


def compressed(tmp_path: Path, syntax: UID, pixels: Stored | None = None) -> tuple[Dataset, list[bytes]]:
    """Return an image in a compressed encoding, and its frames."""
    path = samples.save(samples.classic(pixels), tmp_path / "sample", syntax)
    ds = pydicom.dcmread(path)
    return ds, list(generate_frames(ds.PixelData, number_of_frames=1))


def with_frames(ds: Dataset, frames: list[bytes]) -> Dataset:
    ds.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2) for frame in frames])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    return ds


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">HH", marker, len(content) + 2) + content


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_what_follows_the_picture_goes(
    tmp_path: Path, clean: Callable[[Dataset, UID], tuple[Path, Path]], syntax: UID
) -> None:
    """Bytes behind the end marker or the last segment, and a fragment behind the last frame."""
    ds, (frame,) = compressed(tmp_path, syntax)
    assert_same(*clean(with_frames(ds, [frame + b"by " + NAME, b"seen by " + NAME]), syntax))


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_what_is_bare_already_stays_byte_for_byte(
    tmp_path: Path, clean: Callable[[Dataset, UID], tuple[Path, Path]], syntax: UID
) -> None:
    before = samples.ENCODERS.get(syntax)
    ds, (frame,) = compressed(tmp_path, syntax, samples.ramp() % 4096 if before else None)
    bare = {RLELossless: lambda data: data, JPEG2000Lossless: bare_jpeg_2000}.get(syntax, bare_jpeg)(frame)
    _, after = clean(with_frames(ds, [bare]), syntax)
    got = pydicom.dcmread(after)
    assert got.file_meta.TransferSyntaxUID == syntax
    assert got.PixelData == ds.PixelData


@pytest.mark.parametrize("marker", [0xFFFE, 0xFFE0, 0xFFE1, 0xFFED, 0xFFEE, 0xFFEF])
@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless])
def test_comments_and_application_data_go(
    tmp_path: Path, clean: Callable[[Dataset, UID], tuple[Path, Path]], syntax: UID, marker: int
) -> None:
    ds, (frame,) = compressed(tmp_path, syntax)
    assert_same(*clean(with_frames(ds, [frame[:2] + segment(marker, b"by Dr " + NAME) + frame[2:]]), syntax))


def test_a_comment_between_the_headers_goes_and_lossy_pixels_stay(
    tmp_path: Path, clean: Callable[[Dataset, UID], tuple[Path, Path]]
) -> None:
    """A baseline JPEG, which cannot be encoded again without changing it."""
    pixels = (np.add.outer(np.arange(34) * 3, np.arange(40) * 2) % 256).astype(np.uint8)
    jpeg = imagecodecs.jpeg8_encode(pixels, level=80)
    at = jpeg.index(b"\xff\xda")
    ds = samples.classic(pixels)
    ds = with_frames(ds, [jpeg[:at] + segment(0xFFFE, b"Mrs " + NAME) + jpeg[at:]])
    assert_same(*clean(ds, pydicom.uid.JPEGBaseline8Bit))


@pytest.mark.parametrize(
    "boxes",
    [
        (b"xml ", b"<patient>Ferris</patient>"),
        (b"uuid", bytes(16) + b"Ferris"),
        (b"uinf", b"Ferris"),
        (b"jp2i", b"Ferris"),
    ],
)
@pytest.mark.parametrize("is_after", [False, True])
def test_boxes_around_a_codestream_go(
    tmp_path: Path,
    clean: Callable[[Dataset, UID], tuple[Path, Path]],
    boxes: tuple[bytes, bytes],
    is_after: bool,
) -> None:
    jp2 = imagecodecs.jpeg2k_encode(samples.ramp(), codecformat="jp2", reversible=True, level=0)
    at = jp2.index(b"jp2c") - 4
    length, codestream = struct.unpack(">I", jp2[at : at + 4])[0], jp2[at + 8 :]
    assert length in (0, len(jp2) - at)
    head, more = jp2[:at], box(*boxes)
    frame = head + box(b"jp2c", codestream) + more if is_after else head + more + box(b"jp2c", codestream)
    before, after = clean(with_frames(samples.classic(), [frame]), JPEG2000Lossless)
    assert_same(before, after)
    (bare,) = generate_frames(pydicom.dcmread(after).PixelData, number_of_frames=1)
    assert bare.startswith(b"\xff\x4f\xff\x51")


def test_comments_of_a_codestream_and_of_its_tile_parts_go(
    tmp_path: Path, clean: Callable[[Dataset, UID], tuple[Path, Path]]
) -> None:
    ds, (frame,) = compressed(tmp_path, JPEG2000Lossless)
    comment = segment(0xFF64, b"\0\1by " + NAME)
    start = frame.index(b"\xff\x90")
    (length,) = struct.unpack_from(">I", frame, start + 6)
    opening = frame[start : start + 6] + struct.pack(">I", length + len(comment)) + frame[start + 10 : start + 12]
    marked = frame[:start] + comment + opening + comment + frame[start + 12 :]
    assert_same(*clean(with_frames(ds, [marked]), JPEG2000Lossless))


def test_unused_places_of_an_rle_header_and_gaps_between_segments_go(
    tmp_path: Path, clean: Callable[[Dataset, UID], tuple[Path, Path]]
) -> None:
    ds, (frame,) = compressed(tmp_path, RLELossless)
    count, first, second, *_ = struct.unpack_from("<16I", frame)
    text = b"by " + NAME + b"."
    header = struct.pack("<3I", count, first, second + len(text)) + text.ljust(52, b"\0")
    assert_same(*clean(with_frames(ds, [header + frame[first:second] + text + frame[second:]]), RLELossless))


def test_frames_of_many_keep_their_order_and_lose_what_follows(
    tmp_path: Path, clean: Callable[[Dataset, UID], tuple[Path, Path]]
) -> None:
    """With an Extended Offset Table, whose places are no longer true."""
    pictures = [samples.ramp(step=step) % 4096 for step in (1, 2, 3)]
    ds = samples.enhanced(pictures, [(0.0, 0.0, 4.0 * number) for number in range(3)])
    coded = [imagecodecs.jpegls_encode(picture) for picture in pictures]
    marked = [frame[:2] + segment(0xFFFE, b"Mr " + NAME) + frame[2:] for frame in coded]
    marked = [frame + b"\0" * (len(frame) % 2) for frame in marked]
    ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(marked)
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    before, after = clean(ds, JPEGLSLossless)
    assert_same(before, after)
    assert "ExtendedOffsetTable" not in pydicom.dcmread(after)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, *COMPRESSED])
@pytest.mark.parametrize(("is_signed", "stored", "high_bit"), [(False, 12, 11), (True, 12, 11), (False, 12, 15)])
def test_overlays_in_unused_bits_go_and_stored_bits_stay(
    tmp_path: Path,
    clean: Callable[[Dataset, UID], tuple[Path, Path]],
    syntax: UID,
    is_signed: bool,
    stored: int,
    high_bit: int,
) -> None:
    """The bits that an overlay of old files takes (PS3.5 8.1.2), drawn as a word of 16 by 16 pixels."""
    values = np.arange(34 * 40).reshape(34, 40) * 3 % (1 << stored)
    below = high_bit + 1 - stored
    free = [bit for bit in range(16) if not below <= bit <= high_bit]
    drawn = np.zeros((34, 40), np.int64)
    drawn[8:24, 8:24] = 1 << free[-1]
    coded = (values << below | drawn).astype(np.uint16)
    ds = samples.classic(coded, BitsStored=stored, HighBit=high_bit, PixelRepresentation=int(is_signed))
    if is_signed and syntax == JPEG2000Lossless:
        coded = coded.astype(np.uint16).view(np.int16)
    if syntax in samples.ENCODERS:
        ds = with_frames(ds, [samples.ENCODERS[syntax](coded)])
    elif syntax == RLELossless:
        ds.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        ds.PixelData = coded.astype(">u2").tobytes()
    before, after = clean(ds, syntax)
    got = pydicom.dcmread(after)
    assert not got.file_meta.TransferSyntaxUID.is_encapsulated
    order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
    bits = np.frombuffer(got.PixelData, order).astype(np.int64).reshape(34, 40)
    sign = values >> (stored - 1) & 1 if is_signed else np.zeros_like(values)
    unused = sum(1 << bit for bit in free if bit > high_bit)
    np.testing.assert_array_equal(bits, values << below | sign * unused)
    np.testing.assert_array_equal(grey(before)[0], grey(after)[0])


def test_overlay_planes_go(tmp_path: Path, clean: Callable[[Dataset, UID], tuple[Path, Path]]) -> None:
    ds = samples.classic()
    for group in (0x6000, 0x6002, 0x601E):
        ds.add_new(group << 16 | 0x0010, "US", 12)
        ds.add_new(group << 16 | 0x0022, "LO", NAME.decode())
        ds.add_new(group << 16 | 0x3000, "OW", b"\1" * 24)
    before, after = clean(ds, ExplicitVRLittleEndian)
    assert_same(before, after)
    assert [element for element in pydicom.dcmread(after) if element.tag.group >> 8 == 0x60] == []


def test_pixels_of_something_else_go(tmp_path: Path, clean: Callable[[Dataset, UID], tuple[Path, Path]]) -> None:
    """In items of sequences, as floats, and tables of places of frames that are not there."""
    ds = samples.classic()
    item = samples.group(PixelData=b"by " + NAME + b".", Rows=1)
    item["PixelData"].VR = "OW"
    ds.MRImagingModifierSequence = [item]
    ds.add_new(0x7FE00008, "OF", (b"by " + NAME).ljust(16))
    for tag in (0x7FE00001, 0x7FE00002):
        ds.add_new(tag, "OV", (b"by " + NAME).ljust(16))
    before, after = clean(ds, ExplicitVRLittleEndian)
    assert NAME.lower() in before.read_bytes().lower()
    assert NAME.lower() not in after.read_bytes().lower()
    np.testing.assert_array_equal(grey(after)[0], samples.ramp())
    assert "Rows" in pydicom.dcmread(after).MRImagingModifierSequence[0]


@pytest.mark.parametrize("name", ["Doerr^J", "Ferri^Jo", "Quill"])
def test_a_short_name_of_the_patient_in_stored_pixels_is_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight stored bits of eight: the bytes are pixels, and pixels are never changed."""
    pixels = samples.ramp(dtype="uint8")
    text = name.split("^", maxsplit=1)[0].upper().encode()
    pixels.ravel()[100 : 100 + len(text)] = np.frombuffer(text, np.uint8)
    samples.save(samples.classic(pixels, PatientName=name), tmp_path / "in" / "image")
    words = ("--out", str(tmp_path / "out"), "--salt-file", str(tmp_path / "salt"), "--create-salt")
    assert main(["deidentify", str(tmp_path / "in"), *words]) == 2
    assert "an identifier occurs in the bytes of PixelData" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("syntax", "content", "reason"),
    [
        (MPEG4HP41, b"\xff\x0a", "decompress the file first"),
        (JPEGLosslessSV1, b"\xff\xd8\xff\xda\0\4ab", "cut off"),
        (JPEGExtended12Bit, b"\xff\xd8\xff\xfe\xff\xff", "cut off"),
        (JPEG2000Lossless, b"\xff\x4f\xff\x51\0\4ab", "cut off"),
        (JPEG2000Lossless, b"Ferris", "do not start as JPEG 2000"),
        (RLELossless, b"\2", "cut off"),
        (RLELossless, struct.pack("<16I", 3, 64, 66, 68, *[0] * 12) + bytes(8), "3 segments; BitsAllocated requires 2"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(
    tmp_path: Path, syntax: UID, content: bytes, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ds = with_frames(samples.classic(), [content])
    ds.file_meta.TransferSyntaxUID = syntax
    (tmp_path / "in").mkdir()
    ds.save_as(tmp_path / "in" / "image", enforce_file_format=True)
    words = ("--out", str(tmp_path / "out"), "--salt-file", str(tmp_path / "salt"), "--create-salt")
    assert main(["deidentify", str(tmp_path / "in"), *words]) == 2
    assert reason in capsys.readouterr().err


@given(st.binary(max_size=200), st.sampled_from([b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  \r\n\x87\n"]))
def test_damaged_codestreams_are_refused_or_bare(damage: bytes, start: bytes) -> None:
    """Nothing but a `DicomError` comes out, and what is bare stays so."""
    for bare in (bare_jpeg, bare_jpeg_2000):
        try:
            once = bare(start + damage)
        except DicomError:
            continue
        assert bare(once) == once


@given(st.binary(max_size=120))
def test_damaged_rle_is_refused_or_bare(damage: bytes) -> None:
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + damage
    try:
        once, (plane,) = bare_rle(frame, segments=1, pixels=40)
    except DicomError:
        return
    assert len(plane) == 40
    assert bare_rle(once, segments=1, pixels=40) == (once, (plane,))
