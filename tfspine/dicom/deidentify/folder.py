"""De-identify DICOM files and verify the result, in three passes over all files.

1. Every header is read: whether the file can be de-identified, its patient, and every identifier in it.
2. Every file is de-identified and written under pseudonyms.
3. Every written byte is searched for the identifiers of all files, including those of other patients. A study that
   still contains one is not released.
"""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.filebase import DicomBytesIO

from tfspine.dicom.deidentify.identifiers import Identifiers, Patient, collect, merge
from tfspine.dicom.deidentify.needles import Needles
from tfspine.dicom.deidentify.refusals import require_cleanable
from tfspine.dicom.deidentify.rules import Change, Rules
from tfspine.dicom.deidentify.scan import scan_image
from tfspine.dicom.deidentify.transform import deidentify_dataset
from tfspine.dicom.files import read_dataset, read_whole, refusing
from tfspine.dicom.many import Runner, for_each
from tfspine.dicom.patient_keys import key_of_study, key_warning, patient_key
from tfspine.dicom.sources import Source
from tfspine.errors import DicomError
from tfspine.outputs import write_bytes
from tfspine.progress import Track
from tfspine.structures import Refusal

IMAGES = "dicom"


@dataclass(frozen=True)
class Written:
    """One written file: the name and UID of its source (both secret), its path below `dicom/`, and what was changed."""

    source: str
    sop_instance_uid: str
    name: str
    changes: Counter[Change]


@dataclass(frozen=True)
class Outcome:
    """The result for a source; `refused` contains names of its files, which are secret.

    `warning` is one line about patients without PatientID. The four numbers after `patients` describe the final search:
    `short_texts` were searched for among words only, `unsearched_texts` were not searched for.
    """

    written: tuple[Written, ...]
    refused: tuple[Refusal, ...]
    patients: int
    searched_bytes: int
    identifiers: int
    short_texts: int
    unsearched_texts: int
    needles: Needles
    warning: str

    @property
    def counts(self) -> dict[str, int]:
        """The result as the manifest and ``--json`` give it."""
        return {
            "patients": self.patients,
            "files": len(self.written),
            "refused": len(self.refused),
            "searched_bytes": self.searched_bytes,
            "identifiers": self.identifiers,
            "identifiers_searched_in_words_only": self.short_texts,
            "identifiers_not_searched_alone": self.unsearched_texts,
        }


@dataclass(frozen=True)
class _Original:
    path: Path
    patient_key: str
    study: str
    sop_instance_uid: str
    place: str
    identifiers: Identifiers
    is_uid_shared: bool = False


def deidentify_source(source: Source, target: Path, rules: Rules, *, runner: Runner, track: Track) -> Outcome:
    """De-identify every MR image of a source into `target/dicom/PATIENT/SERIES/IMAGE.dcm`.

    A study in which the search finds an identifier is removed from `target` and listed as refused.
    """
    spread = functools.partial(for_each, runner=runner, track=track)
    refused = list(source.refused)
    inspected = spread(functools.partial(_inspect, rules), list(source.names), description="headers")
    originals = _of_patients(_without_copies(dict(zip(source.names.values(), inspected, strict=True)), refused))
    patients = _patients(originals.values())
    needles = Needles(merge(original.identifiers for original in originals.values()))
    jobs = [(original, patients[original.patient_key]) for original in originals.values()]
    written: list[Written] = []
    results = spread(functools.partial(_write, target, rules, needles), jobs, description="images")
    for name, result in zip(originals, results, strict=True):
        if isinstance(result, str):
            refused.append(Refusal(name, result))
        else:
            written.append(Written(name, originals[name].sop_instance_uid, *result))
    searches = [(item.name, patients[originals[item.source].patient_key]) for item in written]
    searched = spread(functools.partial(_search, target, rules, needles), searches, description="search")
    sizes = dict(zip((item.source for item in written), searched, strict=True))
    held_back = _held_back(sizes, originals)
    for item in written:
        if item.source in held_back:
            (target / IMAGES / item.name).unlink()
            refused.append(Refusal(item.source, held_back[item.source]))
    kept = [item for item in written if item.source not in held_back]
    _remove_empty(target / IMAGES)
    keys = {originals[item.source].patient_key for item in kept}
    return Outcome(
        tuple(kept),
        tuple(refused),
        len(keys),
        sum(int(sizes[item.source]) for item in kept),
        needles.count,
        needles.in_words_only,
        needles.too_common,
        needles,
        key_warning(keys),
    )


def _held_back(sizes: Mapping[str, int | str], originals: Mapping[str, _Original]) -> dict[str, str]:
    """Return all files of every study in which any file contains an original identifier, with the reason.

    Such a study is refused as a whole. The others are released, as all their files were searched for all patients.
    """
    found = {originals[source].study: reason for source, reason in sizes.items() if isinstance(reason, str)}
    return {
        source: f"held back with its study: {found[originals[source].study]}; check that place in its files"
        for source in sizes
        if originals[source].study in found
    }


def _remove_empty(folder: Path) -> None:
    """Remove empty subfolders, since their names are pseudonyms."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _inspect(rules: Rules, path: Path) -> _Original:
    """Return the contents of a file.

    Raises:
        DicomError: the file is refused; the message is the reason.
    """
    ds = read_dataset(path)
    with refusing("header"):
        require_cleanable(ds, rules.options)
        uid = str(ds.get("SOPInstanceUID") or "")
        if not uid:
            raise DicomError("SOPInstanceUID is absent")
        study = str(ds.get("StudyInstanceUID") or "")
        place = str(ds.get("ImagePositionPatient") or "")
        return _Original(path, patient_key(ds), study, uid, place, collect(ds, rules.options))


def _without_copies(inspected: Mapping[str, _Original | str], refused: list[Refusal]) -> dict[str, _Original]:
    """Return the files to de-identify by name and add the rest to `refused`.

    Of several copies the largest is used, since a truncated one is smaller. Images with the same SOPInstanceUID at
    different positions are not copies: some programs write one UID into all files. Each of them gets its own UID.
    """
    copies: dict[tuple[str, str], dict[str, _Original]] = defaultdict(dict)
    for name, found in inspected.items():
        if isinstance(found, str):
            refused.append(Refusal(name, found))
        else:
            copies[found.sop_instance_uid, found.place][name] = found
    places = Counter(uid for uid, _ in copies)
    kept: dict[str, _Original] = {}
    for (uid, _), same in copies.items():
        first = max(same, key=lambda name: same[name].path.stat().st_size)
        kept[first] = replace(same[first], is_uid_shared=places[uid] > 1)
        refused += [Refusal(name, "same SOPInstanceUID as a file before it") for name in same if name != first]
    return {name: kept[name] for name in inspected if name in kept}


def _of_patients(originals: Mapping[str, _Original]) -> dict[str, _Original]:
    """Return the files with the patients of their studies, including files without their own PatientID."""
    keys: dict[str, set[str]] = defaultdict(set)
    for original in originals.values():
        keys[original.study].add(original.patient_key)
    return {
        name: replace(original, patient_key=key_of_study(original.patient_key, keys[original.study]))
        if original.study
        else original
        for name, original in originals.items()
    }


def _patients(originals: Iterable[_Original]) -> dict[str, Patient]:
    parts: dict[str, list[Identifiers]] = defaultdict(list)
    for original in originals:
        parts[original.patient_key].append(original.identifiers)
    return {key: Patient(key, merge(found)) for key, found in parts.items()}


def _write(target: Path, rules: Rules, needles: Needles, job: tuple[_Original, Patient]) -> tuple[str, Counter[Change]]:
    """Write one de-identified file and return its name and what was changed.

    Raises:
        DicomError: the file is refused; the message is the reason.
    """
    original, patient = job
    ds = read_whole(original.path)
    with refusing("file"):
        if original.is_uid_shared:
            part = int.from_bytes(rules.salt.digest("place", original.place)[:4], "big")
            ds.SOPInstanceUID = f"{original.sop_instance_uid}.{part}"
        parts = (
            rules.salt.patient(patient.key),
            *(rules.salt.name(kind, str(ds.get(kind, ""))) for kind in ("SeriesInstanceUID", "SOPInstanceUID")),
        )
        name = "/".join(parts) + ".dcm"
        changes = deidentify_dataset(ds, patient, rules, needles)
        buffer = DicomBytesIO()
        ds.save_as(buffer, enforce_file_format=True)
    write_bytes(target / IMAGES / name, buffer.getvalue())
    return name, changes


def _search(target: Path, rules: Rules, needles: Needles, job: tuple[str, Patient]) -> int:
    name, patient = job
    with refusing("file"):
        return scan_image(target / IMAGES / name, name, patient, rules, needles)
