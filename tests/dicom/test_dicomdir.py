"""DICOMDIRs as on media: what they list, what of it is not there, and that they lead nowhere else."""

import shutil
from pathlib import Path

import pytest
from dicom_samples import classic, save
from pydicom.fileset import FileSet
from source_samples import files_below, seen


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """A folder as on a CD, written by pydicom: three images and the DICOMDIR that lists them."""
    fileset = FileSet()
    for number in range(1, 4):
        fileset.add(
            save(
                classic(InstanceNumber=number, StudyDate="20260101", StudyTime="120000", StudyID="1"),
                tmp_path / f"{number}",
            )
        )
    fileset.write(tmp_path / "cd")
    return tmp_path / "cd"


def listed(medium: Path) -> list[str]:
    return sorted(name for name in files_below(medium) if name != "DICOMDIR")


def test_a_dicomdir_gives_what_it_lists_and_nothing_else(medium: Path) -> None:
    expected = listed(medium)
    (medium / "AUTORUN.INF").write_text("x")
    content, refused = seen(medium / "DICOMDIR")
    assert (list(content), refused) == (expected, {})
    assert len(expected) == 3


def test_a_file_that_a_dicomdir_lists_and_that_is_not_there_is_named(medium: Path) -> None:
    gone, *there = listed(medium)
    (medium / gone).unlink()
    assert seen(medium / "DICOMDIR")[1] == {gone: "a DICOMDIR lists it, but it does not exist"}
    content, refused = seen(medium)
    assert list(content) == there
    assert refused == {
        "DICOMDIR": "lists files, which are read directly",
        gone: "a DICOMDIR lists it, but it does not exist",
    }


def test_a_medium_copied_in_small_letters_is_read(medium: Path, tmp_path: Path) -> None:
    for name in files_below(medium):
        target = tmp_path / "copy" / name.lower()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(medium / name, target)
    content, refused = seen(tmp_path / "copy" / "dicomdir")
    assert (list(content), refused) == ([name.lower() for name in listed(medium)], {})


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_a_dicomdir_cannot_lead_outside(medium: Path) -> None:
    """A reference to ../../1, as long as the one it replaces, to a file that is there."""
    from pydicom import dcmread

    ds = dcmread(medium / "DICOMDIR")
    records = [record for record in ds.DirectoryRecordSequence if "ReferencedFileID" in record]
    records[0].ReferencedFileID = ["..", "1"]
    records[1].ReferencedFileID = "../2"
    ds.save_as(medium / "DICOMDIR")
    content, refused = seen(medium / "DICOMDIR")
    assert len(content) == 1
    assert refused == {name: "leads outside the folder of its DICOMDIR" for name in ("../1", "../2")}


def test_a_damaged_dicomdir_is_refused_and_the_folder_is_read(medium: Path) -> None:
    (medium / "DICOMDIR").write_bytes((medium / "DICOMDIR").read_bytes()[:150] + b"\xff" * 300)
    content, refused = seen(medium)
    assert list(content) == listed(medium)
    assert "DICOMDIR" in refused
