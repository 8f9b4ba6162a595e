"""From the DICOM files of one study to windowed PNG slices, and a list of what was refused and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfspine.dicom.deidentify.pseudonyms import Salt
from tfspine.dicom.headers import SliceHeader
from tfspine.dicom.pixels import Pixels, read_pixels, window, window_limits
from tfspine.dicom.series import Decision, choose_series, weighting
from tfspine.errors import DicomError
from tfspine.geometry import stacks_of, to_display
from tfspine.labels import Plane
from tfspine.structures import Refusal, geometry_to_row, pseudonym, slice_key

IMAGES_FOLDER = "slices"
PNG_COMPRESSION = 1
"""zlib's quickest level: noise hardly compresses further, and writing is what ingest waits for."""

SERIES_COLUMNS: tuple[str, ...] = (
    "study", "series_number", "part", "slices", "stacks", "gaps", "duplicates", "plane", "weighting",
    "row_spacing_mm", "column_spacing_mm", "chosen_as", "reason",
)  # fmt: skip
"""Columns of `series.csv`: one row for each part of each series, chosen or not, and the rule that decided."""


@dataclass(frozen=True)
class IngestedStudy:
    """Rows of `slices.csv` and of `series.csv` for one study, and the files of it that were refused.

    `warning` is one line on patients that have no PatientID; of many studies together, empty where all have one.
    """

    rows: tuple[dict[str, Any], ...]
    series: tuple[dict[str, Any], ...]
    refused: tuple[Refusal, ...]
    warning: str = ""


def ingest_study(
    headers: Sequence[SliceHeader], names: Mapping[Path, str], target: Path, *, salt: Salt
) -> IngestedStudy:
    """Choose the series of one study, window their slices and write them as PNG, hung as readers hang them.

    A study without both series keeps its rows of `series.csv`; its files are all refused.

    Args:
        headers: all readable slices of one study.
        names: the name of each file in what was refused.
        target: the folder that gets `slices/KEY.png`.
        salt: the secret behind the pseudonyms of patients.
    """
    study = pseudonym(headers[0].study_instance_uid)
    unique, refused = _without_copies(headers, names)
    decisions = choose_series(unique)
    series = tuple(_series_row(study, decision) for decision in decisions)
    lacking = _lacking(study, decisions)
    if lacking is not None:
        return IngestedStudy((), series, (*refused, *_refusals(unique, names, lacking)))
    pictures: list[_Picture] = []
    for decision in decisions:
        part = decision.part
        refused += _refusals(part.duplicates, names, "lies at the same place as another slice of its stack")
        if decision.plane is None:
            refused += _refusals(part.slices, names, f"series of {len(part.slices)}: {decision.reason}")
            continue
        windowed, unreadable = _windowed(part.slices, decision.plane)
        pictures += windowed
        refused += [item for header, reason in unreadable for item in _refusals([header], names, reason)]
    rows = []
    for plane in Plane:
        shown = [picture for picture in pictures if picture.plane is plane]
        if not shown:
            reason = f"study {study}: no slice of the {plane} series can be decoded; send it again"
            return IngestedStudy(
                (), series, (*refused, *_refusals([picture.header for picture in pictures], names, reason))
            )
        rows += _write_plane(study, plane, shown, target, salt)
    return IngestedStudy(tuple(rows), series, tuple(refused))


@dataclass(frozen=True)
class _Picture:
    """One slice as it is written: uint8 [rows, columns], hung, with the window of its series."""

    header: SliceHeader
    plane: Plane
    pixels: NDArray[np.uint8]
    limits: tuple[float, float]


def _without_copies(
    headers: Sequence[SliceHeader], names: Mapping[Path, str]
) -> tuple[list[SliceHeader], list[Refusal]]:
    first: dict[tuple[str, int], SliceHeader] = {}
    refused = []
    for header in sorted(headers, key=lambda header: names[header.path]):
        kept = first.setdefault((header.sop_instance_uid, header.frame), header)
        if kept is not header:
            refused.append(Refusal(names[header.path], f"same SOPInstanceUID as {names[kept.path]}"))
    return list(first.values()), list(dict.fromkeys(refused))


def _refusals(headers: Sequence[SliceHeader], names: Mapping[Path, str], reason: str) -> list[Refusal]:
    """Return one refusal for each file, however many of its frames are meant."""
    return [Refusal(name, reason) for name in dict.fromkeys(names[header.path] for header in headers)]


def _lacking(study: str, decisions: Sequence[Decision]) -> str | None:
    chosen = {decision.plane for decision in decisions}
    for plane, name in ((Plane.AXIAL, "axial T2w"), (Plane.SAGITTAL, "sagittal T1w")):
        if plane not in chosen:
            seen = "; ".join(f"{len(decision.part.slices)} slices: {decision.reason}" for decision in decisions)
            return f"study {study}: no {name} series; found {seen}; export the study with both series"
    return None


def _windowed(slices: Sequence[SliceHeader], plane: Plane) -> tuple[list[_Picture], list[tuple[SliceHeader, str]]]:
    """Return the slices of one part that can be decoded, under one window, and the others with the reason."""
    grey: list[tuple[SliceHeader, Pixels]] = []
    unreadable: list[tuple[SliceHeader, str]] = []
    for header, pixels in read_pixels(slices):
        if isinstance(pixels, DicomError):
            unreadable.append((header, str(pixels)))
        else:
            grey.append((header, pixels))
    if not grey:
        return [], unreadable
    limits = window_limits([pixels for _, pixels in grey])
    pictures = [
        _Picture(header, plane, to_display(header.geometry, plane, window(pixels, limits)), limits)
        for header, pixels in grey
    ]
    return pictures, unreadable


def _write_plane(
    study: str, plane: Plane, pictures: Sequence[_Picture], target: Path, salt: Salt
) -> list[dict[str, Any]]:
    """Write the slices of one plane and return their rows, numbered from 1 in stacking order."""
    (target / IMAGES_FOLDER).mkdir(parents=True, exist_ok=True)
    rows = []
    stacks = stacks_of([picture.header.hung for picture in pictures], plane)
    for number, index in enumerate((index for stack in stacks for index in stack), start=1):
        key = slice_key(study, plane, number)
        image = Image.fromarray(np.ascontiguousarray(pictures[index].pixels))
        image.save(target / IMAGES_FOLDER / f"{key}.png", compress_level=PNG_COMPRESSION)
        rows.append(_row(key, study, number, pictures[index], salt))
    return rows


def _row(key: str, study: str, number: int, picture: _Picture, salt: Salt) -> dict[str, Any]:
    header = picture.header
    return {
        "key": key,
        "study": study,
        "patient": salt.patient(header.patient_key),
        "plane": str(picture.plane),
        "number": number,
        **geometry_to_row(header.hung),
        "slice_thickness_mm": header.slice_thickness_mm,
        "window_low": picture.limits[0],
        "window_high": picture.limits[1],
        "manufacturer": header.manufacturer,
        "magnetic_field_strength_t": header.magnetic_field_strength_t,
        "repetition_time_ms": header.sequence.repetition_time_ms,
        "echo_time_ms": header.sequence.echo_time_ms,
        "study_instance_uid": header.study_instance_uid,
        "series_instance_uid": header.series_instance_uid,
        "sop_instance_uid": header.sop_instance_uid,
        "frame_of_reference_uid": header.frame_of_reference_uid,
    }


def _series_row(study: str, decision: Decision) -> dict[str, Any]:
    part, first = decision.part, decision.part.slices[0]
    return {
        "study": study,
        "series_number": first.series_number,
        "part": decision.number,
        "slices": len(part.slices),
        "stacks": len(part.stacks),
        "gaps": part.gaps,
        "duplicates": len(part.duplicates),
        "plane": str(part.plane or ""),
        "weighting": weighting(part),
        "row_spacing_mm": first.hung.spacing_mm[0],
        "column_spacing_mm": first.hung.spacing_mm[1],
        "chosen_as": str(decision.plane or ""),
        "reason": decision.reason,
    }
