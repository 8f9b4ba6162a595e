"""Small DICOM studies written by the tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
SAGITTAL = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]
ROWS, COLUMNS = 12, 16


@pytest.fixture
def write_slice() -> Callable[..., Path]:
    """Return a function that writes one MR slice; keywords overrule its attributes, None deletes one."""

    def write(path: Path, *, pixels: Any = None, **attributes: Any) -> Path:
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = MRImageStorage
        ds.SOPInstanceUID = generate_uid()
        ds.Modality = "MR"
        ds.PatientID, ds.PatientName = "P1", "Doe^Jane"
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3", "1.2.3.1", "1.2.3.9"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [0.0, 0.0, 0.0], AXIAL
        ds.PixelSpacing, ds.SliceThickness = [0.8, 0.5], 4.0
        ds.RepetitionTime, ds.EchoTime = 4000, 90
        ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        for keyword, value in attributes.items():
            setattr(ds, keyword, value) if value is not None else delattr(ds, keyword)
        stored = np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS) if pixels is None else pixels
        ds.PixelData = np.asarray(stored, np.uint16).tobytes()
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        path.parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def write_study(write_slice: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that writes six axial T2w and six sagittal T1w slices, numbered against their position."""

    def write(folder: Path, *, uid: str = "1.2.3", patient: str = "P1", planes: str = "as") -> Path:
        common = {"StudyInstanceUID": uid, "PatientID": patient}
        for number in range(6):
            if "a" in planes:
                write_slice(
                    folder / f"a{number}",
                    **common,
                    SeriesInstanceUID=f"{uid}.1",
                    InstanceNumber=number,
                    ImagePositionPatient=[0.0, 0.0, 5.0 * number],
                )
            if "s" in planes:
                write_slice(
                    folder / f"s{number}.bin",
                    **common,
                    SeriesInstanceUID=f"{uid}.2",
                    InstanceNumber=6 - number,
                    ImageOrientationPatient=SAGITTAL,
                    ImagePositionPatient=[5.0 * number, 0.0, 0.0],
                    RepetitionTime=500,
                    EchoTime=12,
                )
        return folder

    return write
