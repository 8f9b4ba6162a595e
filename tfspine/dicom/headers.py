"""The header of one DICOM file, checked and frozen.

Attributes keep their DICOM keyword in snake case. Reading stops before the pixels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

from tfspine.errors import DicomError
from tfspine.geometry import SliceGeometry

DIRECTION_TOLERANCE = 1e-3
"""How far the direction cosines may be from unit length and right angles; real scanners round them to 6 digits."""


@dataclass(frozen=True)
class SliceHeader:
    """What the other steps need to know of one MR image; times in ms, field in tesla, None where absent."""

    path: Path
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    frame_of_reference_uid: str
    patient_id: str
    series_description: str
    image_type: tuple[str, ...]
    repetition_time_ms: float | None
    echo_time_ms: float | None
    slice_thickness_mm: float | None
    magnetic_field_strength_t: float | None
    manufacturer: str
    geometry: SliceGeometry


def read_header(path: Path) -> SliceHeader:
    """Read and check the header of one file.

    Raises:
        DicomError: not DICOM, not MR, or without a usable position; the message is the reason, without the path.
    """
    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
    except InvalidDicomError:
        raise DicomError("not a DICOM file") from None
    except OSError as error:
        raise DicomError(f"cannot be read: {error.strerror or error}") from None
    except Exception as error:  # pydicom meets damaged bytes with many kinds of exception
        raise DicomError(f"damaged header: {error}") from None
    if ds.get("Modality") != "MR":
        raise DicomError(f"Modality {ds.get('Modality', 'absent')}; expected MR")
    return SliceHeader(
        path=path,
        study_instance_uid=_required(ds, "StudyInstanceUID"),
        series_instance_uid=_required(ds, "SeriesInstanceUID"),
        sop_instance_uid=_required(ds, "SOPInstanceUID"),
        frame_of_reference_uid=str(ds.get("FrameOfReferenceUID", "")),
        patient_id=str(ds.get("PatientID", "")),
        series_description=str(ds.get("SeriesDescription", "")),
        image_type=tuple(str(word).upper() for word in ds.get("ImageType") or ()),
        repetition_time_ms=_number(ds, "RepetitionTime"),
        echo_time_ms=_number(ds, "EchoTime"),
        slice_thickness_mm=_number(ds, "SliceThickness"),
        magnetic_field_strength_t=_number(ds, "MagneticFieldStrength"),
        manufacturer=str(ds.get("Manufacturer", "")),
        geometry=_geometry(ds),
    )


def _geometry(ds: pydicom.Dataset) -> SliceGeometry:
    position = _numbers(ds, "ImagePositionPatient", 3)
    orientation = _numbers(ds, "ImageOrientationPatient", 6)
    row_spacing, column_spacing = _numbers(ds, "PixelSpacing", 2)
    row_direction, column_direction = orientation[:3], orientation[3:]
    lengths = (_dot(row_direction, row_direction), _dot(column_direction, column_direction))
    if max(abs(length - 1) for length in lengths) > DIRECTION_TOLERANCE or (
        abs(_dot(row_direction, column_direction)) > DIRECTION_TOLERANCE
    ):
        raise DicomError(f"ImageOrientationPatient {list(orientation)}; expected two unit vectors at right angles")
    if row_spacing <= 0 or column_spacing <= 0:
        raise DicomError(f"PixelSpacing {[row_spacing, column_spacing]}; expected two positive lengths in mm")
    return SliceGeometry(
        position_mm=(position[0], position[1], position[2]),
        row_direction=(row_direction[0], row_direction[1], row_direction[2]),
        column_direction=(column_direction[0], column_direction[1], column_direction[2]),
        spacing_mm=(row_spacing, column_spacing),
        size_px=(int(_required(ds, "Rows")), int(_required(ds, "Columns"))),
    )


def _required(ds: pydicom.Dataset, keyword: str) -> str:
    value = ds.get(keyword)
    if value in (None, ""):
        raise DicomError(f"{keyword} is absent")
    return str(value)


def _numbers(ds: pydicom.Dataset, keyword: str, count: int) -> tuple[float, ...]:
    value: Any = ds.get(keyword)
    if value is None or len(value) != count:
        raise DicomError(f"{keyword} is absent or not {count} numbers; the slice cannot be placed in the patient")
    return tuple(float(number) for number in value)


def _number(ds: pydicom.Dataset, keyword: str) -> float | None:
    value = ds.get(keyword)
    return None if value in (None, "") else float(value)


def _dot(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))
