"""One simulated slice as DICOM: an MR image (PS3.3 A.4) as written by its vendor, without private elements."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import MRImageStorage

from tfspine.phantom.cuts import Cut
from tfspine.phantom.protocol import GYROMAGNETIC_RATIO_HZ_PER_UT, PhaseEncoding, Protocol
from tfspine.phantom.vendors import Numbering, ScannerModel, Vendor, WindowHabit

DATE = "20260101"
TIME = "120000"

WINDOW_PERCENTILES = (1.0, 99.0)

LOCALIZER_IMAGE_TYPE = ("ORIGINAL", "PRIMARY", "LOCALIZER")


@dataclass(frozen=True)
class Exam:
    """The attributes shared by all images of one study."""

    seed: int
    number: int
    vendor: Vendor
    model: ScannerModel
    age_years: float
    sex: str

    @property
    def patient_id(self) -> str:
        """PatientID."""
        return f"PHANTOM{self.number:04d}"

    def uid(self, *parts: object) -> str:
        """Return a UID that depends only on the seed, the patient and `parts` (PS3.5 B.2, UUID-derived)."""
        text = "/".join(map(str, ("tfspine", self.seed, self.number, *parts)))
        return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big')}"


@dataclass(frozen=True)
class Series:
    """The attributes shared by all images of one series. `rescale_slope` is None if the vendor does not write it."""

    number: int
    description: str
    image_type: tuple[str, ...]
    protocol: Protocol
    rescale_slope: float | None
    numbering: Numbering


def image_dataset(exam: Exam, series: Series, cut: Cut, pixels: NDArray[np.uint16], *, instance_number: int) -> Dataset:
    """Return one image with every attribute of type 1 and 2."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = exam.uid("image", series.number, instance_number)
    _set_patient_and_study(ds, exam)
    _set_series(ds, exam, series)
    ds.InstanceNumber, ds.AcquisitionNumber = instance_number, 1
    ds.ImageType = list(series.image_type)
    _set_sequence(ds, exam, series.protocol)
    _set_place(ds, cut, series.protocol)
    _set_pixels(ds, pixels)
    if series.rescale_slope is not None:
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, series.rescale_slope, "normalized"
    _set_window(ds, pixels, exam.vendor.window, series.rescale_slope or 1.0)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = exam.vendor.transfer_syntax
    return ds


def _set_patient_and_study(ds: Dataset, exam: Exam) -> None:
    ds.PatientName, ds.PatientID = f"PHANTOM^{exam.number:04d}", exam.patient_id
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "", exam.sex, f"{int(exam.age_years):03d}Y"
    ds.StudyInstanceUID = exam.uid("study")
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = DATE
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = TIME
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = str(exam.number), "", ""
    ds.StudyDescription = "MR LUMBAR SPINE, SIMULATED"


def _set_series(ds: Dataset, exam: Exam, series: Series) -> None:
    ds.Modality, ds.SeriesNumber, ds.SeriesDescription = "MR", series.number, series.description
    ds.SeriesInstanceUID = exam.uid("series", series.number)
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = exam.uid("frame"), ""
    ds.BodyPartExamined, ds.PatientPosition, ds.Laterality = "LSPINE", "HFS", ""
    ds.ProtocolName = series.description
    ds.Manufacturer, ds.ManufacturerModelName = exam.vendor.manufacturer, exam.model.name
    ds.SoftwareVersions = exam.model.software


def _set_sequence(ds: Dataset, exam: Exam, protocol: Protocol) -> None:
    """Set how the image was measured (PS3.3 C.8.3.1)."""
    along_phase, along_frequency = protocol.sampled
    phase_px, frequency_px = round(protocol.matrix_px * along_phase), round(protocol.matrix_px * along_frequency)
    ds.ScanningSequence, ds.SequenceVariant = "SE", list(exam.vendor.sequence_variant)
    ds.ScanOptions = "SP" if protocol.artefacts.saturation is not None else ""
    ds.MRAcquisitionType = "2D"
    ds.RepetitionTime, ds.EchoTime, ds.InversionTime = protocol.repetition_time_ms, protocol.echo_time_ms, None
    ds.EchoTrainLength, ds.EchoNumbers = protocol.echo_train, 1
    ds.NumberOfAverages, ds.FlipAngle = 2, 90
    ds.MagneticFieldStrength = protocol.field_t
    ds.ImagedNucleus, ds.ImagingFrequency = "1H", round(GYROMAGNETIC_RATIO_HZ_PER_UT * protocol.field_t, 4)
    ds.PixelBandwidth = protocol.bandwidth_hz_px
    ds.InPlanePhaseEncodingDirection = str(protocol.phase)
    is_phase_along_columns = protocol.phase is PhaseEncoding.COL
    ds.AcquisitionMatrix = [frequency_px, 0, 0, phase_px] if is_phase_along_columns else [0, frequency_px, phase_px, 0]
    ds.PercentSampling, ds.PercentPhaseFieldOfView = round(100 * phase_px / frequency_px, 2), 100
    ds.NumberOfPhaseEncodingSteps = phase_px


def _set_place(ds: Dataset, cut: Cut, protocol: Protocol) -> None:
    ds.SliceThickness, ds.SpacingBetweenSlices = protocol.thickness_mm, protocol.distance_mm
    ds.PixelSpacing = [round(spacing, 6) for spacing in cut.geometry.spacing_mm]
    ds.ImagePositionPatient = [round(value, 6) for value in cut.geometry.position_mm]
    ds.ImageOrientationPatient = [
        round(value, 6) for value in (*cut.geometry.row_direction, *cut.geometry.column_direction)
    ]


def _set_pixels(ds: Dataset, pixels: NDArray[np.uint16]) -> None:
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = pixels.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"  # as implicit VR demands, and as scanners write 16 bits (PS3.5 A.1 and A.2)


def _set_window(ds: Dataset, pixels: NDArray[np.uint16], habit: WindowHabit, slope: float) -> None:
    """Set the window, in rescaled units (PS3.3 C.11.2.1.2)."""
    percentiles = WINDOW_PERCENTILES if habit is WindowHabit.PERCENTILES else (0.0, 100.0)
    low, high = np.percentile(pixels, percentiles) * slope
    ds.WindowCenter, ds.WindowWidth = round(float(low + high) / 2), max(1, round(float(high - low)))
