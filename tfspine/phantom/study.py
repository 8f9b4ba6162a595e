"""A simulated patient as a hospital would send it: DICOM MR images, and the truth for each slice."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from tfspine.config import PhantomConfig
from tfspine.errors import ConfigError
from tfspine.labels import Plane
from tfspine.phantom.anatomy import Anatomy, draw_anatomy
from tfspine.phantom.scanner import (
    SLICE_DISTANCE_MM,
    SLICE_THICKNESS_MM,
    Cut,
    Protocol,
    axial_cuts,
    sagittal_cuts,
    scan,
)
from tfspine.phantom.truth import annotate, study_grades
from tfspine.structures import AnnotatedSlice, pseudonym, slice_key

SMALLEST_MATRIX_PX = 64
LOCALIZER_SLICES = 3
DATE = "20260101"

MANUFACTURERS = (("SIEMENS", "MAGNETOM Aera", 1.5), ("GE MEDICAL SYSTEMS", "DISCOVERY MR750", 3.0))
"""As the scanners write themselves; the paper's internal data come from these two (PAPER.md, Data)."""


@dataclass(frozen=True)
class SimulatedStudy:
    """One patient: named DICOM data sets, the truth of every slice, and rows of `grades.csv`."""

    patient_id: str
    files: tuple[tuple[str, Dataset], ...]
    truth: tuple[AnnotatedSlice, ...]
    grades: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class _Scanner:
    """What all images of one study have in common."""

    number: int
    seed: int
    manufacturer: str
    model: str
    field_t: float

    def uid(self, *parts: object) -> str:
        """Return a UID that depends on nothing but the seed, the patient and `parts` (PS3.5 B.2, UUID-derived)."""
        text = "/".join(map(str, ("tfspine", self.seed, self.number, *parts)))
        return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big')}"


def simulate_study(config: PhantomConfig, *, seed: int, number: int) -> SimulatedStudy:
    """Simulate patient `number` of the cohort with `seed`; the same two always give the same bytes.

    Raises:
        ConfigError: a setting that this version of the phantom cannot follow.
    """
    _require(config)
    rng = np.random.default_rng([seed, number])
    anatomy = draw_anatomy(rng)
    scanner = _Scanner(number, seed, *MANUFACTURERS[number % len(MANUFACTURERS)])
    study = pseudonym(scanner.uid("study"))
    patient_id = f"PHANTOM{number:04d}"
    files: list[tuple[str, Dataset]] = []
    truth: list[AnnotatedSlice] = []
    for series_number, protocol in enumerate(_protocols(config, rng), start=2):
        cuts = axial_cuts if protocol.plane is Plane.AXIAL else sagittal_cuts
        for index, cut in enumerate(cuts(anatomy, protocol, rng), start=1):
            pixels = scan(anatomy, cut, protocol, rng)
            ds = _dataset(scanner, patient_id, protocol, cut, pixels, series_number, index)
            files.append((f"{protocol.plane}/IM{index:04d}.dcm", ds))
            key = slice_key(study, protocol.plane, index)
            truth.append(AnnotatedSlice(key, cut.geometry.size_px, annotate(anatomy, cut)))
    files += _localizer(scanner, patient_id, anatomy, config, rng)
    return SimulatedStudy(patient_id, tuple(files), tuple(truth), tuple(_grade_rows(study, anatomy)))


def write_dicom(study: SimulatedStudy, folder: Path) -> None:
    """Write the images of a study below `folder/PATIENT/SERIES/`."""
    for name, ds in study.files:
        path = folder / study.patient_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(path, enforce_file_format=True)


def _require(config: PhantomConfig) -> None:
    if config.randomize:
        raise ConfigError("phantom.randomize = true: not yet; this phantom has no domain randomisation")
    if config.matrix_px < SMALLEST_MATRIX_PX:
        raise ConfigError(f"phantom.matrix_px = {config.matrix_px}; expected at least {SMALLEST_MATRIX_PX}")


def _protocols(config: PhantomConfig, rng: np.random.Generator) -> tuple[Protocol, Protocol]:
    """Return axial T2w and sagittal T1w with times in the paper's range (PAPER.md, Data)."""
    matrix_px = config.matrix_px
    return (
        Protocol(Plane.AXIAL, *_draw(rng, (3500, 5300), (80, 100)), rng.uniform(185.0, 215.0), matrix_px),
        Protocol(Plane.SAGITTAL, *_draw(rng, (500, 650), (10, 15)), rng.uniform(250.0, 280.0), matrix_px),
    )


def _draw(rng: np.random.Generator, *ranges: tuple[int, int]) -> tuple[float, float]:
    """Draw TR and TE, whole milliseconds."""
    repetition_time_ms, echo_time_ms = (float(rng.integers(low, high + 1)) for low, high in ranges)
    return repetition_time_ms, echo_time_ms


def _localizer(
    scanner: _Scanner, patient_id: str, anatomy: Anatomy, config: PhantomConfig, rng: np.random.Generator
) -> Iterator[tuple[str, Dataset]]:
    """Yield three quick sagittal scouts, as every study has them; ingest has to tell them from the series."""
    protocol = Protocol(Plane.SAGITTAL, 500, 12, 400.0, SMALLEST_MATRIX_PX)
    cuts = list(sagittal_cuts(anatomy, protocol, rng))
    for index, cut in enumerate(cuts[:: len(cuts) // LOCALIZER_SLICES][:LOCALIZER_SLICES], start=1):
        ds = _dataset(scanner, patient_id, protocol, cut, scan(anatomy, cut, protocol, rng), 1, index)
        ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        ds.SeriesDescription = "localizer"
        yield f"localizer/IM{index:04d}.dcm", ds


def _dataset(
    scanner: _Scanner,
    patient_id: str,
    protocol: Protocol,
    cut: Cut,
    pixels: NDArray[np.uint16],
    series_number: int,
    index: int,
) -> Dataset:
    """Return one MR image (PS3.3 A.4) with every attribute of type 1 and 2."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = scanner.uid("image", series_number, index)
    ds.StudyInstanceUID = scanner.uid("study")
    ds.SeriesInstanceUID = scanner.uid("series", series_number)
    ds.FrameOfReferenceUID = scanner.uid("frame")
    _set_patient_and_study(ds, scanner, patient_id)
    weighting = "T2" if protocol.plane is Plane.AXIAL else "T1"
    ds.SeriesDescription = f"{weighting} TSE {'TRA' if protocol.plane is Plane.AXIAL else 'SAG'}"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = "MR", series_number, index, 1
    ds.Manufacturer, ds.ManufacturerModelName = scanner.manufacturer, scanner.model
    ds.MagneticFieldStrength = scanner.field_t
    ds.BodyPartExamined, ds.PatientPosition, ds.Laterality = "LSPINE", "HFS", ""
    ds.PositionReferenceIndicator = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "SE", "SK", ""
    ds.MRAcquisitionType = "2D"
    ds.RepetitionTime, ds.EchoTime = float(protocol.repetition_time_ms), float(protocol.echo_time_ms)
    ds.EchoTrainLength = 15 if weighting == "T2" else 3
    ds.EchoNumbers, ds.NumberOfAverages, ds.FlipAngle = 1, 2, 90
    ds.SliceThickness, ds.SpacingBetweenSlices = SLICE_THICKNESS_MM, SLICE_DISTANCE_MM
    ds.PixelSpacing = [round(spacing, 6) for spacing in cut.geometry.spacing_mm]
    ds.ImagePositionPatient = [round(value, 6) for value in cut.geometry.position_mm]
    ds.ImageOrientationPatient = [
        round(value, 6) for value in (*cut.geometry.row_direction, *cut.geometry.column_direction)
    ]
    _set_pixels(ds, pixels)
    return ds


def _set_patient_and_study(ds: Dataset, scanner: _Scanner, patient_id: str) -> None:
    ds.PatientName, ds.PatientID = f"PHANTOM^{scanner.number:04d}", patient_id
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "", "O", "060Y"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = DATE
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "120000"
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = str(scanner.number), "", ""
    ds.StudyDescription = "MR LUMBAR SPINE, SIMULATED"


def _set_pixels(ds: Dataset, pixels: NDArray[np.uint16]) -> None:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    low, high = np.percentile(pixels, (1.0, 99.0))
    ds.WindowCenter, ds.WindowWidth = round(float(low + high) / 2), max(1, round(float(high - low)))
    ds.PixelData = pixels.astype("<u2").tobytes()


def _grade_rows(study: str, anatomy: Anatomy) -> Iterator[dict[str, Any]]:
    for level, region, side, severity, grade in study_grades(anatomy):
        yield {
            "study": study,
            "level": level,
            "region": region,
            "side": side,
            "severity": round(severity, 6),
            "grade": grade.word,
        }
