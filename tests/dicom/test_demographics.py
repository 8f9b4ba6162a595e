"""Age and sex out of headers, and silence where they do not say."""

import math
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from tfspine.dicom.demographics import Demographics, read_demographics
from tfspine.errors import DicomError


def write(path: Path, study: str, **elements: str) -> None:
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = MRImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = f"{study}.1"
    ds.StudyInstanceUID = study
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydicom, about the wrong values that are written on purpose
        for name, value in elements.items():
            setattr(ds, name, value)
        ds.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize(
    ("age", "years"), [("053Y", 53.0), ("006M", 0.5), ("052W", 52 * 7 / 365.25), ("", math.nan), ("90+", math.nan)]
)
def test_ages_come_in_four_units(tmp_path: Path, age: str, years: float) -> None:
    write(tmp_path / "a.dcm", "1.2.3", PatientAge=age, PatientSex="F")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_demographics(tmp_path)["1.2.3"]
    assert found.age_years == pytest.approx(years, nan_ok=True)
    assert found.sex == "F"


def test_the_first_file_that_says_something_counts(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", "1.2.3")
    write(tmp_path / "b.dcm", "1.2.3", PatientAge="060Y", PatientSex="X")
    write(tmp_path / "c.dcm", "1.2.4")
    (tmp_path / "notes.txt").write_text("no DICOM")
    assert read_demographics(tmp_path) == {"1.2.3": Demographics(60.0, "")}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DicomError, match="no such file or folder"):
        read_demographics(tmp_path / "nowhere")
