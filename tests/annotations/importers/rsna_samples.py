"""A data set in the layout of RSNA 2024, with one study of known geometry."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

STUDY = "4711"
SAGITTAL_T2, SAGITTAL_T1, AXIAL, SECOND_AXIAL = "21", "22", "23", "24"
ROWS, COLUMNS = 96, 120

CONDITIONS = (
    "spinal_canal_stenosis", "left_neural_foraminal_narrowing", "right_neural_foraminal_narrowing",
    "left_subarticular_stenosis", "right_subarticular_stenosis",
)  # fmt: skip
LEVELS = ("l1_l2", "l2_l3", "l3_l4", "l4_l5", "l5_s1")
GRADE_COLUMNS = [f"{condition}_{level}" for condition in CONDITIONS for level in LEVELS]

SERIES = f"""study_id,series_id,series_description
{STUDY},{SAGITTAL_T2},Sagittal T2/STIR
{STUDY},{SAGITTAL_T1},Sagittal T1
{STUDY},{AXIAL},Axial T2
{STUDY},{SECOND_AXIAL},Axial T2
"""


def write_tables(
    folder: Path, points: list[str], *, grades: dict[str, str] | None = None, series: str = SERIES
) -> Path:
    """Write the three CSV files; every region is Normal/Mild except those in `grades`."""
    folder.mkdir(parents=True, exist_ok=True)
    values = dict.fromkeys(GRADE_COLUMNS, "Normal/Mild") | (grades or {})
    header = "study_id," + ",".join(GRADE_COLUMNS)
    (folder / "train.csv").write_text(f"{header}\n{STUDY},{','.join(values.values())}\n")
    (folder / "train_series_descriptions.csv").write_text(series)
    lines = ["study_id,series_id,instance_number,condition,level,x,y", *(f"{STUDY},{point}" for point in points)]
    (folder / "train_label_coordinates.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_images(folder: Path) -> Path:
    """Write the pictures: axial ones 5 mm apart, with rows of 1.0 and columns of 0.5 mm; sagittal ones too.

    Their headers lack Modality, RepetitionTime and EchoTime, as those of the data set do.
    Axial instance n has z = 20 - 5 n, its first pixel at x = -30, y = -48. Sagittal instance n has x = -12 + 4 n, its
    first pixel at y = -30, z = 48; columns run to the back, rows down.
    """
    for number in range(1, 9):
        place = [-30.0, -48.0, 20.0 - 5.0 * number]
        _write(folder, AXIAL, number, position=place, orientation=[1, 0, 0, 0, 1, 0], weighting="T2")
    for number in range(1, 6):
        place = [-30.0, -48.0, -40.0 - 5.0 * number]
        _write(folder, SECOND_AXIAL, number, position=place, orientation=[1, 0, 0, 0, 1, 0], weighting="T2")
    for number in range(1, 8):
        place = [-12.0 + 4.0 * number, -30.0, 48.0]
        _write(folder, SAGITTAL_T1, number, position=place, orientation=[0, 1, 0, 0, 0, -1], weighting="T1")
        _write(folder, SAGITTAL_T2, number, position=place, orientation=[0, 1, 0, 0, 0, -1], weighting="T2")
    return folder


def _write(
    folder: Path, series: str, number: int, *, position: list[float], orientation: list[int], weighting: str
) -> None:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = f"{STUDY}.{series}.{number}"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, STUDY, f"{STUDY}.{series}"
    ds.FrameOfReferenceUID = "1.2.840.1"
    ds.SeriesDescription, ds.InstanceNumber = weighting, number
    ds.ImagePositionPatient, ds.ImageOrientationPatient = position, orientation
    ds.PixelSpacing, ds.SliceThickness = [1.0, 0.5], 4.0
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = np.arange(ROWS * COLUMNS, dtype=np.uint16).tobytes()
    path = folder / "train_images" / STUDY / series / f"{number}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
