"""Values longer or other than their representation allows: read where they can be read, refused by name elsewhere."""

from pathlib import Path

import pytest
from dicom_samples import classic, save
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage

from tfspine.dicom.slice_headers import SliceHeader, read_headers
from tfspine.dicom.values import codes, number, position_numbers, spare_integer, spare_number
from tfspine.errors import DicomError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the values written here


def header_with(tmp_path: Path, syntax: UID = ExplicitVRLittleEndian, **texts: str) -> SliceHeader:
    """Return the header of a file that has these values as they stand here, byte for byte."""
    ds = classic()
    for keyword, text in texts.items():
        value = text.encode() + b" " * (len(text) % 2)
        tag = Tag(tag_for_keyword(keyword) or 0)
        ds[tag] = RawDataElement(tag, dictionary_VR(tag), len(value), value, 0, False, True)
    (header,) = read_headers(save(ds, tmp_path / "one", syntax))
    return header


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ids=lambda syntax: syntax.name)
def test_numbers_longer_than_sixteen_characters_are_read(syntax: UID, tmp_path: Path) -> None:
    header = header_with(
        tmp_path,
        syntax,
        ImagePositionPatient="-107.123456789012345\\12.0000000000000001\\3.50000000000000000000",
        PixelSpacing="0.687500000000000001\\0.50000000000000000",
        RepetitionTime="4000.00000000000000",
        EchoTime="89.9999999999999999999",
    )
    assert header.geometry.position_mm == (-107.123456789012345, 12.0, 3.5)
    assert header.geometry.spacing_mm == (0.6875, 0.5)
    assert (header.sequence.repetition_time_ms, header.sequence.echo_time_ms) == (4000.0, 90.0)


def test_decimal_commas_are_read(tmp_path: Path) -> None:
    header = header_with(
        tmp_path, ImagePositionPatient="1,5\\-2\\-3,25", PixelSpacing="0,5\\0,75", EchoTime="12,5",
        SliceThickness="4,0", RescaleSlope="2,5",
    )  # fmt: skip
    assert (header.geometry.position_mm, header.geometry.spacing_mm) == ((1.5, -2.0, -3.25), (0.5, 0.75))
    assert (header.sequence.echo_time_ms, header.slice_thickness_mm, header.pixels.slope) == (12.5, 4.0, 2.5)


@pytest.mark.parametrize(
    "texts",
    [
        {"InstanceNumber": "A1"},
        {"SeriesNumber": "3a", "AcquisitionNumber": "first"},
        {"AcquisitionNumber": "1.5"},
        {"SliceThickness": "4 mm", "MagneticFieldStrength": "1,5T"},
        {"MagneticFieldStrength": "1,5"},
        {"SeriesDescription": "x" * 100, "Manufacturer": "y" * 100},
        {"StudyDate": "yesterday", "StudyTime": "noon", "PatientBirthDate": "1970"},
        {"FrameOfReferenceUID": "1." + "2" * 80, "SeriesInstanceUID": "1." + "3" * 80},
        {"PatientID": "z" * 80},
    ],
    ids=str,
)
def test_what_no_picture_depends_on_refuses_nothing(texts: dict[str, str], tmp_path: Path) -> None:
    assert header_with(tmp_path, **texts).geometry.size_px == (34, 40)


@pytest.mark.parametrize("keyword", ["RepetitionTime", "EchoTime", "InversionTime", "RescaleSlope", "RescaleIntercept"])
def test_what_the_choice_or_the_picture_depends_on_is_refused_by_name(keyword: str, tmp_path: Path) -> None:
    with pytest.raises(DicomError, match=f"^{keyword} 12 ms; expected a number"):
        header_with(tmp_path, **{keyword: "12 ms"})


@pytest.mark.parametrize(
    ("keyword", "text"),
    [("ImagePositionPatient", "1\\2\\here"), ("PixelSpacing", "0.5,0.5"), ("ImageOrientationPatient", "1\\0\\0\\0\\1")],
)
def test_a_place_that_cannot_be_read_is_refused_by_name(keyword: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(DicomError, match=f"^{keyword} is absent or not"):
        header_with(tmp_path, **{keyword: text})


def test_a_code_of_more_than_sixteen_characters_is_read_in_its_words() -> None:
    got = codes({"ImageType": ["DERIVED_SECONDARY_REFORMATTED", "PRIMARY"]}, "ImageType")
    assert got == ("DERIVED_SECONDARY_REFORMATTED", "DERIVED", "SECONDARY", "REFORMATTED", "PRIMARY")
    assert codes({"ImageType": "DERIVED/SECONDARY"}, "ImageType")[1:] == ("DERIVED", "SECONDARY")
    assert codes({"ImageType": ["ORIGINAL", "PRIMARY", "PROJECTION IMAGE"]}, "ImageType")[2:] == ("PROJECTION IMAGE",)


@given(st.floats(-1e5, 1e5), st.integers(0, 12))
def test_a_number_is_the_same_with_a_comma(value: float, digits: int) -> None:
    text = f"{value:.{digits}f}"
    assert number({"EchoTime": text.replace(".", ",")}, "EchoTime") == number({"EchoTime": text}, "EchoTime")


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_none(text: str) -> None:
    value = spare_number({"SliceThickness": text}, "SliceThickness")
    assert value is None or abs(value) < 1e9
    assert spare_integer({"InstanceNumber": [text, "2"]}, "InstanceNumber") is None or value is not None
    with pytest.raises(DicomError):
        position_numbers({"PixelSpacing": text}, "PixelSpacing", 2)


@pytest.mark.parametrize("attributes", [{}, {"SOPClassUID": None}], ids=["class of MR", "no class"])
def test_modality_may_be_absent(attributes: dict[str, None], tmp_path: Path) -> None:
    """RSNA 2024 leaves it out."""
    ds = classic(Modality=None, **attributes)
    ds.preamble = bytes(128)
    ds.save_as(tmp_path / "one", implicit_vr=False, little_endian=True)
    (header,) = read_headers(tmp_path / "one")
    assert ds.file_meta.MediaStorageSOPClassUID == MRImageStorage
    assert header.geometry.size_px == (34, 40)


@pytest.mark.parametrize(
    ("texts", "given"),
    [
        ({"ContrastBolusAgent": "ohne KM"}, ""),
        ({"ContrastBolusAgent": "No Gadovist"}, ""),
        ({"ContrastBolusAgent": "0.0"}, ""),
        ({"ContrastBolusAgent": "*"}, ""),
        ({"ContrastBolusAgent": "", "ContrastBolusVolume": "0"}, ""),
        ({"ContrastBolusVolume": "15"}, "15 ml"),
        ({"ContrastBolusAgent": "none", "ContrastBolusVolume": "15"}, ""),
        ({"ContrastBolusAgent": "15 ml"}, "15 ml"),
        ({"ContrastBolusAgent": "Gadovist"}, "Gadovist"),
    ],
    ids=str,
)
def test_an_agent_is_given_or_not(texts: dict[str, str], given: str, tmp_path: Path) -> None:
    assert header_with(tmp_path, **texts).sequence.contrast_agent == given
