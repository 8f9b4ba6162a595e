"""DICOM files, de-identified and searched: three passes, each over all files.

1. Every header is read: who may be de-identified, whose file it is, and every identifier in it.
2. Every file is de-identified and written under pseudonyms.
3. Every written byte is searched for the identifiers of all files, those of other patients too.
"""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom.filebase import DicomBytesIO

from tfspine.dicom.deidentify.identifiers import Identifiers, collect, merge
from tfspine.dicom.deidentify.needles import Needles
from tfspine.dicom.deidentify.patients import Patient
from tfspine.dicom.deidentify.refusals import require_cleanable, require_plain_pixels
from tfspine.dicom.deidentify.scan import scan_image
from tfspine.dicom.deidentify.transform import Change, Rules, deidentify
from tfspine.dicom.files import read_dataset, read_whole, refusing
from tfspine.dicom.many import Runner, Track, for_each
from tfspine.dicom.patient_keys import patient_key, warning
from tfspine.dicom.sources import Source
from tfspine.errors import DicomError
from tfspine.outputs import write_bytes
from tfspine.structures import Refusal

IMAGES = "dicom"


@dataclass(frozen=True)
class Written:
    """One file that was written: the name of its source, a secret; its name below `dicom/`; what was changed in it."""

    source: str
    name: str
    changes: Counter[Change]


@dataclass(frozen=True)
class Outcome:
    """What became of a source; `refused` names its files, which is secret.

    `warning` is one line on patients without PatientID. `searched_bytes` and `unsearched_texts` say what the search
    afterwards looked at.
    """

    written: tuple[Written, ...]
    refused: tuple[Refusal, ...]
    patients: int
    searched_bytes: int
    identifiers: int
    unsearched_texts: int
    needles: Needles
    warning: str


@dataclass(frozen=True)
class _Original:
    path: Path
    patient_key: str
    sop_instance_uid: str
    identifiers: Identifiers


def deidentify_source(source: Source, target: Path, rules: Rules, *, runner: Runner, track: Track) -> Outcome:
    """De-identify every MR image of a source into `target/dicom/PATIENT/SERIES/IMAGE.dcm`.

    Raises:
        DicomError: the search found something, or could not be made; `target` is then to be deleted.
    """
    spread = functools.partial(for_each, runner=runner, track=track)
    refused = list(source.refused)
    inspected = spread(functools.partial(_inspect, rules), list(source.names), description="headers")
    originals = _without_copies(dict(zip(source.names.values(), inspected, strict=True)), refused)
    patients = _patients(originals.values())
    needles = Needles(merge(original.identifiers for original in originals.values()))
    jobs = [(original.path, patients[original.patient_key]) for original in originals.values()]
    written, searches = [], []
    results = spread(functools.partial(_write, target, rules, needles), jobs, description="images")
    for name, (_, patient), result in zip(originals, jobs, results, strict=True):
        if isinstance(result, str):
            refused.append(Refusal(name, result))
        else:
            written.append(Written(name, *result))
            searches.append((result[0], patient))
    searched = spread(functools.partial(_search, target, rules, needles), searches, description="search")
    for size in searched:
        if isinstance(size, str):
            raise DicomError(size)
    return Outcome(
        tuple(written),
        tuple(refused),
        len({patient.key for _, patient in searches}),
        sum(int(size) for size in searched),
        needles.count,
        needles.too_common,
        needles,
        warning({patient.key for _, patient in searches}),
    )


def _inspect(rules: Rules, path: Path) -> _Original:
    """Return what a file holds.

    Raises:
        DicomError: why it is refused.
    """
    ds = read_dataset(path)
    with refusing("header"):
        require_cleanable(ds, rules.options)
        uid = str(ds.get("SOPInstanceUID") or "")
        if not uid:
            raise DicomError("SOPInstanceUID is absent")
        return _Original(path, patient_key(ds), uid, collect(ds, rules.options))


def _without_copies(inspected: Mapping[str, _Original | str], refused: list[Refusal]) -> dict[str, _Original]:
    """Return the files to de-identify by name and add the rest to `refused`; of two with one UID, the first stays."""
    first: dict[str, _Original] = {}
    uids: set[str] = set()
    for name, found in inspected.items():
        if isinstance(found, str):
            refused.append(Refusal(name, found))
        elif found.sop_instance_uid in uids:
            refused.append(Refusal(name, "same SOPInstanceUID as a file before it"))
        else:
            uids.add(found.sop_instance_uid)
            first[name] = found
    return first


def _patients(originals: Iterable[_Original]) -> dict[str, Patient]:
    parts: dict[str, list[Identifiers]] = defaultdict(list)
    for original in originals:
        parts[original.patient_key].append(original.identifiers)
    return {key: Patient(key, merge(found)) for key, found in parts.items()}


def _write(target: Path, rules: Rules, needles: Needles, job: tuple[Path, Patient]) -> tuple[str, Counter[Change]]:
    """Write one de-identified file and return its name and what was changed.

    Raises:
        DicomError: why it is refused.
    """
    path, patient = job
    ds = read_whole(path)
    with refusing("file"):
        require_plain_pixels(ds)
        parts = (
            rules.salt.patient(patient.key),
            *(rules.salt.name(kind, str(ds.get(kind, ""))) for kind in ("SeriesInstanceUID", "SOPInstanceUID")),
        )
        name = "/".join(parts) + ".dcm"
        changes = deidentify(ds, patient, rules, needles)
        buffer = DicomBytesIO()
        ds.save_as(buffer, enforce_file_format=True)
    write_bytes(target / IMAGES / name, buffer.getvalue())
    return name, changes


def _search(target: Path, rules: Rules, needles: Needles, job: tuple[str, Patient]) -> int:
    name, patient = job
    with refusing("file"):
        return scan_image(target / IMAGES / name, name, patient, rules, needles)
