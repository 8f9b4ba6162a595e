"""From a folder of DICOM files to windowed PNG slices, and a list of what was refused and why."""

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfspine.dicom.headers import SliceHeader, read_header
from tfspine.dicom.pixels import read_pixels, window, window_limits
from tfspine.dicom.series import Decision, choose_series
from tfspine.errors import DicomError
from tfspine.labels import Plane
from tfspine.outputs import write_bytes
from tfspine.structures import geometry_to_row, pseudonym, slice_key

IMAGES_FOLDER = "slices"
PNG_COMPRESSION = 1
"""zlib's quickest level: noise hardly compresses further, and writing is what ingest waits for."""


@dataclass(frozen=True)
class Refusal:
    """One file, or one series or study by its pseudonym, that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """Every readable header of a folder by study, and what was refused."""

    studies: dict[str, tuple[SliceHeader, ...]]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True)
class IngestedStudy:
    """Rows of `slices.csv` for one study, and what was refused of it."""

    rows: tuple[dict[str, Any], ...]
    refused: tuple[Refusal, ...]


def scan_folder(source: Path, *, track: Callable[[Sequence[Path]], Iterable[Path]] = iter) -> Scan:
    """Read the header of every file below `source`, whatever it is called.

    Raises:
        DicomError: the folder is missing or holds no usable MR image.
    """
    if not source.is_dir():
        raise DicomError(f"{source}: no such folder; expected one with DICOM files")
    files = sorted(path for path in source.rglob("*") if path.is_file())
    studies: dict[str, dict[str, SliceHeader]] = defaultdict(dict)
    refused = []
    for path in track(files):
        name = str(path.relative_to(source))
        try:
            header = read_header(path)
        except DicomError as error:
            refused.append(Refusal(name, str(error)))
            continue
        slices = studies[header.study_instance_uid]
        if header.sop_instance_uid in slices:
            first = slices[header.sop_instance_uid].path.relative_to(source)
            refused.append(Refusal(name, f"same SOPInstanceUID as {first}"))
        else:
            slices[header.sop_instance_uid] = header
    if not studies:
        reasons = f"; {refused[0].file}: {refused[0].reason}" if refused else ""
        raise DicomError(f"{source}: {len(files)} files, no usable MR image{reasons}; name a folder with DICOM files")
    return Scan({uid: tuple(slices.values()) for uid, slices in sorted(studies.items())}, tuple(refused))


def ingest_study(headers: Sequence[SliceHeader], source: Path, target: Path) -> IngestedStudy:
    """Choose the series of one study, window their slices and write them as PNG.

    Args:
        headers: all readable files of one study.
        source: the folder that refusals are named from.
        target: the folder that gets `slices/KEY.png`.

    Raises:
        DicomError: the study has no axial T2w or no sagittal T1w series; the message says what it has.
    """
    study = pseudonym(headers[0].study_instance_uid)
    decisions = choose_series(headers)
    _require_both_planes(study, decisions)
    rows: list[dict[str, Any]] = []
    refused: list[Refusal] = []
    for decision in decisions:
        if decision.plane is None:
            reason = f"series of {len(decision.slices)}: {decision.reason}"
            refused += [Refusal(str(header.path.relative_to(source)), reason) for header in decision.slices]
            continue
        readable = []
        for header in decision.slices:
            try:
                readable.append((header, _checked_pixels(header)))
            except DicomError as error:
                refused.append(Refusal(str(header.path.relative_to(source)), str(error)))
        rows += _write_series(study, decision.plane, readable, target)
    return IngestedStudy(tuple(rows), tuple(refused))


def _require_both_planes(study: str, decisions: Sequence[Decision]) -> None:
    chosen = {decision.plane for decision in decisions}
    for plane, name in ((Plane.AXIAL, "axial T2w"), (Plane.SAGITTAL, "sagittal T1w")):
        if plane not in chosen:
            seen = "; ".join(f"{len(decision.slices)} slices: {decision.reason}" for decision in decisions)
            raise DicomError(f"study {study}: no {name} series; found {seen}; export the study with both series")


def _checked_pixels(header: SliceHeader) -> NDArray[np.float32]:
    pixels = read_pixels(header.path)
    if pixels.shape != header.geometry.size_px:
        raise DicomError(f"pixels {list(pixels.shape)}; Rows and Columns say {list(header.geometry.size_px)}")
    return pixels


def _write_series(
    study: str, plane: Plane, slices: Sequence[tuple[SliceHeader, NDArray[np.float32]]], target: Path
) -> list[dict[str, Any]]:
    if not slices:
        raise DicomError(f"study {study}: no slice of the {plane} series can be decoded; send it again")
    limits = window_limits([pixels for _, pixels in slices])
    rows = []
    for number, (header, pixels) in enumerate(slices, start=1):
        key = slice_key(study, plane, number)
        buffer = io.BytesIO()
        Image.fromarray(window(pixels, limits)).save(buffer, "PNG", compress_level=PNG_COMPRESSION)
        write_bytes(target / IMAGES_FOLDER / f"{key}.png", buffer.getvalue())
        rows.append(_row(key, study, plane, number, header, limits))
    return rows


def _row(
    key: str, study: str, plane: Plane, number: int, header: SliceHeader, limits: tuple[float, float]
) -> dict[str, Any]:
    return {
        "key": key,
        "study": study,
        "patient": pseudonym(header.patient_id),
        "plane": str(plane),
        "number": number,
        **geometry_to_row(header.geometry),
        "slice_thickness_mm": header.slice_thickness_mm,
        "window_low": limits[0],
        "window_high": limits[1],
        "manufacturer": header.manufacturer,
        "magnetic_field_strength_t": header.magnetic_field_strength_t,
        "repetition_time_ms": header.repetition_time_ms,
        "echo_time_ms": header.echo_time_ms,
        "study_instance_uid": header.study_instance_uid,
        "series_instance_uid": header.series_instance_uid,
        "sop_instance_uid": header.sop_instance_uid,
        "frame_of_reference_uid": header.frame_of_reference_uid,
    }
