"""A folder of DICOM files, de-identified and searched: three passes, each over all files.

1. Every header is read: who may be de-identified, whose file it is, and every identifier in it.
2. Every file is de-identified and written under pseudonyms.
3. Every written byte is searched for the identifiers of all files, those of other patients too.
"""

import functools
import logging
import multiprocessing
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pydicom

from tfspine.dicom.deidentify.identifiers import Identifiers, collect, merge
from tfspine.dicom.deidentify.needles import Needles
from tfspine.dicom.deidentify.patients import Patient, patient_key
from tfspine.dicom.deidentify.refusals import read, require_cleanable, require_plain_pixels
from tfspine.dicom.deidentify.scan import scan_image
from tfspine.dicom.deidentify.transform import Change, Rules, deidentify
from tfspine.dicom.many import Track
from tfspine.errors import DicomError
from tfspine.outputs import write_bytes

T = TypeVar("T")

IMAGES = "dicom"
CHUNK = 16


@dataclass(frozen=True)
class Refused:
    """One file that was left out: its source, a secret; its salted name, for the table; and why."""

    source: Path
    name: str
    reason: str


@dataclass(frozen=True)
class Written:
    """One file that was written: its source, a secret; its name below `dicom/`; what was changed in it."""

    source: Path
    name: str
    changes: Counter[Change]


@dataclass(frozen=True)
class Outcome:
    """What became of a folder; `searched_bytes` and `unsearched_texts` say what the search afterwards looked at."""

    written: tuple[Written, ...]
    refused: tuple[Refused, ...]
    patients: int
    searched_bytes: int
    identifiers: int
    unsearched_texts: int
    needles: Needles


@dataclass(frozen=True)
class _Source:
    path: Path
    patient_key: str
    sop_instance_uid: str
    identifiers: Identifiers


def deidentify_folder(source: Path, target: Path, rules: Rules, *, workers: int, track: Track) -> Outcome:
    """De-identify every MR image below `source` into `target/dicom/PATIENT/SERIES/IMAGE.dcm`.

    Raises:
        DicomError: nothing can be de-identified, or the search found something; `target` is then to be deleted.
    """
    files = dicom_files(source)
    name = functools.partial(_salted_name, source, rules)
    with _mapper(workers) as spread:
        inspected = list(track(spread(functools.partial(_inspect, rules), files), "headers", len(files)))
        sources, refused = _without_copies(list(zip(files, inspected, strict=True)))
        patients = _patients(sources)
        needles = Needles(merge(part.identifiers for part in sources))
        jobs = [(item.path, patients[item.patient_key]) for item in sources]
        clean = functools.partial(_write, target, rules, needles)
        results = list(track(spread(clean, jobs), "images", len(jobs)))
        done = [(*job, result) for job, result in zip(jobs, results, strict=True) if not isinstance(result, str)]
        refused += [(path, result) for (path, _), result in zip(jobs, results, strict=True) if isinstance(result, str)]
        if not done:
            reason = f"; the first: {refused[0][1]}" if refused else ""
            raise DicomError(f"{source}: {len(files)} files, none can be de-identified{reason}")
        search = functools.partial(_search, target, rules, needles)
        written = [Written(path, new, changes) for path, _, (new, changes) in done]
        found = [(item.name, patient) for item, (_, patient, _) in zip(written, done, strict=True)]
        searched = sum(track(spread(search, found), "search", len(found)))
    return Outcome(
        tuple(written),
        tuple(Refused(path, name(path), reason) for path, reason in refused),
        len({patient.key for _, patient, _ in done}),
        searched,
        needles.count,
        needles.too_common,
        needles,
    )


def dicom_files(source: Path) -> list[Path]:
    """Return every file below a folder, whatever it is called, in order.

    Raises:
        DicomError: there is no such folder, or nothing in it.
    """
    if not source.is_dir():
        raise DicomError(f"{source}: no such folder; expected one with DICOM files")
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if not files:
        raise DicomError(f"{source}: 0 files; name a folder with DICOM files")
    return files


def _inspect(rules: Rules, path: Path) -> _Source | str:
    """Return what a file holds, or why it is refused."""
    try:
        ds = read(path, with_pixels=False)
        with _quietly():
            require_cleanable(ds, rules.options)
            uid = str(ds.get("SOPInstanceUID") or "")
            if not uid:
                raise DicomError("SOPInstanceUID is absent")
            return _Source(path, patient_key(ds), uid, collect(ds, rules.options))
    except DicomError as error:
        return str(error)
    except Exception as error:  # the message of pydicom may quote a value
        return f"damaged header: {type(error).__name__}"


def _write(
    target: Path, rules: Rules, needles: Needles, job: tuple[Path, Patient]
) -> tuple[str, Counter[Change]] | str:
    """Write one de-identified file; return its name and changes, or why it is refused."""
    path, patient = job
    try:
        ds = read(path, with_pixels=True)
        with _quietly():
            require_plain_pixels(ds)
            parts = (
                rules.salt.patient(patient.key),
                *(rules.salt.name(kind, str(ds.get(kind, ""))) for kind in ("SeriesInstanceUID", "SOPInstanceUID")),
            )
            name = "/".join(parts) + ".dcm"
            changes = deidentify(ds, patient, rules, needles)
            buffer = pydicom.filebase.DicomBytesIO()
            ds.save_as(buffer, enforce_file_format=True)
    except DicomError as error:
        return str(error)
    except Exception as error:  # the message of pydicom may quote a value
        return f"cannot be written again: {type(error).__name__}"
    write_bytes(target / IMAGES / name, buffer.getvalue())
    return name, changes


def _search(target: Path, rules: Rules, needles: Needles, job: tuple[str, Patient]) -> int:
    name, patient = job
    with _quietly():
        return scan_image(target / IMAGES / name, name, patient, rules, needles)


def _without_copies(inspected: Sequence[tuple[Path, _Source | str]]) -> tuple[list[_Source], list[tuple[Path, str]]]:
    """Return the files to de-identify and the refused ones with their reason; of two with one UID, the first stays."""
    first: dict[str, _Source] = {}
    refused: list[tuple[Path, str]] = []
    for path, found in inspected:
        if isinstance(found, str):
            refused.append((path, found))
        elif found.sop_instance_uid in first:
            refused.append((path, "same SOPInstanceUID as a file before it"))
        else:
            first[found.sop_instance_uid] = found
    return list(first.values()), refused


def _patients(sources: Iterable[_Source]) -> dict[str, Patient]:
    parts: dict[str, list[Identifiers]] = defaultdict(list)
    for item in sources:
        parts[item.patient_key].append(item.identifiers)
    return {key: Patient(key, merge(found)) for key, found in parts.items()}


def _salted_name(source: Path, rules: Rules, path: Path) -> str:
    """Return what stands for a source file in tables; its own name may be the patient's."""
    return f"F{rules.salt.name('file', path.relative_to(source).as_posix())}"


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep pydicom from printing the values it finds odd: they may be a patient's."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]]:
    """Yield `map`, spread over processes where there are several; results come in order either way."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield functools.partial(pool.map, chunksize=CHUNK)
