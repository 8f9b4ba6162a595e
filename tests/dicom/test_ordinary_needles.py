"""Values that are short, or occur in any patient's files, do not block an output."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from tfspine.cli.main import main
from tfspine.dicom.deidentify.identifiers import Identifiers
from tfspine.dicom.deidentify.needles import Needles, own_in_pixels
from tfspine.dicom.slice_headers import read_headers

WriteSlice = Callable[..., Path]
UID = "1.2.826.0.1.3680043.8.498.54616283690727633963359099179643792600"

ORDINARY = [
    ("StudyID", "001"),
    ("StudyID", "1"),
    ("StudyID", "DD"),
    ("PatientID", "001"),
    ("PatientID", "0001"),
    ("PatientID", "X"),
    ("PatientID", "MR"),
    ("PatientID", "SE"),
    ("PatientID", "HFS"),
    ("PatientID", "SPINE"),
    ("PatientID", "LSPINE"),
    ("PatientID", "ORIGINAL"),
    ("PatientID", "1.2.840"),
    ("PatientID", "1.2.840.10008.5.1.4.1.1.4"),
    ("PatientID", UID[-8:]),
    ("PatientID", UID[:20]),
    ("PatientID", UID),
    ("PatientID", "4000.000"),
    ("PatientID", "2.20.0"),
    ("PatientID", "20160309"),
    ("PatientID", "19000101"),
    ("PatientID", "REMOVED"),
    ("PatientID", "113100"),
    ("PatientID", "MONOCHROME2"),
    ("PatientID", "ISO_IR 100"),
    ("PatientName", "Head^Spine"),
    ("PatientName", "Philip"),
    ("PatientName", "Philip^Di"),
    ("PatientName", "Imagin"),
    ("PatientName", "Contra"),
    ("PatientName", "Sagitt"),
    ("PatientName", "Modifi"),
    ("PatientName", "Lumbar^Spine"),
    ("PatientName", "Retain Device"),
    ("PatientName", "Basic Application"),
    ("PatientName", "Y"),
    ("AccessionNumber", "PYDICOM"),
    ("AccessionNumber", "PYDICOM 3.0.2"),
    ("AccessionNumber", "tfspine"),
    ("AccessionNumber", "20160309"),
    ("InstitutionName", "Philips"),
    ("InstitutionName", "Philips Imaging"),
    ("InstitutionName", "Philips Imaging DD 001"),
    ("InstitutionName", "SIEMENS"),
    ("InstitutionName", "GE MEDICAL SYSTEMS"),
    ("InstitutionName", "Medica"),
    ("InstitutionName", "Manufacturer"),
    ("InstitutionName", "Dataset PixelData replaced kept removed"),
    ("InstitutionAddress", "7 Lane\r\nImaging"),
    ("InstitutionAddress", "MR, Head, Option"),
    ("PatientBirthDate", "19000101"),
    ("PatientBirthDate", "19700101"),
    ("ReferringPhysicianName", "NONE"),
    ("OperatorsName", "Transverse"),
]


@pytest.fixture
def cohort(write_slice: WriteSlice, tmp_path: Path) -> Path:
    """Two patients, each with one slice that has a safe private element, as Philips writes it."""
    for patient in ("first", "second"):
        write_slice(
            tmp_path / "in" / patient,
            PatientID=f"NUH-{patient}",
            PatientName=f"Zebulon^{patient}",
            StudyInstanceUID=f"1.2.3.{len(patient)}",
            SOPInstanceUID=UID if patient == "first" else UID[:-1] + "1",
            Manufacturer="Philips Medical Systems",
            ManufacturerModelName="Ingenia",
            SeriesDescription="T2 TSE TRANSVERSE L-SPINE CONTRAST",
            BodyPartExamined="LSPINE",
            PatientPosition="HFS",
            ScanningSequence=["SE"],
            ScanOptions=["FS"],
            StudyDate="20160309",
        )
        edit(tmp_path / "in" / patient, safe_private)
    return tmp_path / "in"


def safe_private(ds: Dataset) -> None:
    ds.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x03, "FL", 0.0)
    ds.private_block(0x2005, "Philips MR Imaging DD 001", create=True).add_new(0x0E, "FL", 2.0)


def edit(path: Path, change: Callable[[Dataset], None]) -> None:
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path, enforce_file_format=True)


def deidentify(source: Path, *words: str) -> int:
    salt = source.parent / "salt"
    salt.write_text("a salt of more than sixteen bytes")
    salt.chmod(0o600)
    return main(["deidentify", str(source), "--out", str(source.parent / "out"), "--salt-file", str(salt), *words])


def outputs(source: Path) -> list[Path]:
    return sorted((source.parent / "out" / "dicom").rglob("*.dcm"))


def refusals(source: Path) -> list[str]:
    with (source.parent / "out" / "refused.csv").open() as file:
        return [row["reason"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("options", [(), ("--profile", "basic")], ids=["research", "basic"])
@pytest.mark.parametrize(("name", "value"), ORDINARY)
def test_an_ordinary_value_costs_nothing(
    cohort: Path, name: str, value: str, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Both patients are there afterwards, with what chooses a series."""
    edit(cohort / "first", lambda ds: setattr(ds, name, value))
    assert deidentify(cohort, *options) == 0
    assert "bug" not in capsys.readouterr().err
    assert refusals(cohort) == []
    assert len(outputs(cohort)) == 2
    for path in outputs(cohort):
        (header,) = read_headers(path)
        assert header.image_type == ("ORIGINAL", "PRIMARY", "M")
        assert header.sequence.scanning_sequence == ("SE",)
        assert header.sequence.is_fat_suppressed
        assert header.body_part_examined == "LSPINE"
        assert header.pixels.photometric_interpretation == "MONOCHROME2"
        assert header.geometry.spacing_mm == (0.8, 0.5)
        if not options:
            assert header.described == "T2 TSE TRANSVERSE L SPINE CONTRAST"
            ds = pydicom.dcmread(path)
            assert ds[0x2001, 0x1003].value == 0.0
            assert ds[0x2005, 0x100E].value == 2.0


@pytest.mark.parametrize(("patient_id", "is_kept"), [(UID[-12:], True), (UID, False)])
def test_uids_that_stay_may_hold_a_number_of_the_patient(cohort: Path, patient_id: str, is_kept: bool) -> None:
    """With the option `uids`: a part of a longer UID is not a number, and a UID that is a PatientID is mapped."""
    edit(cohort / "first", lambda ds: setattr(ds, "PatientID", patient_id))
    assert deidentify(cohort, "--option", "uids") == 0
    uids = {pydicom.dcmread(path).SOPInstanceUID for path in outputs(cohort)}
    assert len(uids) == 2
    assert (UID in uids) is is_kept


def test_only_the_study_is_held_back_in_which_something_is_left(
    cohort: Path, write_slice: WriteSlice, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cleaner that forgets an element of one file: its study of two files goes, the other patient stays."""
    from tfspine.dicom.deidentify import folder

    write_slice(cohort / "third", PatientID="NUH-first", PatientName="Zebulon^first", StudyInstanceUID="1.2.3.5")
    original = folder.deidentify_dataset

    def forgetful(ds: Dataset, *rest: Any) -> Any:
        is_first = ds.get("PatientName") == "Zebulon^first" and "PatientPosition" in ds
        changes = original(ds, *rest)
        if is_first:
            ds.ImageComments = "Zebulon"
        return changes

    monkeypatch.setattr(folder, "deidentify_dataset", forgetful)
    assert deidentify(cohort) == 0
    (kept,) = outputs(cohort)
    assert b"zebulon" not in kept.read_bytes().lower()
    assert len(list((cohort.parent / "out" / "dicom").iterdir())) == 1
    assert len(refusals(cohort)) == 2
    assert all("held back with its study: an original text is left at byte" in reason for reason in refusals(cohort))
    output = capsys.readouterr()
    assert "1 files of 1 patients" in output.out
    assert "bug" not in output.out + output.err


def test_the_sentence_claims_what_was_searched(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not searched are 7 and the given name First, which stands in Head First."""
    edit(cohort / "first", lambda ds: setattr(ds, "StudyID", "7"))
    edit(cohort / "first", lambda ds: setattr(ds, "AccessionNumber", "Quax"))
    assert deidentify(cohort) == 0
    size = sum(path.stat().st_size for path in outputs(cohort))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"searched: {size} bytes for ")
    assert lines[2] == "searched: every word of the headers for 1 shorter texts; none found"
    assert lines[3].startswith("not searched: 2 texts of one or two letters")
    assert lines[4] == "not searched: text drawn into the pictures, and names that are in no header"


@pytest.mark.parametrize(
    ("content", "is_found"),
    [
        (b"LO\x17\0Philips Medical Systems", False),
        (b"LO\0\x17Philips Medical Systems", False),
        (b"by Philip Mayer", True),
        (b"PHILIPSON", True),
        (b"xxphilipxx", True),
        (b"\x80philip\x90", True),
    ],
)
def test_a_name_is_not_found_in_an_ordinary_word(content: bytes, is_found: bool) -> None:
    needles = Needles(Identifiers(texts=frozenset({"Philip"})))
    assert (needles.in_bytes(content) is not None) is is_found


@pytest.mark.parametrize(
    ("text", "found"), [("Quill", True), ("Qui", False), ("12345", False), ("SPINE", False), ("Qu^Jo", True)]
)
def test_texts_of_the_patient_are_found_in_pixels_from_five_bytes_on(text: str, found: bool) -> None:
    pixels = b"\1\2" + text.upper().encode() + b"\3"
    assert (own_in_pixels(pixels, {text}) is not None) is found


def test_a_number_of_one_digit_is_no_needle_in_pixels() -> None:
    needles = Needles(Identifiers(texts=frozenset({"00000000", "88412735"})))
    grey = b"\1" + b"0" * 8 + b"\2"
    assert needles.in_bytes(grey, pixels=(0, len(grey))) is None
    assert needles.in_bytes(b"\1" + b"88412735" + b"\2") is not None


def test_the_basic_profile_says_what_it_drops(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Actions of PS3.15 Table E.1-1 without options: X or Z of dates, age and descriptions, X of private elements."""
    edit(cohort / "first", lambda ds: setattr(ds, "ContrastBolusAgent", ""))
    edit(cohort / "first", lambda ds: setattr(ds, "PatientAge", "050Y"))
    assert deidentify(cohort, "--profile", "basic") == 0
    assert "descriptions were removed" in capsys.readouterr().err
    for path in outputs(cohort):
        ds = pydicom.dcmread(path)
        assert [item.CodeValue for item in ds.DeidentificationMethodCodeSequence] == ["113100"]
        assert ds.StudyDate == ""
        assert "SeriesDescription" not in ds
        assert "PatientAge" not in ds
        assert ds.get("ContrastBolusAgent", "") == ""
        assert [element.tag for element in ds if element.tag.is_private] == []


def test_options_beside_the_research_profile_are_refused(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert deidentify(cohort, "--profile", "research", "--option", "uids") == 2
    assert "leave one of the two out" in capsys.readouterr().err
    assert deidentify(cohort, "--profile", "basic", "--option", "uids") == 0
