"""The checked headers of one DICOM file: one for a classic MR image, one for each frame of an enhanced one.

Attributes keep their DICOM keyword in snake case. Reading stops before the pixels. An enhanced file (PS3.3 A.36.2)
stores the attributes of its frames in functional groups, shared or per frame; `frames.py` flattens them, so that each
frame can be read like a classic image.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.uid import EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from tfspine.dicom.acquired import acquired_s
from tfspine.dicom.agents import contrast_agent
from tfspine.dicom.files import read_dataset, refusing
from tfspine.dicom.frames import Attributes, frames_of
from tfspine.dicom.patient_keys import patient_key
from tfspine.dicom.values import codes, number, position_numbers, quoted, required, spare_integer, spare_number, typed
from tfspine.errors import DicomError
from tfspine.geometry import SliceGeometry, display_geometry, plane_of
from tfspine.labels import Plane

DIRECTION_TOLERANCE = 1e-3
"""Tolerance of the direction cosines for unit length and right angles; scanners round them to 6 digits."""

LONGEST_SIDE_PX = 4096
"""No MR image has more rows or columns; a larger value means damage and would require gigabytes of memory."""

MR_STORAGE = frozenset({MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage})
"""Used in place of Modality where public data sets, such as RSNA 2024, leave it out."""


@dataclass(frozen=True)
class PixelEncoding:
    """How stored values are converted to grey values.

    `padding` is the lowest and the highest stored value that marks pixels without a measurement; `slope` and
    `intercept` are those of the modality transformation (PS3.3 C.11.1).
    """

    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    padding: tuple[int, int] | None
    slope: float
    intercept: float


@dataclass(frozen=True)
class PulseSequence:
    """The pulse sequence of the slice; times in ms, None if absent.

    `scanning_sequence` holds SE, GR, IR, EP; `is_fat_suppressed` comes from ScanOptions or
    SpectrallySelectedSuppression.
    """

    scanning_sequence: tuple[str, ...]
    repetition_time_ms: float | None
    echo_time_ms: float | None
    inversion_time_ms: float | None
    is_fat_suppressed: bool
    contrast_agent: str


@dataclass(frozen=True)
class SliceHeader:
    """What the other steps need to know about one MR slice; `frame` counts from 0, field in tesla, None if absent.

    `described`, `protocol` and `study_described` are SeriesDescription, ProtocolName and StudyDescription, in capitals,
    with blanks for underscores. People type them, so they may contain the patient's name; like `patient_key`, they are
    never written to a file. `image_type` holds ImageType and, for enhanced images, ComplexImageComponent. `geometry` is
    that of the stored image, `hung` that of the same slice in its display orientation (`geometry.to_display`), if its
    plane has one. `acquired_s` is the time of acquisition in seconds from a fixed day, 0 if unknown; it is used only
    for ordering and never written to a file.
    """

    path: Path
    frame: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    frame_of_reference_uid: str
    patient_key: str
    series_number: int | None
    acquisition_number: int | None
    instance_number: int | None
    described: str
    study_described: str
    body_part_examined: str
    image_type: tuple[str, ...]
    sequence: PulseSequence
    slice_thickness_mm: float | None
    magnetic_field_strength_t: float | None
    manufacturer: str
    pixels: PixelEncoding
    geometry: SliceGeometry
    protocol: str = ""
    acquired_s: float = 0.0

    @functools.cached_property
    def plane(self) -> Plane | None:
        """The plane nearest to that of the slice; None if it is coronal or too oblique."""
        return plane_of(self.geometry)

    @functools.cached_property
    def hung(self) -> SliceGeometry:
        """The geometry of the slice as it is written, in display orientation."""
        return self.geometry if self.plane is None else display_geometry(self.geometry, self.plane)


def read_headers(path: Path) -> tuple[SliceHeader, ...]:
    """Read and check the header of one file; for an enhanced file, that of each frame.

    Raises:
        DicomError: not DICOM, not MR, in colour, or without a usable position; the message is the reason, without the
            path.
    """
    ds = read_dataset(path)
    with refusing("header"):
        _require_mr(ds)
        return tuple(_header(path, number, frame) for number, frame in enumerate(frames_of(ds)))


def _require_mr(ds: pydicom.Dataset) -> None:
    """Refuse other modalities; without Modality, use the SOP class, or accept any object that is an image."""
    modality = str(ds.get("Modality") or "")
    if modality == "MR":
        return
    storage = ds.get("SOPClassUID") or ds.file_meta.get("MediaStorageSOPClassUID") or ""
    if modality or not (storage in MR_STORAGE or (not storage and "Rows" in ds)):
        raise DicomError(f"Modality {quoted(modality or 'absent')}; expected MR")


def _header(path: Path, number: int, ds: Attributes) -> SliceHeader:
    return SliceHeader(
        path=path,
        frame=number,
        study_instance_uid=required(ds, "StudyInstanceUID"),
        series_instance_uid=required(ds, "SeriesInstanceUID"),
        sop_instance_uid=required(ds, "SOPInstanceUID"),
        frame_of_reference_uid=str(ds.get("FrameOfReferenceUID", "")),
        patient_key=patient_key(ds),
        series_number=spare_integer(ds, "SeriesNumber"),
        acquisition_number=spare_integer(ds, "AcquisitionNumber"),
        instance_number=spare_integer(ds, "InstanceNumber"),
        described=typed(ds, "SeriesDescription"),
        study_described=typed(ds, "StudyDescription"),
        body_part_examined=_body_part(ds),
        image_type=codes(ds, "ImageType") + codes(ds, "ComplexImageComponent"),
        sequence=_sequence(ds),
        slice_thickness_mm=spare_number(ds, "SliceThickness"),
        magnetic_field_strength_t=spare_number(ds, "MagneticFieldStrength"),
        manufacturer=str(ds.get("Manufacturer", "")),
        pixels=_encoding(ds),
        geometry=_geometry(ds),
        protocol=typed(ds, "ProtocolName"),
        acquired_s=acquired_s(ds),
    )


def _sequence(ds: Attributes) -> PulseSequence:
    suppressed = "FAT" in str(ds.get("SpectrallySelectedSuppression", "")).upper()
    return PulseSequence(
        scanning_sequence=codes(ds, "ScanningSequence"),
        repetition_time_ms=number(ds, "RepetitionTime"),
        echo_time_ms=number(ds, "EchoTime"),
        inversion_time_ms=number(ds, "InversionTime"),
        is_fat_suppressed=suppressed or bool({"FS", "SFS"} & set(codes(ds, "ScanOptions"))),
        contrast_agent=contrast_agent(ds),
    )


def _body_part(ds: Attributes) -> str:
    regions = [str(item.get("CodeMeaning", "")) for item in ds.get("AnatomicRegionSequence") or ()]
    return (str(ds.get("BodyPartExamined", "")) or " ".join(regions)).strip().upper()


def _encoding(ds: Attributes) -> PixelEncoding:
    photometric = str(ds.get("PhotometricInterpretation", "absent"))
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or int(ds.get("SamplesPerPixel", 1)) != 1:
        raise DicomError(f"PhotometricInterpretation {quoted(photometric)}; expected a grey image, not a coloured one")
    allocated, stored = int(required(ds, "BitsAllocated")), int(required(ds, "BitsStored"))
    high_bit = int(ds.get("HighBit", stored - 1))
    if allocated not in (8, 16, 32) or not 0 < stored <= high_bit + 1 <= allocated:
        raise DicomError(
            f"BitsAllocated {allocated}, BitsStored {stored}, HighBit {high_bit}; expected 8, 16 or 32 bits and the "
            "stored ones within"
        )
    first = ds.get("PixelPaddingValue")
    last = ds.get("PixelPaddingRangeLimit", first)
    return PixelEncoding(
        photometric_interpretation=photometric,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        is_signed=int(ds.get("PixelRepresentation", 0)) == 1,
        padding=None if first is None else (min(int(first), int(last)), max(int(first), int(last))),
        slope=_slope(ds),
        intercept=number(ds, "RescaleIntercept") or 0.0,
    )


def _slope(ds: Attributes) -> float:
    slope = number(ds, "RescaleSlope")
    if slope == 0:
        raise DicomError("RescaleSlope 0; expected a slope other than 0")
    return 1.0 if slope is None else slope


def _geometry(ds: Attributes) -> SliceGeometry:
    position = position_numbers(ds, "ImagePositionPatient", 3)
    orientation = position_numbers(ds, "ImageOrientationPatient", 6)
    row_spacing, column_spacing = position_numbers(ds, "PixelSpacing", 2)
    row_direction, column_direction = orientation[:3], orientation[3:]
    lengths = (_dot(row_direction, row_direction), _dot(column_direction, column_direction))
    if not max(abs(length - 1) for length in lengths) <= DIRECTION_TOLERANCE or not (
        abs(_dot(row_direction, column_direction)) <= DIRECTION_TOLERANCE
    ):
        raise DicomError(f"ImageOrientationPatient {list(orientation)}; expected two unit vectors at right angles")
    if not (0 < row_spacing < 100 and 0 < column_spacing < 100):
        raise DicomError(f"PixelSpacing {[row_spacing, column_spacing]}; expected two positive lengths in mm")
    size_px = (int(required(ds, "Rows")), int(required(ds, "Columns")))
    if not (min(size_px) > 0 and max(size_px) <= LONGEST_SIDE_PX):
        raise DicomError(f"Rows, Columns {list(size_px)}; expected 1 to {LONGEST_SIDE_PX}")
    return SliceGeometry(
        position_mm=(position[0], position[1], position[2]),
        row_direction=(row_direction[0], row_direction[1], row_direction[2]),
        column_direction=(column_direction[0], column_direction[1], column_direction[2]),
        spacing_mm=(row_spacing, column_spacing),
        size_px=size_px,
    )


def _dot(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))
