"""Ingest many studies in worker processes. A bad study does not stop the others, and a stopped run can be continued.

A `Runner` does the work: processes of this machine (`in_processes`), this process only (`in_this_process`), or a
cluster (`cluster.on_cluster`).

Every finished study has a file `studies/PSEUDONYM.json`, which is written last. When a run is started again after it
was stopped, the studies that have this file are read back instead of being ingested again.
"""

import functools
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import tfspine
from tfspine.dicom.deidentify.pseudonyms import Salt, random_salt
from tfspine.dicom.ingest import IngestedStudy, ingest_study
from tfspine.dicom.patient_keys import key_of_study, key_warning
from tfspine.dicom.series import NOTHING_SAID
from tfspine.dicom.series_map import SeriesMap, unmatched
from tfspine.dicom.slice_headers import SliceHeader, read_headers
from tfspine.dicom.sources import Source
from tfspine.errors import DicomError
from tfspine.formats.series_csv import SeriesRow
from tfspine.formats.slices_csv import IMAGES_FOLDER
from tfspine.outputs import write_text
from tfspine.process_pool import each_guarded
from tfspine.progress import Track
from tfspine.structures import Refusal, pseudonym

Item = TypeVar("Item")
Result = TypeVar("Result")

Runner = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[tuple[Any, Any]]]
"""``runner(function, items)`` yields each item with its result, or with a string that says why there is no result."""

STUDIES_FOLDER = "studies"
FILES_AT_A_TIME = 64

LONGEST_S = 600.0
"""Time limit for one item: a study takes seconds, 64 headers less. A decoder may hang on damaged data."""

KILLED = "the process that read it died; a damaged file in it makes the decoder crash"


@dataclass(frozen=True)
class StudyTask:
    """One study to ingest: exactly what a worker needs."""

    headers: tuple[SliceHeader, ...]
    names: Mapping[Path, str]
    target: Path
    salt: Salt
    series_map: SeriesMap = NOTHING_SAID

    @property
    def study(self) -> str:
        """The study's pseudonym."""
        return pseudonym(self.headers[0].study_instance_uid)


def ingest_studies(
    source: Source,
    target: Path,
    *,
    runner: Runner,
    track: Track,
    salt: Salt | None = None,
    series_map: SeriesMap = NOTHING_SAID,
) -> IngestedStudy:
    """Ingest every study of a source into one folder, and return the rows of all of them.

    Args:
        source: the files.
        target: the folder in which `slices/` is written, and `studies/`, from which a stopped run is continued.
        runner: reads the headers, some files at a time, then ingests the studies.
        track: shows progress: ``track(items, description, total)`` yields the items.
        salt: the secret from which patient pseudonyms are derived; None: a new one, so that runs have different ones.
        series_map: the user's own choice of series.
    """
    salt = salt or random_salt()
    studies_of, refused = _find_studies(source, runner=runner, track=track)
    tasks = [StudyTask(headers, names, target, salt, series_map.of_study(headers)) for headers, names in studies_of]
    finished: dict[str, IngestedStudy] = {}
    for task, result in track(runner(ingest_task, tasks), "studies", len(tasks)):
        if isinstance(result, str):
            failed = [Refusal(name, f"study {task.study}: {result}") for name in task.names.values()]
            result = IngestedStudy((), (), tuple(failed))
        finished[task.study] = result
    studies = [finished[task.study] for task in tasks]
    return IngestedStudy(
        tuple(row for study in studies for row in study.rows),
        tuple(row for study in studies for row in study.series),
        (*refused, *(item for study in studies for item in study.refused)),
        key_warning({header.patient_key for task in tasks if finished[task.study].rows for header in task.headers}),
        len(unmatched(series_map, [header for task in tasks for header in task.headers])),
    )


def _find_studies(
    source: Source, *, runner: Runner, track: Track
) -> tuple[list[tuple[tuple[SliceHeader, ...], dict[Path, str]]], list[Refusal]]:
    """Read the header of every file, whatever its name, and return the studies found and the files that failed.

    A study consists of its slices and the names of their files.
    """
    studies: dict[str, list[SliceHeader]] = defaultdict(list)
    refused = list(source.refused)
    found = for_each(read_headers, list(source.names), runner=runner, track=track, description="headers")
    for name, headers in zip(source.names.values(), found, strict=True):
        if isinstance(headers, str):
            refused.append(Refusal(name, headers))
            continue
        for header in headers:
            studies[header.study_instance_uid].append(header)
    found_studies = []
    for _, slices in sorted(studies.items()):
        ordered = _of_one_patient(sorted(slices, key=lambda header: (source.names[header.path], header.frame)))
        names = {header.path: source.names[header.path] for header in ordered}
        found_studies.append((ordered, names))
    return found_studies, sorted(refused, key=lambda item: item.file)


def _of_one_patient(slices: Sequence[SliceHeader]) -> tuple[SliceHeader, ...]:
    """Return the slices of a study with its patient, including those whose own file has no PatientID."""
    keys = {header.patient_key for header in slices}
    if len(keys) == 1:
        return tuple(slices)
    return tuple(replace(header, patient_key=key_of_study(header.patient_key, keys)) for header in slices)


def ingest_task(task: StudyTask) -> IngestedStudy:
    """Ingest one study and record on disk that it is finished; a study that is already finished is only read back."""
    done = task.target / STUDIES_FOLDER / f"{task.study}.json"
    inputs = _fingerprint(task)
    if done.is_file():
        former = json.loads(done.read_text())
        if former["inputs"] == inputs:
            series = tuple(SeriesRow(**row) for row in former["series"])
            refused = tuple(Refusal(**item) for item in former["refused"])
            return IngestedStudy(tuple(former["rows"]), series, refused)
    for stale in (task.target / IMAGES_FOLDER).glob(f"{task.study}-*.png"):
        stale.unlink()
    ingested = ingest_study(task.headers, task.names, task.target, salt=task.salt, series_map=task.series_map)
    write_text(done, json.dumps({"inputs": inputs, **asdict(ingested)}))
    return ingested


def for_each(
    function: Callable[[Item], Result], items: Sequence[Item], *, runner: Runner, track: Track, description: str
) -> list[Result | str]:
    """Return, in order, the result of each item or the reason why there is none; for thousands of items.

    Items are sent to the runner in groups. If the process of a group dies, its items are sent again one by one, so that
    only the item that caused it is lost.
    """
    numbered = list(enumerate(items))
    groups = [numbered[first : first + FILES_AT_A_TIME] for first in range(0, len(items), FILES_AT_A_TIME)]
    each = functools.partial(_each, function)
    results: dict[int, Result | str] = {}
    lost: list[list[tuple[int, Item]]] = []
    for group, found in track(runner(each, groups), description, len(groups)):
        if isinstance(found, str):
            lost += [[pair] for pair in group]
        else:
            results.update(found)
    for ((number, _),), found in runner(each, lost):
        results[number] = found if isinstance(found, str) else found[0][1]
    return [results[number] for number, _ in numbered]


def _each(function: Callable[[Item], Result], group: Sequence[tuple[int, Item]]) -> list[tuple[int, Result | str]]:
    return [(number, _guarded(function, item)) for number, item in group]


def in_this_process(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result | str]]:
    """Yield each item with its result or the reason why it failed, one after another, without other processes."""
    for item in items:
        yield item, _guarded(function, item)


def in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], *, workers: int, longest_s: float = LONGEST_S
) -> Iterator[tuple[Item, Result | str]]:
    """Yield each item with its result, or the reason why it failed, in the order in which they finish.

    If a worker dies, or is not done after `longest_s` seconds, only its own item is lost.
    """

    def lost(is_late: bool) -> Result | str:
        if is_late:
            return f"reading it was not finished after {longest_s:g} s; a damaged file in it makes the decoder hang"
        return KILLED

    work: Callable[[Item], Result | str] = functools.partial(_guarded, function)
    yield from each_guarded(work, items, workers=workers, longest_s=longest_s, lost=lost)


def _guarded(function: Callable[[Item], Result], item: Item) -> Result | str:
    """Return the result, or the reason why it failed, without any patient data.

    An error in writing the output stops the run, because the next study could not be written either.
    """
    try:
        return function(item)
    except DicomError as error:
        return str(error)
    except OSError:
        raise
    except Exception as error:  # one failing study must not stop the others
        return f"failed with {type(error).__name__}; please report it"


def _fingerprint(task: StudyTask) -> str:
    """Return what identifies the inputs of a study, to detect changes.

    That is the names, sizes, times and instances of its files, the version of tfspine, the salt and the series map.
    """
    files = [(name, *_size_and_time(path)) for path, name in task.names.items()]
    instances = [(task.names[header.path], header.sop_instance_uid, header.frame) for header in task.headers]
    known = [tfspine.__version__, task.salt.check(), asdict(task.series_map), files, instances]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def _size_and_time(path: Path) -> tuple[int, int]:
    """Return the size in bytes and the time of the last change in ns, both 0 if the file no longer exists."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns
