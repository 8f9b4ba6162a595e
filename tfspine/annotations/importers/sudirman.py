"""The lumbar MRI data set of Sudirman and colleagues (Mendeley Data, doi 10.17632/k57fr854j2): which series to ingest.

Layout (docs/public_data.md)::

    01_MRI_Data/<NNNN>/<REGION>_<PROTOCOL>_<date>_<time>_<fraction>/<SERIES>_<nnnn>/*.ima

``.ima`` is DICOM with another extension. These pictures have no boxes; an importer can add only what the names state
and the headers may lack: the region of the body, and that a series is derived. `read_plan` decides on every series by
its name, since its number and the protocol vary. ``tfspine ingest`` then reads the series that the plan takes, and
still decides by their headers.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfspine.errors import AnnotationError
from tfspine.labels import Plane

STUDY_NAME = re.compile(r"(?P<region>[A-Z]+-SPINE)_.+", re.IGNORECASE)
LUMBAR = "L-SPINE"
SERIES_NUMBER = re.compile(r"_\d{4,}$")
INSTANCE = re.compile(r"(\d+)\.ima$", re.IGNORECASE)

PLANE_WORDS = {"TRA": Plane.AXIAL, "AX": Plane.AXIAL, "SAG": Plane.SAGITTAL}
WEIGHTING = {Plane.AXIAL: "T2", Plane.SAGITTAL: "T1"}
"""The weighting that tfspine reads in each plane."""


@dataclass(frozen=True)
class PlannedSeries:
    """One folder of a series, relative to the data set, and the decision; `reason` gives the reason for it."""

    patient: str
    folder: Path
    files: tuple[Path, ...]
    plane: Plane | None
    weighting: str
    is_taken: bool
    reason: str


def read_plan(folder: Path) -> tuple[PlannedSeries, ...]:
    """Decide on every series below a folder, in the order of patients and names; files are ordered by instance.

    Raises:
        AnnotationError: there is no such folder, or no ``.ima`` file three folders below a patient.
    """
    by_series: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ".ima" and path.is_file():
            by_series.setdefault(path.parent, []).append(path)
    if not by_series:
        raise AnnotationError(f"{folder}: no .ima files; name the folder that holds 01_MRI_Data")
    return tuple(_decide(series, files, folder) for series, files in by_series.items())


def patients_without(plan: Sequence[PlannedSeries]) -> Iterator[tuple[str, str]]:
    """Yield (patient, what is missing) for every patient for whom ingest cannot read both planes."""
    for patient in dict.fromkeys(series.patient for series in plan):
        planes = {series.plane for series in plan if series.patient == patient and series.is_taken}
        missing = [f"{plane} {WEIGHTING[plane]}" for plane in Plane if plane not in planes]
        if missing:
            yield patient, f"no {' and no '.join(missing)} series; ingest needs both"


def _decide(series: Path, files: Sequence[Path], folder: Path) -> PlannedSeries:
    study = series.parent
    name = SERIES_NUMBER.sub("", series.name).upper()
    words = re.split(r"[^A-Z0-9]+", name)
    plane = next((PLANE_WORDS[word] for word in words if word in PLANE_WORDS), None)
    weighting = next((word for word in words if word in ("T1", "T2", "PD")), "")
    reason = _refusal(study.name, name, plane, weighting)
    return PlannedSeries(
        patient=study.parent.name,
        folder=series.relative_to(folder),
        files=tuple(sorted(files, key=_instance)),
        plane=plane,
        weighting=weighting,
        is_taken=not reason,
        reason=reason or f"{plane} {weighting}",
    )


def _refusal(study: str, name: str, plane: Plane | None, weighting: str) -> str:
    """Return why a series cannot be used, or an empty text."""
    region = STUDY_NAME.fullmatch(study)
    if not region:
        return f"study folder {study}; expected REGION-SPINE_PROTOCOL_DATE_TIME_FRACTION"
    if region["region"].upper() != LUMBAR:
        return f"region {region['region'].upper()}; expected {LUMBAR}"
    if name.startswith("POSDISP"):
        return "position display: derived from other series"
    if name.startswith("LOCALIZER"):
        return "localizer"
    if plane is None or not weighting:
        return "name gives no plane or no weighting; ingest it separately if its header does"
    if weighting != WEIGHTING[plane]:
        return f"{plane} {weighting}; expected {WEIGHTING[plane]} in this plane"
    return ""


def _instance(path: Path) -> tuple[int, str]:
    match = INSTANCE.search(path.name)
    return (int(match[1]) if match else 0, path.name)
