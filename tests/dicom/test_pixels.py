"""Pixels: the same grey values from every encoding, and values worked out by hand for every rule of PS3.3."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from dicom_samples import ENCODERS, SYNTAXES, classic, enhanced, ramp, save
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)

from tfspine.dicom.codestream import CodedSize, coded_size
from tfspine.dicom.pixels import read_pixels, window, window_limits
from tfspine.dicom.slice_headers import read_headers
from tfspine.errors import DicomError

Pixels = NDArray[np.float32]


def grey_of(path: Path) -> list[Pixels | DicomError]:
    return [pixels for _, pixels in read_pixels(read_headers(path))]


def grey(tmp_path: Path, stored: Any, *, syntax: UID = ExplicitVRLittleEndian, **attributes: Any) -> Pixels:
    """Return the grey values of one image, whose stored values are given as a small table."""
    (pixels,) = grey_of(save(classic(np.asarray(stored), **attributes), tmp_path / "one", syntax))
    assert not isinstance(pixels, DicomError), pixels
    assert pixels.dtype == np.float32
    assert pixels.dtype.isnative
    return pixels


def refusal(path: Path) -> str:
    (reason,) = grey_of(path)
    assert isinstance(reason, DicomError)
    return str(reason)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_every_encoding_gives_the_same_pixels(syntax: UID, tmp_path: Path) -> None:
    np.testing.assert_array_equal(grey(tmp_path, ramp(), syntax=syntax), ramp())


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_every_encoding_gives_the_same_frames(syntax: UID, tmp_path: Path) -> None:
    """Rescaled by the shared group: 2 x stored - 5."""
    frames = [ramp(step=step) for step in (1, 2, 3)]
    path = save(enhanced(frames, [(0.0, 0.0, 4.0 * z) for z in range(3)]), tmp_path / "one", syntax)
    np.testing.assert_array_equal(grey_of(path), [2.0 * frame - 5.0 for frame in frames])


@pytest.mark.parametrize("syntax", [s for s in SYNTAXES if s != JPEGLosslessSV1], ids=lambda syntax: syntax.name)
def test_every_encoding_gives_eight_bits(syntax: UID, tmp_path: Path) -> None:
    """33 x 37: an odd number of bytes, which big endian OW and the even length of elements could trip over."""
    stored = (np.arange(33 * 37) % 251).reshape(33, 37).astype(np.uint8)
    np.testing.assert_array_equal(grey(tmp_path, stored, syntax=syntax), stored)


@pytest.mark.parametrize("syntax", [s for s in SYNTAXES if s != JPEGLosslessSV1], ids=lambda syntax: syntax.name)
def test_every_encoding_gives_signed_values(syntax: UID, tmp_path: Path) -> None:
    stored = ramp(dtype="int16") - 2040
    np.testing.assert_array_equal(grey(tmp_path, stored, syntax=syntax), stored)


def test_jpeg_lossless_with_all_sixteen_bits(tmp_path: Path) -> None:
    """Differences of every category, up to the whole range of 16 bits, unsigned and signed."""
    stored = np.array([[0, 65535, 0, 1], [32768, 0, 32767, 65535]], np.uint16)
    bits = {"BitsStored": 16, "HighBit": 15}
    assert grey(tmp_path, stored, syntax=JPEGLosslessSV1, **bits).tolist() == stored.tolist()
    signed = grey(tmp_path, stored, syntax=JPEGLosslessSV1, **bits, PixelRepresentation=1)
    assert signed.tolist() == [[0, -1, 0, 1], [-32768, 0, 32767, -1]]


@pytest.mark.parametrize("predictor", range(1, 8))
def test_jpeg_lossless_with_every_predictor(predictor: int, tmp_path: Path) -> None:
    """ITU-T T.81 table H.1; SV1 allows the first alone."""
    codestream = imagecodecs.jpeg8_encode(ramp(), lossless=True, predictor=predictor, bitspersample=12)
    np.testing.assert_array_equal(grey_of(coded(codestream, tmp_path / "one", JPEGLossless))[0], ramp())


def test_lossy_jpeg_with_twelve_bits(tmp_path: Path) -> None:
    """Process 4: a smooth picture comes back to a grey value or two."""
    stored = (np.add.outer(np.arange(34), np.arange(40)) * 50).astype(np.uint16)
    codestream = imagecodecs.jpeg8_encode(stored, level=98, bitspersample=12)
    (got,) = grey_of(coded(codestream, tmp_path / "one", JPEGExtended12Bit))
    np.testing.assert_allclose(got, stored, atol=2)


def coded(codestream: bytes, path: Path, syntax: UID) -> Path:
    """Write a classic image around a codestream."""
    ds = classic(PixelData=encapsulate([codestream]))
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(path, enforce_file_format=True)
    return path


def test_big_endian_eight_bits_in_words(tmp_path: Path) -> None:
    """PS3.5 A.3: pixels of 8 bits in OW lie pairwise swapped in a big endian file."""
    ds = classic(np.array([[1, 2, 3], [4, 5, 6]], np.uint8))
    ds.PixelData = bytes([2, 1, 4, 3, 6, 5])
    ds["PixelData"].VR = "OW"
    (pixels,) = grey_of(save(ds, tmp_path / "one", ExplicitVRBigEndian))
    assert not isinstance(pixels, DicomError)
    assert pixels.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_rescale_by_hand(tmp_path: Path) -> None:
    """PS3.3 C.11.1.1.2: stored x slope + intercept."""
    got = grey(tmp_path, np.array([[0, 10], [100, 4095]], np.uint16), RescaleSlope="0.5", RescaleIntercept="-20")
    assert got.tolist() == [[-20, -15], [30, 2027.5]]


def test_a_negative_slope_turns_values(tmp_path: Path) -> None:
    got = grey(tmp_path, np.array([[1, 2]], np.uint16), RescaleSlope="-1", RescaleIntercept="10")
    assert got.tolist() == [[9, 8]]


def test_monochrome1_is_turned_after_rescaling(tmp_path: Path) -> None:
    """PS3.3 C.7.6.3.1.2: its lowest value is white."""
    got = grey(tmp_path, np.array([[0, 7]], np.uint16), PhotometricInterpretation="MONOCHROME1", RescaleSlope="2")
    assert got.tolist() == [[0, -14]]


@pytest.mark.parametrize(
    ("stored", "attributes", "expected"),
    [
        ([[0, 5, 9]], {"PixelPaddingValue": 0}, [[5, 5, 9]]),
        ([[63, 5, 9, 60]], {"PixelPaddingValue": 60, "PixelPaddingRangeLimit": 63}, [[5, 5, 9, 5]]),
        ([[63, 5, 9, 60]], {"PixelPaddingValue": 63, "PixelPaddingRangeLimit": 60}, [[5, 5, 9, 5]]),
        ([[0, 5, 9]], {"PixelPaddingValue": 0, "PhotometricInterpretation": "MONOCHROME1"}, [[-9, -5, -9]]),
        ([[0, 5, 9]], {"PixelPaddingValue": 0, "RescaleIntercept": "-20"}, [[-15, -15, -11]]),
        ([[3, 3]], {"PixelPaddingValue": 3}, [[3, 3]]),
    ],
    ids=["one value", "a range", "a range named backwards", "monochrome1", "before rescaling", "nothing but padding"],
)
def test_padding_is_as_dark_as_the_darkest_measured(
    stored: list[list[int]], attributes: dict[str, Any], expected: list[list[int]], tmp_path: Path
) -> None:
    """PS3.3 C.7.5.1.1.2: stored values that stand for no measurement, before the modality transformation."""
    assert grey(tmp_path, np.array(stored, np.uint16), **attributes).tolist() == expected


@pytest.mark.parametrize("syntax", [s for s in SYNTAXES if not s.is_compressed], ids=lambda syntax: syntax.name)
def test_signed_padding(syntax: UID, tmp_path: Path) -> None:
    """The padding value has the sign of the pixels: US or SS, whichever PixelRepresentation says."""
    stored = np.array([[-2000, -3, 9, 0]], np.int16)
    assert grey(tmp_path, stored, syntax=syntax, PixelPaddingValue=-2000).tolist() == [[-3, -3, 9, 0]]


@pytest.mark.parametrize(
    ("word", "bits", "expected"),
    [
        (0xF123, {"BitsStored": 12, "HighBit": 11}, 0x123),
        (0x1230, {"BitsStored": 12, "HighBit": 15}, 0x123),
        (0xF823, {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1}, 0x823 - 0x1000),
        (0x0FFF, {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1}, -1),
        (0x8001, {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1}, -0x7FFF),
        (0x00A5, {"BitsStored": 1, "HighBit": 0}, 1),
    ],
)
def test_bits_beside_the_stored_ones_are_no_pixels(
    word: int, bits: dict[str, int], expected: int, tmp_path: Path
) -> None:
    """Old files keep an overlay in the unused bits (PS3.5 8.1.1, retired overlays in PS3.3-2003 C.9.2)."""
    assert grey(tmp_path, np.array([[word, 0]], np.uint16), **bits)[0, 0] == expected


def test_a_short_native_image_is_refused_and_one_too_long_is_read(tmp_path: Path) -> None:
    ds = classic()
    ds.PixelData = ds.PixelData[:-2]
    assert "pixels cannot be decoded" in refusal(save(ds, tmp_path / "short"))
    ds = classic()
    ds.PixelData += b"\0" * 10
    np.testing.assert_array_equal(grey_of(save(ds, tmp_path / "long"))[0], ramp())


def test_an_image_without_pixels_is_refused(tmp_path: Path) -> None:
    assert refusal(save(classic(PixelData=None), tmp_path / "one")) == "PixelData is absent"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless], ids=lambda syntax: syntax.name)
def test_an_enhanced_image_cut_off_is_refused_frame_by_frame(syntax: UID, tmp_path: Path) -> None:
    frames = [ramp(step=step) for step in (1, 2)]
    ds = enhanced(frames, [(0.0, 0.0, 4.0 * z) for z in range(2)])
    path = save(ds, tmp_path / "one", syntax)
    path.write_bytes(path.read_bytes()[:-1000])
    for pixels in grey_of(path):
        assert isinstance(pixels, DicomError)


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEG2000Lossless], ids=lambda syntax: syntax.name)
def test_a_codestream_larger_than_its_header_is_refused_before_it_is_decoded(
    syntax: UID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfspine.dicom.pixels.pixel_array", lambda *_, **__: pytest.fail("decoded"))
    path = save(classic(), tmp_path / "one", syntax)
    at = {JPEGLosslessSV1: b"\x00\x22\x00\x28", JPEG2000Lossless: b"\x00\x00\x00\x28\x00\x00\x00\x22"}[syntax]
    content = path.read_bytes()
    place = content.index(at, content.index(b"\xff\xd8\xff" if syntax == JPEGLosslessSV1 else b"\xff\x4f\xff\x51"))
    path.write_bytes(content[:place] + b"\x7f" * 2 + content[place + 2 :])
    assert "Rows and Columns say [34, 40]" in refusal(path)


def test_a_compressed_image_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = coded(b"not a picture at all", tmp_path / "one", JPEG2000Lossless)
    assert refusal(path) == "compressed pixels do not start as JPEG, JPEG-LS or JPEG 2000 do"


@pytest.mark.parametrize("left", [0.5, 0.99])
def test_a_jpeg_that_is_cut_off_is_refused(left: float, tmp_path: Path) -> None:
    codestream = ENCODERS[JPEGLosslessSV1](ramp())
    path = coded(codestream[: int(left * len(codestream))], tmp_path / "one", JPEGLosslessSV1)
    assert refusal(path) == "compressed pixels are cut off before their end"


def test_damaged_runs_are_refused(tmp_path: Path) -> None:
    path = save(classic(), tmp_path / "one", RLELossless)
    content = path.read_bytes()
    start = content.index(b"\x02\x00\x00\x00\x40\x00\x00\x00") + 64  # two segments, the first after its 64 bytes
    path.write_bytes(content[:start] + b"\x80" * 200 + content[start + 200 :])
    assert "pixels cannot be decoded" in refusal(path)


def test_a_codestream_in_jp2_boxes_is_measured_and_read(tmp_path: Path) -> None:
    """A JP2 file around the codestream, which PS3.5 forbids and writers leave: signature, type, header, codestream."""
    ds = classic()
    save(ds, tmp_path / "plain", JPEG2000Lossless)
    (codestream,) = generate_frames(ds.PixelData, number_of_frames=1)
    header = _box(b"ihdr", bytes([0, 0, 0, 34, 0, 0, 0, 40, 0, 1, 15, 7, 0, 0]))
    header += _box(b"colr", bytes([1, 0, 0, 0, 0, 0, 17]))
    boxes = _box(b"jP  ", b"\r\n\x87\n") + _box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + _box(b"jp2h", header)
    jp2 = boxes + _box(b"jp2c", codestream)
    assert coded_size(jp2) == CodedSize((34, 40), 1)
    np.testing.assert_array_equal(grey_of(coded(jp2, tmp_path / "one", JPEG2000Lossless))[0], ramp())


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


@pytest.mark.parametrize(
    ("codestream", "expected"),
    [
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xf7\x00\x0b\x10\x01\x00\x02\x00\x01", CodedSize((256, 512), 1)),
        (b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x10\x00\x20\x03", CodedSize((16, 32), 3)),
        (b"\xff\xd8\xff\xda\x00\x08abcdefgh", None),
        (b"\xff\xd8" + b"\xff" * 100, None),
        (b"\xff\x4f\xff\x51\x00\x29", None),
        (b"", None),
    ],
    ids=["JPEG-LS after a comment and fill", "baseline colour", "a scan without frame", "fill only", "cut", "nothing"],
)
def test_coded_size_by_hand(codestream: bytes, expected: CodedSize | None) -> None:
    assert coded_size(codestream) == expected


@given(st.binary(max_size=200))
def test_coded_size_of_noise_ends(noise: bytes) -> None:
    for start in (b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  \r\n\x87\n"):
        coded_size(start + noise)


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-1e6, 1e6, width=32)))
def test_a_window_keeps_the_order_of_grey_values_and_uses_all_of_them(pixels: Pixels) -> None:
    limits = window_limits([pixels])
    shown = window(pixels, limits)
    order = np.argsort(pixels, axis=None)
    assert (np.diff(shown.ravel()[order].astype(int)) >= 0).all()
    if limits[1] > limits[0]:
        assert (shown.min(), shown.max()) == (0, 255)
