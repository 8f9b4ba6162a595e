"""Headers of slices without files, for what is decided by headers alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfspine.dicom.slice_headers import PixelEncoding, PulseSequence, SliceHeader
from tfspine.geometry import SliceGeometry
from tfspine.labels import Plane

DIRECTIONS = {
    Plane.AXIAL: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    Plane.SAGITTAL: ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    None: ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
}
STEP = {Plane.AXIAL: (0.0, 0.0, -1.0), Plane.SAGITTAL: (1.0, 0.0, 0.0), None: (0.0, 1.0, 0.0)}
TIMES_MS = {Plane.AXIAL: (4000.0, 90.0), Plane.SAGITTAL: (500.0, 12.0), None: (4000.0, 90.0)}


def series(
    plane: Plane | None,
    *,
    uid: str | None = None,
    at_mm: Sequence[float] = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0),
    size_px: tuple[int, int] = (20, 24),
    spacing_mm: tuple[float, float] = (0.6, 0.6),
    times_ms: tuple[float | None, float | None] | None = None,
    scanning_sequence: tuple[str, ...] = ("SE",),
    inversion_time_ms: float | None = None,
    is_fat_suppressed: bool = False,
    contrast_agent: str = "",
    **attributes: Any,
) -> list[SliceHeader]:
    """Return the slices of one series, numbered from 1 along the patient; None is coronal.

    `at_mm` counts in stacking order, from head to feet or from right to left. What is left out fits the plane's task.
    """
    repetition_time_ms, echo_time_ms = times_ms or TIMES_MS[plane]
    uid = uid or f"1.{1 if plane is Plane.AXIAL else 2}"
    row, column = DIRECTIONS[plane]
    sequence = PulseSequence(
        scanning_sequence, repetition_time_ms, echo_time_ms, inversion_time_ms, is_fat_suppressed, contrast_agent
    )
    slices = []
    for number, place_mm in enumerate(at_mm, start=1):
        x, y, z = (place_mm * step for step in STEP[plane])
        header = SliceHeader(
            path=Path(f"{uid}-{number}"),
            frame=0,
            study_instance_uid="1",
            series_instance_uid=uid,
            sop_instance_uid=f"{uid}.{number}",
            frame_of_reference_uid="1.9",
            patient_key="id\0P",
            series_number=1,
            acquisition_number=1,
            instance_number=number,
            described="",
            study_described="",
            body_part_examined="",
            image_type=("ORIGINAL", "PRIMARY", "M"),
            sequence=sequence,
            slice_thickness_mm=4.0,
            magnetic_field_strength_t=1.5,
            manufacturer="TEST",
            pixels=PixelEncoding("MONOCHROME2", 16, 12, 11, False, None, 1.0, 0.0),
            geometry=SliceGeometry((x, y, z), row, column, spacing_mm, size_px),
        )
        slices.append(replace(header, **attributes))
    return slices
