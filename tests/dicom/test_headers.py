"""Headers: classic and enhanced, what vendors call things, and what is refused in which words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_samples import AXIAL, PATIENT_NAME, SAGITTAL, SYNTAXES, classic, enhanced, group, ramp, save
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tfspine.dicom.files import LARGEST_INFLATED_BYTES, read_dataset
from tfspine.dicom.slice_headers import SliceHeader, read_headers
from tfspine.errors import DicomError
from tfspine.labels import Plane

POSITIONS = [(0.0, 0.0, 12.0), (0.0, 0.0, 8.0), (0.0, 0.0, 4.0)]


def header_of(tmp_path: Path, **attributes: Any) -> SliceHeader:
    (header,) = read_headers(save(classic(**attributes), tmp_path / "one"))
    return header


def refusal(tmp_path: Path, **attributes: Any) -> str:
    with pytest.raises(DicomError) as error:
        header_of(tmp_path, **attributes)
    assert PATIENT_NAME not in str(error.value)
    assert str(tmp_path) not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_a_classic_image_says_the_same_in_every_encoding(syntax: UID, tmp_path: Path) -> None:
    ds = classic(
        SeriesDescription="t2_tse_tra", StudyDescription="MRI L-SPINE", BodyPartExamined="LSPINE",
        RescaleSlope="2.5", RescaleIntercept="-3", PixelPaddingValue=0, ScanOptions=["PFP", "FS"],
        MagneticFieldStrength="1.5",
    )  # fmt: skip
    (header,) = read_headers(save(ds, tmp_path / "one", syntax))
    assert header.geometry.position_mm == (10.0, -20.0, 30.0)
    assert (header.geometry.spacing_mm, header.geometry.size_px) == ((0.8, 0.5), (34, 40))
    assert (header.series_number, header.instance_number, header.acquisition_number, header.frame) == (3, 1, 1, 0)
    assert (header.described, header.study_described, header.body_part_examined) == (
        "T2 TSE TRA",
        "MRI L-SPINE",
        "LSPINE",
    )
    assert header.image_type == ("ORIGINAL", "PRIMARY", "M")
    sequence = header.sequence
    assert (sequence.scanning_sequence, sequence.repetition_time_ms, sequence.echo_time_ms) == (("SE",), 4000.0, 90.0)
    assert sequence.is_fat_suppressed
    assert (header.pixels.slope, header.pixels.intercept, header.pixels.padding) == (2.5, -3.0, (0, 0))
    assert (header.slice_thickness_mm, header.magnetic_field_strength_t) == (4.0, 1.5)
    assert header.plane is Plane.AXIAL


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_an_enhanced_image_reads_like_classic_ones(syntax: UID, tmp_path: Path) -> None:
    ds = enhanced([ramp(step=step) for step in (1, 2, 3)], POSITIONS, SeriesDescription="T2W_TSE_AX")
    headers = read_headers(save(ds, tmp_path / "one", syntax))
    assert [header.geometry.position_mm for header in headers] == POSITIONS
    assert [header.instance_number for header in headers] == [1, 2, 3]
    assert [header.frame for header in headers] == [0, 1, 2]
    first = headers[0]
    assert (first.geometry.spacing_mm, first.slice_thickness_mm) == ((0.8, 0.5), 4.0)
    assert (first.sequence.repetition_time_ms, first.sequence.echo_time_ms) == (4000.0, 90.0)
    assert first.sequence.scanning_sequence == ("SE",)
    assert first.image_type == ("ORIGINAL", "PRIMARY", "T2", "NONE")  # FrameType, not ImageType of the whole
    assert first.body_part_examined == "LUMBAR SPINE"
    assert (first.pixels.slope, first.pixels.intercept) == (2.0, -5.0)
    assert {header.sop_instance_uid for header in headers} == {str(ds.SOPInstanceUID)}


def test_a_frames_own_groups_come_before_the_shared_ones_and_private_ones_are_passed_over(tmp_path: Path) -> None:
    ds = enhanced([ramp()] * 3, POSITIONS)
    own = ds.PerFrameFunctionalGroupsSequence[1]
    own.PixelMeasuresSequence = [group(PixelSpacing=[2.0, 1.0])]
    private = own.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
    private.add_new(0x0F, "SQ", [group(ImagePositionPatient=[99.0, 99.0, 99.0], SOPInstanceUID="9.9")])
    headers = read_headers(save(ds, tmp_path / "one"))
    assert [header.geometry.spacing_mm for header in headers] == [(0.8, 0.5), (2.0, 1.0), (0.8, 0.5)]
    assert headers[1].geometry.position_mm == POSITIONS[1]
    assert headers[1].sop_instance_uid == headers[0].sop_instance_uid


def test_an_enhanced_inversion_recovery_phase_image_is_known_as_one(tmp_path: Path) -> None:
    """PS3.3 C.8.13.5.5: InversionTimes may be several; C.8.13.3.1.4: ComplexImageComponent."""
    ds = enhanced([ramp()] * 3, POSITIONS, ContrastBolusAgentSequence=[group(CodeMeaning="Gadoterate")])
    shared = ds.SharedFunctionalGroupsSequence[0]
    shared.MRModifierSequence = [group(InversionRecovery="YES", InversionTimes=[160.0, 900.0])]
    shared.MRModifierSequence[0].SpectrallySelectedSuppression = "FAT"
    shared.MRImageFrameTypeSequence[0].ComplexImageComponent = "PHASE"
    ds.PerFrameFunctionalGroupsSequence[2].ContrastBolusUsageSequence = [group(ContrastBolusAgentAdministered="NO")]
    headers = read_headers(save(ds, tmp_path / "one"))
    assert headers[0].sequence.scanning_sequence == ("SE", "IR")
    assert headers[0].sequence.inversion_time_ms == 160.0
    assert headers[0].sequence.is_fat_suppressed
    assert headers[0].image_type[-1] == "PHASE"
    assert [header.sequence.contrast_agent for header in headers] == ["Gadoterate", "Gadoterate", ""]


@pytest.mark.parametrize(
    ("agent", "given"),
    [("", ""), ("NONE", ""), (" no ", ""), ("No contrast", ""), ("DOTAREM 15 ml", "DOTAREM 15 ml"), (None, "")],
)
def test_an_agent_that_says_no_is_none(agent: str | None, given: str, tmp_path: Path) -> None:
    attributes = {} if agent is None else {"ContrastBolusAgent": agent}
    assert header_of(tmp_path, **attributes).sequence.contrast_agent == given


@pytest.mark.parametrize("options", ["FS", "SFS", ["SAT_GEMS", "FILTERED_GEMS", "PFF", "FS"]])
def test_fat_suppression_as_vendors_write_it(options: Any, tmp_path: Path) -> None:
    assert header_of(tmp_path, ScanOptions=options).sequence.is_fat_suppressed


@pytest.mark.parametrize("options", ["", "SP", ["PFP", "SAT1"], ["FAST_GEMS", "SAT_GEMS", "EDR_GEMS"]])
def test_other_options_suppress_no_fat(options: Any, tmp_path: Path) -> None:
    """Saturation bands (SP, SAT1, SAT_GEMS) darken a region, not fat; GE's FAST only starts with its letters."""
    assert not header_of(tmp_path, ScanOptions=options).sequence.is_fat_suppressed


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"Modality": "CT"}, "Modality CT; expected MR"),
        ({"Modality": None, "SOPClassUID": CTImageStorage}, "Modality absent; expected MR"),
        ({"StudyInstanceUID": None}, "StudyInstanceUID is absent"),
        ({"SOPInstanceUID": ""}, "SOPInstanceUID is absent"),
        ({"PhotometricInterpretation": "RGB"}, "PhotometricInterpretation RGB; expected a grey image"),
        ({"SamplesPerPixel": 3}, "expected a grey image"),
        ({"BitsStored": 17}, "BitsAllocated 16, BitsStored 17, HighBit 11"),
        ({"HighBit": 16}, "BitsAllocated 16, BitsStored 12, HighBit 16"),
        ({"ImagePositionPatient": None}, "ImagePositionPatient is absent or not 3 numbers"),
        ({"ImagePositionPatient": [1.0, 2.0]}, "ImagePositionPatient is absent or not 3 numbers"),
        ({"ImageOrientationPatient": [0.0] * 6}, "expected two unit vectors at right angles"),
        ({"ImageOrientationPatient": [1.0, 0.0, 0.0, 0.1, 0.995, 0.0]}, "expected two unit vectors at right angles"),
        ({"PixelSpacing": 0.5}, "PixelSpacing is absent or not 2 numbers"),
        ({"PixelSpacing": [0.0, 0.5]}, "PixelSpacing [0.0, 0.5]; expected two positive lengths in mm"),
        ({"Rows": None}, "Rows is absent"),
        ({"Rows": 5000}, "Rows, Columns [5000, 40]; expected 1 to 4096"),
        ({"Columns": 0}, "Rows, Columns [34, 0]; expected 1 to 4096"),
        ({"NumberOfFrames": 2}, "NumberOfFrames 2 without functional groups"),
        ({"RescaleSlope": 0}, "RescaleSlope 0; expected a slope"),
        ({"EchoTime": "1e20"}, "EchoTime is not a number below 1e+09"),
    ],
    ids=str,
)
def test_a_wrong_attribute_is_named_with_what_was_expected(
    attributes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in refusal(tmp_path, **attributes)


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    path = save(classic(RescaleSlope="1.0"), tmp_path / "one")
    path.write_bytes(path.read_bytes().replace(b"\x28\x00\x53\x10DS\x04\x001.0 ", b"\x28\x00\x53\x10DS\x04\x00nan "))
    with pytest.raises(DicomError, match="RescaleSlope is not a number"):
        read_headers(path)


@pytest.mark.parametrize("frames", [2, 4, 5000])
def test_frames_that_contradict_their_groups_are_refused(frames: int, tmp_path: Path) -> None:
    ds = enhanced([ramp()] * 3, POSITIONS, NumberOfFrames=frames)
    with pytest.raises(DicomError, match=f"NumberOfFrames {frames}, functional groups for 3"):
        read_headers(save(ds, tmp_path / "one"))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_data_set_without_preamble_is_read(syntax: UID, tmp_path: Path) -> None:
    ds = classic()
    ds.file_meta.TransferSyntaxUID = syntax
    bare = type(ds)({tag: element for tag, element in ds.items()})
    bare.save_as(tmp_path / "bare", implicit_vr=syntax.is_implicit_VR, little_endian=True)
    assert (tmp_path / "bare").read_bytes()[:2] == b"\x08\x00"
    (header,) = read_headers(tmp_path / "bare")
    assert header.geometry.size_px == (34, 40)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a DICOM file"),
        (b"hello", "not a DICOM file"),
        (b"\0" * 128 + b"DICM", "Modality absent"),
        (b"\x08\x00" * 200, "not a DICOM file"),
        (b"PK\x03\x04" + b"\0" * 300, "a zip archive, without the ending .zip"),
        (b"\0" * 128 + b"DICM" + b"\x08\x00\x60\x00CS\xff\x00MR", "StudyInstanceUID is absent"),
    ],
    ids=["empty", "text", "only a prefix", "noise after a group", "zip", "cut in a value"],
)
def test_what_is_no_dicom_is_said_to_be_none(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(content)
    with pytest.raises(DicomError, match=said):
        read_headers(tmp_path / "one")


def test_a_file_that_may_not_be_read_is_refused_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(DicomError) as error:
        read_dataset(tmp_path / "gone")
    assert str(error.value) == "cannot be read: No such file or directory"


def test_sequences_nested_without_end_are_refused(tmp_path: Path) -> None:
    path = save(classic(), tmp_path / "one")
    nested = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 20_000
    content = path.read_bytes()
    at = content.index(b"\x08\x00\x60\x00CS")
    path.write_bytes(content[:at] + nested + content[at:])
    with pytest.raises(DicomError, match="damaged header: RecursionError"):
        read_headers(path)


def test_a_deflated_bomb_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    monkeypatch.setattr("tfspine.dicom.files.LARGEST_INFLATED_BYTES", 1 << 20)
    path = save(classic(EncapsulatedDocument=bytes(3 << 20)), tmp_path / "one", DeflatedExplicitVRLittleEndian)
    assert path.stat().st_size < 20_000 < LARGEST_INFLATED_BYTES
    with pytest.raises(DicomError, match="unpacks to more than 1048576 bytes"):
        read_headers(path)


def test_what_pydicom_warns_of_reaches_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], recwarn: Any
) -> None:
    """An invalid UID and an invalid number: pydicom quotes such values in warnings and log lines."""
    path = save(classic(StudyID="1"), tmp_path / "one")
    content = (
        path.read_bytes()
        .replace(b"1.2.3.9", b"Quagga9")
        .replace(b"\x20\x00\x13\x00IS\x02\x001 ", b"\x20\x00\x13\x00IS\x02\x001x")
    )
    path.write_bytes(content)
    assert read_headers(path)[0].instance_number is None
    assert [*caplog.records, *recwarn.list] == []
    assert capfd.readouterr() == ("", "")


def test_a_slice_is_hung_by_its_plane(tmp_path: Path) -> None:
    """A sagittal slice stored with rows and columns swapped: 34 rows 0.8 mm apart become 34 columns."""
    swapped = SAGITTAL[3:] + SAGITTAL[:3]
    header = header_of(tmp_path, ImageOrientationPatient=swapped)
    assert header.plane is Plane.SAGITTAL
    assert (header.hung.size_px, header.hung.spacing_mm) == ((40, 34), (0.5, 0.8))
    np.testing.assert_array_equal([*header.hung.row_direction, *header.hung.column_direction], SAGITTAL)
    coronal = header_of(tmp_path, ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, 0.0, -1.0])
    assert coronal.plane is None
    assert coronal.hung == coronal.geometry
    assert header_of(tmp_path, ImageOrientationPatient=AXIAL).hung.position_mm == (10.0, -20.0, 30.0)
