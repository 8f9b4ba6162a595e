"""De-identification of whole folders: what goes, what stays, what is refused, what is proved."""

import csv
import datetime
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.sequence import Sequence
from pydicom.sr import codes
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tfspine.cli.main import main
from tfspine.dicom.pixels import read_pixels
from tfspine.dicom.slice_headers import read_headers
from tfspine.errors import DicomError

UIDS = {
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.1111",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.2222",
    "FrameOfReferenceUID": "1.2.826.0.1.3680043.8.498.3333",
}
PATIENT = {
    "PatientName": "Quibblewick^Zenobia",
    "PatientID": "NUH-8841273",
    "PatientBirthDate": "19310704",
    "PatientAge": "095Y",
    "PatientSex": "F",
    "AccessionNumber": "ACC5530917",
    "InstitutionName": "Kingsworth Hospital",
    "InstitutionAddress": "7 Harbour Lane, Kingsworth",
    "ReferringPhysicianName": "Thrupp^Ottoline",
    "OperatorsName": "Mbeki-Sorensen",
    "StationName": "KWMR1",
    "DeviceSerialNumber": "35131",
    "StudyDate": "20160309",
    "ContentDate": "20160311",
    "AcquisitionDateTime": "20160309091629.240000+0800",
    "StudyTime": "091629",
    "StudyDescription": "L-SPINE Quibblewick",
    "SeriesDescription": "T2_TSE_SAG_Zenobia",
    "ImageComments": "seen by Thrupp on 09.03.2016",
}
SECRETS = (b"quibblewick", b"zenobia", b"8841273", b"5530917", b"kingsworth", b"thrupp", b"mbeki", b"20160309")


@pytest.fixture
def source(write_slice: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with two slices of one patient; the second refers to the first."""
    for number in (1, 2):
        write_slice(
            tmp_path / "in" / f"Quibblewick_{number}", **UIDS, **PATIENT, SOPInstanceUID=f"1.2.3.4.5.6.{number}"
        )
    return tmp_path / "in"


@pytest.fixture
def salt(tmp_path: Path) -> Path:
    path = tmp_path / "salt"
    path.write_text("a salt of more than sixteen bytes")
    path.chmod(0o600)
    return path


def run(source: Path, salt: Path, *words: str, out: str = "out") -> int:
    return main(["deidentify", str(source), "--out", str(source.parent / out), "--salt-file", str(salt), *words])


def edit(path: Path, change: Callable[[Dataset], None]) -> Path:
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path, enforce_file_format=True)
    return path


def outputs(source: Path, out: str = "out") -> list[Dataset]:
    return [pydicom.dcmread(path) for path in sorted((source.parent / out / "dicom").rglob("*.dcm"))]


def everything(source: Path, out: str = "out") -> bytes:
    files = [path for path in sorted((source.parent / out).rglob("*")) if path.is_file()]
    names = b"".join(str(path.relative_to(source.parent / out)).encode() for path in files)
    return (b"".join(path.read_bytes() for path in files) + names).lower()


def refusals(source: Path, out: str = "out") -> list[str]:
    with (source.parent / out / "refused.csv").open() as file:
        return [row["reason"] for row in csv.DictReader(file)]


def test_nobody_is_left_in_any_byte_of_the_output(source: Path, salt: Path) -> None:
    assert run(source, salt) == 0
    content = everything(source)
    assert [secret for secret in SECRETS if secret in content] == []
    assert [uid for uid in UIDS.values() if uid.encode() in content] == []
    first, second = outputs(source)
    assert first.PatientID == second.PatientID == first.PatientName
    assert first.PatientBirthDate == first.AccessionNumber == ""
    assert first.PatientSex == "F"
    assert first.PatientAge == "090Y"
    assert (first.StationName, first.DeviceSerialNumber) == ("KWMR1", "35131")
    assert first.StudyDescription == "L SPINE"
    assert first.SeriesDescription == "T2 TSE SAG"
    assert "ImageComments" not in first


def test_dates_of_a_patient_keep_their_distance_and_times_stay(source: Path, salt: Path) -> None:
    run(source, salt)
    ds = outputs(source)[0]
    study, content = (datetime.datetime.strptime(ds[name].value, "%Y%m%d") for name in ("StudyDate", "ContentDate"))
    assert (content - study).days == 2
    assert 366 <= (datetime.datetime(2016, 3, 9) - study).days <= 3650
    assert ds.AcquisitionDateTime == f"{ds.StudyDate}091629.240000+0800"
    assert ds.StudyTime == "091629"


def test_the_method_is_declared_with_the_codes_of_cid_7050(source: Path, salt: Path) -> None:
    """Expected values are pydicom's own table of PS3.16."""
    run(source, salt)
    ds = outputs(source)[0]
    cid = codes.cid7050
    expected = [
        cid.BasicApplicationConfidentialityProfile,
        cid.CleanDescriptorsOption,
        cid.RetainLongitudinalTemporalInformationModifiedDatesOption,
        cid.RetainPatientCharacteristicsOption,
        cid.RetainDeviceIdentityOption,
        cid.RetainSafePrivateOption,
    ]
    got = [(item.CodeValue, item.CodingSchemeDesignator) for item in ds.DeidentificationMethodCodeSequence]
    assert got == [(code.value, code.scheme_designator) for code in expected]
    assert ds.PatientIdentityRemoved == "YES"
    assert ds.LongitudinalTemporalInformationModified == "MODIFIED"


def test_every_option_has_its_code_and_meaning() -> None:
    from tfspine.dicom.deidentify.options import BASIC_PROFILE, CODES

    table = {getattr(codes.cid7050, name).value: getattr(codes.cid7050, name).meaning for name in codes.cid7050.dir()}
    assert {value: table[value] for value, _ in (BASIC_PROFILE, *CODES.values())} == dict(
        (BASIC_PROFILE, *CODES.values())
    )


def test_uids_are_mapped_alike_everywhere(source: Path, salt: Path) -> None:
    def refer(ds: Dataset) -> None:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, "1.2.3.4.5.6.1"
        inner = Dataset()
        inner.ReferencedFrameOfReferenceUID = UIDS["FrameOfReferenceUID"]
        item.ReferencedInstanceSequence = Sequence([inner])
        ds.ReferencedImageSequence = Sequence([item])

    edit(source / "Quibblewick_2", refer)
    run(source, salt)
    by_reference = {"ReferencedImageSequence" in ds: ds for ds in outputs(source)}
    first, second = by_reference[False], by_reference[True]
    item = second.ReferencedImageSequence[0]
    assert item.ReferencedSOPInstanceUID == first.SOPInstanceUID == first.file_meta.MediaStorageSOPInstanceUID
    assert item.ReferencedSOPClassUID == first.SOPClassUID == "1.2.840.10008.5.1.4.1.1.4"
    frame = item.ReferencedInstanceSequence[0].ReferencedFrameOfReferenceUID
    assert frame == first.FrameOfReferenceUID == second.FrameOfReferenceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    for ds in (first, second):
        for name in (*UIDS, "SOPInstanceUID"):
            assert ds[name].value.startswith("2.25.")
            assert int(ds[name].value.split(".")[2]) < 1 << 128  # a UUID (PS3.5 B.2)


def test_one_salt_gives_one_output_and_another_salt_another(source: Path, salt: Path, tmp_path: Path) -> None:
    run(source, salt, out="first")
    run(source, salt, "--workers", "2", out="second")
    other = tmp_path / "other"
    assert run(source, other, "--create-salt", out="third") == 0
    images = [
        {path.name: path.read_bytes() for path in (tmp_path / out / "dicom").rglob("*.dcm")}
        for out in ("first", "second", "third")
    ]
    assert images[0] == images[1]
    assert not set(images[0]) & set(images[2])
    assert stat.S_IMODE(other.stat().st_mode) == 0o600


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_zip_archive_gives_what_its_folder_gives(source: Path, salt: Path, tmp_path: Path, workers: str) -> None:
    """Images, tables and key, byte for byte; the members keep their names, and so their pseudonyms."""
    (source / "Quibblewick letter.txt").write_text("Dear Zenobia")
    archive = Path(shutil.make_archive(str(tmp_path / "export"), "zip", source))
    assert run(source, salt, "--key", str(tmp_path / "folder.csv"), out="folder") == 0
    assert run(archive, salt, "--key", str(tmp_path / "zip.csv"), "--workers", workers, out="zip") == 0
    folder, unpacked = (
        {path.relative_to(tmp_path / out): path.read_bytes() for path in (tmp_path / out).rglob("*") if path.is_file()}
        for out in ("folder", "zip")
    )
    assert len(folder) == 6  # two images, two tables, the manifest, which tells the time, and the sums of all
    assert {name: content for name, content in folder.items() if name.suffix in (".dcm", ".csv")} == {
        name: content for name, content in unpacked.items() if name.suffix in (".dcm", ".csv")
    }
    assert (tmp_path / "folder.csv").read_bytes() == (tmp_path / "zip.csv").read_bytes()


def test_a_dicomdir_names_no_patient_in_what_is_refused(source: Path, salt: Path, tmp_path: Path) -> None:
    """A file that it lists and that is not there, whose name could be the patient's."""

    def number_it(ds: Dataset) -> None:
        ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", 1, int(ds.SOPInstanceUID[-1])

    fileset = FileSet()
    for number in (1, 2):
        fileset.add(edit(source / f"Quibblewick_{number}", number_it))
    fileset.write(tmp_path / "cd")
    (gone, *_) = (path for path in sorted((tmp_path / "cd").rglob("*")) if path.is_file() and path.name != "DICOMDIR")
    gone.unlink()
    listing = tmp_path / "cd" / "DICOMDIR"
    assert main(["deidentify", str(listing), "--out", str(tmp_path / "out"), "--salt-file", str(salt)]) == 0
    assert len(outputs(source)) == 1
    assert refusals(source) == ["a DICOMDIR lists it, but it does not exist"]
    assert gone.name.encode().lower() not in (tmp_path / "out" / "refused.csv").read_bytes().lower()


def test_what_surrounds_the_image_goes(source: Path, salt: Path) -> None:
    def surround(ds: Dataset) -> None:
        ds.preamble = b"Quibblewick".ljust(128, b"\0")
        ds.file_meta.SourceApplicationEntityTitle = "KINGSWORTH"
        ds.file_meta.PrivateInformationCreatorUID = "1.2.3.4.5.6.7"
        ds.file_meta.PrivateInformation = b"Quibblewick "
        ds.add_new(0x60000010, "US", 12)
        ds.add_new(0x60003000, "OW", b"\1" * 24)
        ds.add_new(0x50003000, "OW", b"\1" * 24)
        ds.IconImageSequence = Sequence([Dataset()])
        ds.DataSetTrailingPadding = b"Quibblewick\0"
        block = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", b"Quibblewick\0")
        block = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        block.add_new(0x0C, "IS", "500")
        block.add_new(0x0D, "CS", "DIRECTIONAL")

    edit(source / "Quibblewick_1", surround)
    assert run(source, salt) == 0
    assert b"quibblewick" not in everything(source)
    ds = next(ds for ds in outputs(source) if (0x0019, 0x100C) in ds)
    assert ds[0x0019, 0x100C].value == 500  # the b-value, safe by PS3.15 Table E.3.10-1
    assert [element.tag for element in ds if element.tag.group in (0x6000, 0x5000, 0x0029, 0xFFFC)] == []
    assert (0x0019, 0x100D) not in ds
    assert "IconImageSequence" not in ds
    assert ds.preamble == bytes(128)
    assert "SourceApplicationEntityTitle" not in ds.file_meta


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"BurnedInAnnotation": "YES"}, "BurnedInAnnotation YES"),
        ({"RecognizableVisualFeatures": "YES"}, "RecognizableVisualFeatures YES"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "Secondary Capture Image Storage"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "Encapsulated PDF Storage"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"}, "Basic Text SR Storage"),
        ({"SOPClassUID": "1.3.12.2.1107.5.9.1"}, "unknown or private SOP class"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "ImageType SCREEN SAVE"),
        ({"PhotometricInterpretation": "RGB"}, "colour"),
        ({"pixels": np.zeros((13, 16), np.uint16)}, "PixelData of 416 bytes for an image of 384"),
    ],
)
def test_what_may_show_the_patient_is_refused(
    source: Path, salt: Path, write_slice: Callable[..., Path], attributes: dict[str, Any], reason: str
) -> None:
    write_slice(source / "Quibblewick_odd", **attributes)
    assert run(source, salt) == 0
    assert len(outputs(source)) == 2
    assert len(refusals(source)) == 1
    assert reason in refusals(source)[0]


def test_refusals_do_not_name_their_files_but_the_key_does(source: Path, salt: Path, tmp_path: Path) -> None:
    (source / "Quibblewick letter.txt").write_text("Dear Zenobia")
    (source / "copy").write_bytes((source / "Quibblewick_1").read_bytes())
    assert run(source, salt, "--key", str(tmp_path / "key.csv")) == 0
    assert sorted(refusals(source)) == ["not a DICOM file", "same SOPInstanceUID as a file before it"]
    assert b"quibblewick" not in everything(source)
    assert stat.S_IMODE((tmp_path / "key.csv").stat().st_mode) == 0o600
    key = pd.read_csv(tmp_path / "key.csv").set_index("source").file
    refused = pd.read_csv(tmp_path / "out" / "refused.csv").set_index("file").reason
    assert refused[key["Quibblewick letter.txt"]] == "not a DICOM file"
    assert len(key) == 4


def test_only_images_that_say_so_pass_as_clean_pixel_data(
    source: Path, salt: Path, write_slice: Callable[..., Path]
) -> None:
    write_slice(source / "clean", BurnedInAnnotation="NO", PatientID="NUH-8841274")
    assert run(source, salt, "--option", "clean-pixel-data") == 0
    (ds,) = outputs(source)
    assert [item.CodeValue for item in ds.DeidentificationMethodCodeSequence] == ["113100", "113101"]
    assert refusals(source) == ["BurnedInAnnotation is not NO, which the option clean-pixel-data requires"] * 2


def test_the_basic_profile_alone_keeps_no_date_age_or_device(source: Path, salt: Path) -> None:
    """Actions of Table E.1-1 without options: StudyDate Z, PatientAge X, StationName X/Z/D, ContentDate Z/D."""
    assert run(source, salt, "--option", "clean-descriptors") == 0
    ds = outputs(source)[0]
    assert ds.StudyDate == ds.StudyTime == ds.PatientSex == ""
    assert "PatientAge" not in ds
    assert ds.StationName == ds.DeviceSerialNumber == "REMOVED"
    assert ds.ContentDate == "19000101"
    assert ds.LongitudinalTemporalInformationModified == "REMOVED"


def test_full_dates_and_uids_stay_where_asked(source: Path, salt: Path) -> None:
    assert run(source, salt, "--option", "full-dates", "--option", "uids") == 0
    ds = outputs(source)[0]
    assert ds.StudyDate == "20160309"
    assert ds.PatientBirthDate == ""
    assert {name: ds[name].value for name in UIDS} == UIDS
    assert [item.CodeValue for item in ds.DeidentificationMethodCodeSequence] == ["113100", "113106", "113110"]


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless]
)
def test_pixels_stay_as_they_are_in_every_encoding(source: Path, salt: Path, syntax: str) -> None:
    """Deflated files are written uncompressed, so that they can be searched."""
    path = source / "Quibblewick_1"
    ds = pydicom.dcmread(path)
    pixels = ds.pixel_array.copy()
    if syntax == RLELossless:
        ds.compress(RLELossless, generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        ds.PixelData = pixels.astype(">u2").tobytes()
        ds["PixelData"].VR = "OW"
    ds.file_meta.TransferSyntaxUID = syntax
    stored = ds.PixelData
    pydicom.dcmwrite(
        path,
        ds,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    (source / "Quibblewick_2").unlink()
    assert run(source, salt) == 0
    (got,) = outputs(source)
    assert got.file_meta.TransferSyntaxUID == (
        ExplicitVRLittleEndian if syntax == DeflatedExplicitVRLittleEndian else syntax
    )
    assert got.PixelData == stored
    np.testing.assert_array_equal(got.pixel_array, pixels)
    assert [secret for secret in SECRETS if secret in everything(source)] == []


def test_the_report_says_what_was_done_and_never_to_which_value(source: Path, salt: Path, tmp_path: Path) -> None:
    run(source, salt, "--json")
    report = pd.read_csv(tmp_path / "out" / "report.csv")
    assert report.columns.tolist() == ["file", "tag", "keyword", "action", "count"]
    assert set(report.file) == {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.dcm")
    }
    actions = report.groupby("keyword").action.first()
    assert actions["PatientName"] == actions["PatientID"] == "replaced"
    assert actions["StudyInstanceUID"] == "mapped"
    assert actions["StudyDate"] == "shifted"
    assert actions["ImageComments"] == "removed"
    assert actions["SeriesDescription"] == "cleaned"
    assert actions["PatientAge"] == "capped"
    assert actions["PatientIdentityRemoved"] == "added"
    assert "PixelSpacing" not in actions
    assert set(report[report.keyword == "PatientID"].tag) == {"(0010,0020)"}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["details"]["patients"] == 1
    assert manifest["config"]["codes"][0] == "113100"


def test_a_leak_deletes_the_output_and_is_one_line(
    source: Path, salt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Something that is meant to clean and forgets one element, the station name: the search has to notice."""
    from tfspine.dicom.deidentify import folder

    def forgetful(ds: Dataset, *rest: Any) -> Any:
        changes = original(ds, *rest)
        ds.StationName = "QUIBBLEWICK"
        return changes

    original = folder.deidentify_dataset
    monkeypatch.setattr(folder, "deidentify_dataset", forgetful)
    assert run(source, salt) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "an original text is left at byte" in message
    assert "uibblewick" not in message.lower()
    assert not (source.parent / "out").exists()
    assert not list(source.parent.glob(".out*"))


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("StudyDate", "20160309", "date"),
        ("ImageComments", "x 2016-03-09", "date"),
        ("DeviceUID", UIDS["StudyInstanceUID"], "UID"),
        ("PatientComments", "KWMR1 of Kingsworth Hospital", "text"),
        ("FrameOfReferenceUID", UIDS["FrameOfReferenceUID"], "UID"),
    ],
)
def test_the_search_finds_each_kind_of_identifier(
    source: Path,
    salt: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    kind: str,
) -> None:
    from tfspine.dicom.deidentify import folder

    original = folder.deidentify_dataset

    def forgetful(ds: Dataset, *rest: Any) -> Any:
        changes = original(ds, *rest)
        setattr(ds, name, value)
        return changes

    monkeypatch.setattr(folder, "deidentify_dataset", forgetful)
    assert run(source, salt) == 2
    assert f"an original {kind} is left" in capsys.readouterr().err


def test_identifiers_in_pixel_bytes_are_refused(source: Path, salt: Path) -> None:
    def burn(ds: Dataset) -> None:
        pixels = bytearray(ds.PixelData)
        pixels[100:111] = b"Quibblewick"
        ds.PixelData = bytes(pixels)
        ds.SOPInstanceUID = "1.2.3.4.5.7.1"

    copy = source / "burnt"
    copy.write_bytes((source / "Quibblewick_1").read_bytes())
    edit(copy, burn)
    assert run(source, salt) == 0
    assert len(outputs(source)) == 2
    assert refusals(source) == ["an identifier occurs in the bytes of PixelData, which are never changed"]


def test_the_way_to_the_pictures_is_the_same_afterwards(tmp_path: Path, salt: Path) -> None:
    """A phantom study, ingested before and after: the same pictures, byte for byte, and the same geometry."""
    size = ("--set", "phantom.studies=1", "--set", "phantom.matrix_px=64")
    assert main(["phantom", "--out", str(tmp_path / "phantom"), *size]) == 0
    dicom = tmp_path / "phantom" / "dicom"
    assert run(dicom, salt) == 0
    tables = []
    for name, folder in (("before", dicom), ("after", dicom.parent / "out" / "dicom")):
        assert main(["ingest", str(folder), "--out", str(tmp_path / name)]) == 0
        table = pd.read_csv(tmp_path / name / "slices.csv")
        table["png"] = [(tmp_path / name / "slices" / f"{key}.png").read_bytes() for key in table.key]
        tables.append(table.sort_values("png", ignore_index=True))
    before, after = tables
    same = [name for name in before if not name.endswith("_uid") and name not in ("key", "study", "patient")]
    pd.testing.assert_frame_equal(before[same], after[same])
    assert not set(before.study) & set(after.study)
    assert after.groupby("patient").study.nunique().tolist() == [1]


def test_wrong_salts_are_one_line_each(
    source: Path, salt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TFSPINE_SALT_FILE", raising=False)
    short, open_ = tmp_path / "short", tmp_path / "open"
    short.write_text("pepper")
    short.chmod(0o600)
    open_.write_text("a salt of more than sixteen bytes")
    open_.chmod(0o644)
    out = tmp_path / "out"
    for words, expected in (
        ((), "no salt"),
        (("--salt-file", str(tmp_path / "none")), "salt cannot be read"),
        (("--salt-file", str(short)), "salt of 6 bytes; expected 16 or more"),
        (("--salt-file", str(open_)), "mode 644"),
        (("--salt-file", str(salt), "--create-salt"), "is not overwritten"),
        (("--salt-file", str(out / "salt"), "--create-salt"), "lies in the output"),
    ):
        assert main(["deidentify", str(source), "--out", str(out), *words]) == 2
        assert expected in capsys.readouterr().err.splitlines()[-1]
        assert not out.exists()
    monkeypatch.setenv("TFSPINE_SALT_FILE", str(salt))
    assert main(["deidentify", str(source), "--out", str(out)]) == 0


def test_a_contradiction_of_options_is_a_usage_error(
    source: Path, salt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(source, salt, "--option", "full-dates", "--option", "modified-dates") == 2
    assert "full-dates and modified-dates" in capsys.readouterr().err


def test_nothing_usable_is_one_line_without_names(
    tmp_path: Path, salt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Quibblewick.txt").write_text("a letter")
    assert run(tmp_path / "in", salt) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "none can be de-identified; the first: not a DICOM file" in message
    assert "Quibblewick" not in message


@pytest.mark.skipif(
    "TFSPINE_REAL_DATA" not in os.environ, reason="TFSPINE_REAL_DATA does not name the folder with real MR files"
)
def test_vendor_files_keep_their_pixels(tmp_path: Path, salt: Path) -> None:
    real = Path(os.environ["TFSPINE_REAL_DATA"]) / "vendor_dicom"
    out, key = tmp_path / "out", tmp_path / "key.csv"
    words = ("--out", str(out), "--salt-file", str(salt), "--key", str(key))
    assert main(["deidentify", str(real), *words]) == 0
    rows = pd.read_csv(key)
    kept = rows[rows.file.str.endswith(".dcm")]
    assert len(kept) > len(rows) / 2
    for row in kept.itertuples():
        before, after = pydicom.dcmread(real / str(row.source)), pydicom.dcmread(out / str(row.file))
        assert before.get("ImagePositionPatient") == after.get("ImagePositionPatient")
        pairs = zip(grey_values(real / str(row.source)), grey_values(out / str(row.file)), strict=True)
        assert all(np.array_equal(old, new) for old, new in pairs)


def grey_values(path: Path) -> list[Any]:
    """Return the pixels of a file as ingest reads them; an empty list if it refuses the file."""
    try:
        headers = read_headers(path)
    except DicomError:
        return []
    return [pixels for _, pixels in read_pixels(headers) if not isinstance(pixels, DicomError)]
