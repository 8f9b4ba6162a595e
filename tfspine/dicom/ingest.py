"""Convert the DICOM files of one study to windowed PNG slices, and list what was refused and why."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfspine.dicom.deidentify.pseudonyms import Salt
from tfspine.dicom.descriptions import words
from tfspine.dicom.joining import FEWEST_SLICES
from tfspine.dicom.pixels import read_pixels
from tfspine.dicom.series import NOTHING_SAID, Decision, choose_series
from tfspine.dicom.series_map import SeriesMap
from tfspine.dicom.slice_headers import SliceHeader
from tfspine.dicom.windows import Survey, survey, windowed_slices
from tfspine.errors import DicomError
from tfspine.formats.series_csv import SeriesRow
from tfspine.formats.slices_csv import IMAGES_FOLDER, geometry_to_row
from tfspine.geometry import Vector, stacks_of, to_display
from tfspine.labels import Plane
from tfspine.structures import Refusal, pseudonym, slice_key

PNG_COMPRESSION = 1
"""The fastest level of zlib: noise hardly compresses further, and writing takes most of the time of ingest."""


@dataclass(frozen=True)
class IngestedStudy:
    """Rows of `slices.csv` and of `series.csv` for one study, and its files that were refused.

    For many studies together, `warning` is one line about patients without a PatientID (empty if all have one), and
    `unmatched` counts the rows of the series map that do not match any series.
    """

    rows: tuple[dict[str, Any], ...]
    series: tuple[SeriesRow, ...]
    refused: tuple[Refusal, ...]
    warning: str = ""
    unmatched: int = 0


def ingest_study(
    headers: Sequence[SliceHeader],
    names: Mapping[Path, str],
    target: Path,
    *,
    salt: Salt,
    series_map: SeriesMap = NOTHING_SAID,
) -> IngestedStudy:
    """Choose the series of one study, window their slices and write them as PNG in display orientation.

    A study with only one of the two planes is still used. A study with neither keeps its rows in `series.csv`, and all
    of its files are refused.

    Args:
        headers: all readable slices of one study.
        names: the name under which each file is listed if it is refused.
        target: the folder in which `slices/KEY.png` is written.
        salt: the secret from which the pseudonyms of patients are derived.
        series_map: the user's own choice of series.
    """
    study = pseudonym(headers[0].study_instance_uid)
    unique, refused = without_copies(headers, names)
    chosen = _choose(unique, series_map)
    series = tuple(_series_row(study, decision) for decision in chosen.decisions)
    refused += [item for header, reason in chosen.unreadable for item in _refusals([header], names, reason)]
    if not chosen.surveys:
        rest = [header for header in unique if all(header is not other for other, _ in chosen.unreadable)]
        return IngestedStudy((), series, (*refused, *_refusals(rest, names, _lacking(study, chosen.decisions))))
    for decision in chosen.decisions:
        part = decision.part
        refused += _refusals(part.duplicates, names, "lies at the same place as another slice of its stack")
        refused += _refusals(decision.repeated, names, "lies at the same place as a slice of a better series")
        if decision.plane is None:
            refused += _refusals(part.slices, names, f"series of {len(part.slices)}: {decision.reason}")
    rows: list[dict[str, Any]] = []
    for plane in Plane:
        if plane in chosen.surveys:
            rows += _write_plane(study, plane, chosen.surveys[plane], target, salt)
    return IngestedStudy(tuple(rows), series, tuple(refused))


@dataclass(frozen=True)
class _Chosen:
    """The decisions, the readable slices by plane (one survey for each window), and the unreadable slices."""

    decisions: tuple[Decision, ...]
    surveys: Mapping[Plane, Sequence[Survey]]
    unreadable: tuple[tuple[SliceHeader, str], ...]


def _choose(headers: Sequence[SliceHeader], series_map: SeriesMap) -> _Chosen:
    """Choose series and read them; choose again if another series or a duplicate can replace damaged slices.

    Otherwise a slice at the position of a damaged one, or the next best series, would be lost as well.
    """
    unreadable: list[tuple[SliceHeader, str]] = []
    while True:
        left = [header for header in headers if all(header is not other for other, _ in unreadable)]
        decisions = choose_series(left, series_map)
        surveys = {plane: _surveys(decisions, plane) for plane in Plane}
        damaged = [item for seen in surveys.values() for one in seen for item in one.unreadable]
        could_be_had = any(decision.part.duplicates or decision.repeated for decision in decisions if decision.plane)
        is_lost = any(seen and not any(one.readable for one in seen) for seen in surveys.values())
        if damaged and (could_be_had or is_lost):
            unreadable += damaged
            continue
        found = {plane: [one for one in seen if one.readable] for plane, seen in surveys.items()}
        return _Chosen(
            tuple(decisions), {plane: seen for plane, seen in found.items() if seen}, (*unreadable, *damaged)
        )


def _surveys(decisions: Sequence[Decision], plane: Plane) -> list[Survey]:
    """Return one survey for each part that is used; parts too small for a window of their own share one."""
    parts = [decision.part.slices for decision in decisions if decision.plane is plane]
    large = [slices for slices in parts if len(slices) >= FEWEST_SLICES]
    small = [header for slices in parts if len(slices) < FEWEST_SLICES for header in slices]
    return [survey(slices) for slices in (*large, small) if slices]


def without_copies(
    headers: Sequence[SliceHeader], names: Mapping[Path, str]
) -> tuple[list[SliceHeader], list[Refusal]]:
    """Return each slice once: of several files with the same SOPInstanceUID, the first that is intact.

    Images with the same SOPInstanceUID at different positions are not copies: some programs write one UID into all
    files.
    """
    copies: dict[tuple[str, int, Vector], list[SliceHeader]] = defaultdict(list)
    for header in sorted(headers, key=lambda header: names[header.path]):
        copies[header.sop_instance_uid, header.frame, header.geometry.position_mm].append(header)
    is_whole: dict[Path, bool] = {}
    unique: list[SliceHeader] = []
    refused: list[Refusal] = []
    for same in copies.values():
        kept = same[0]
        if len(same) > 1:
            kept = next((header for header in same if _is_whole(header.path, headers, is_whole)), kept)
        unique.append(kept)
        refused += [
            Refusal(names[header.path], f"same SOPInstanceUID as {names[kept.path]}")
            for header in same
            if header is not kept
        ]
    return unique, list(dict.fromkeys(refused))


def _is_whole(path: Path, headers: Sequence[SliceHeader], known: dict[Path, bool]) -> bool:
    """Return whether all slices of a file can be decoded; `known` caches the result for each file."""
    if path not in known:
        inside = [header for header in headers if header.path == path]
        known[path] = not any(isinstance(pixels, DicomError) for _, pixels in read_pixels(inside))
    return known[path]


def _refusals(headers: Sequence[SliceHeader], names: Mapping[Path, str], reason: str) -> list[Refusal]:
    """Return one refusal for each file, however many of its frames are refused."""
    return [Refusal(name, reason) for name in dict.fromkeys(names[header.path] for header in headers)]


def _lacking(study: str, decisions: Sequence[Decision]) -> str:
    seen = "; ".join(f"{len(decision.part.slices)} slices: {decision.reason}" for decision in decisions)
    return (
        f"study {study}: neither an axial T2w nor a sagittal T1w series; found {seen or 'nothing'}; export the study "
        "with both series, or choose the series with --series-map"
    )


def _write_plane(study: str, plane: Plane, surveys: Sequence[Survey], target: Path, salt: Salt) -> list[dict[str, Any]]:
    """Write the slices of one plane and return their rows, numbered from 1 in stacking order."""
    (target / IMAGES_FOLDER).mkdir(parents=True, exist_ok=True)
    readable = [(header, one.limits) for one in surveys for header in one.readable]
    stacks = stacks_of([header.hung for header, _ in readable], plane)
    order = [index for stack in stacks for index in stack]
    keys = {index: slice_key(study, plane, number) for number, index in enumerate(order, start=1)}
    pictures = (picture for one in surveys for picture in windowed_slices(one))
    for index, (header, pixels) in enumerate(pictures):
        image = Image.fromarray(np.ascontiguousarray(to_display(header.geometry, plane, pixels)))
        image.save(target / IMAGES_FOLDER / f"{keys[index]}.png", compress_level=PNG_COMPRESSION)
    return [
        _row(keys[index], study, plane, number, *readable[index], salt) for number, index in enumerate(order, start=1)
    ]


def _row(
    key: str,
    study: str,
    plane: Plane,
    number: int,
    header: SliceHeader,
    limits: tuple[float, float],
    salt: Salt,
) -> dict[str, Any]:
    return {
        "key": key,
        "study": study,
        "patient": salt.patient(header.patient_key),
        "plane": str(plane),
        "number": number,
        **geometry_to_row(header.hung),
        "slice_thickness_mm": header.slice_thickness_mm,
        "window_low": limits[0],
        "window_high": limits[1],
        "manufacturer": header.manufacturer,
        "magnetic_field_strength_t": header.magnetic_field_strength_t,
        "repetition_time_ms": header.sequence.repetition_time_ms,
        "echo_time_ms": header.sequence.echo_time_ms,
        "study_instance_uid": header.study_instance_uid,
        "series_instance_uid": header.series_instance_uid,
        "sop_instance_uid": header.sop_instance_uid,
        "frame_of_reference_uid": header.frame_of_reference_uid,
    }


def _series_row(study: str, decision: Decision) -> SeriesRow:
    part, first = decision.part, decision.part.slices[0]
    return SeriesRow(
        study=study,
        series_number=first.series_number,
        part=decision.number,
        slices=len(part.slices),
        stacks=len(part.stacks),
        gaps=part.gaps,
        duplicates=len(part.duplicates),
        plane=str(part.plane or ""),
        weighting=decision.weighting,
        row_spacing_mm=first.hung.spacing_mm[0],
        column_spacing_mm=first.hung.spacing_mm[1],
        chosen_as=str(decision.plane or ""),
        reason=decision.reason,
        warning=decision.warning,
        series_instance_uid=first.series_instance_uid,
        words=" ".join(words(first.described)),
    )
