"""Many studies: worker processes, a study that kills its worker, and a run that was stopped and continues."""

import functools
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deadly_work import DEADLY, DEADLY_STUDY, deadly_task, full_disk, hanging, risky

from tfspine.cli.main import main
from tfspine.dicom import many
from tfspine.dicom.deidentify.pseudonyms import random_salt
from tfspine.dicom.ingest import IngestedStudy
from tfspine.dicom.many import for_each, in_processes, in_this_process, ingest_studies
from tfspine.dicom.sources import open_source
from tfspine.structures import pseudonym

SALT = random_salt()
STUDIES = ("1.2.1", "1.2.2", "1.2.3", "1.2.4")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_worker_that_dies_costs_its_own_item_alone(workers: int) -> None:
    results = dict(in_processes(risky, range(9), workers=workers))
    died = results.pop(DEADLY)
    assert "the process that read it died" in str(died)
    assert results.pop(5) == "five is no study"
    assert results.pop(6) == "failed with KeyError; please report it"  # no value of the patient's
    assert results == {number: number**2 for number in (0, 1, 2, 4, 7, 8)}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_hangs_costs_its_own_item_alone(workers: int) -> None:
    results = dict(in_processes(hanging, range(6), workers=workers, longest_s=2.0))
    assert str(results.pop(DEADLY)).startswith("reading it was not finished after 2 s")
    assert results == {number: number**2 for number in (0, 1, 2, 4, 5)}


def test_an_item_that_kills_the_worker_of_its_group_costs_no_other() -> None:
    """150 items are three groups of 64 at most; the deadly one is in the first."""
    runner = functools.partial(in_processes, workers=2)
    results = for_each(risky, range(150), runner=runner, track=without_progress, description="")
    assert "the process that read it died" in str(results[DEADLY])
    assert results[5:7] == ["five is no study", "failed with KeyError; please report it"]
    assert [result for at, result in enumerate(results) if at not in (DEADLY, 5, 6)] == [
        number**2 for number in range(150) if number not in (DEADLY, 5, 6)
    ]


def test_what_cannot_be_written_stops_the_run() -> None:
    with pytest.raises(OSError, match="No space left"):
        list(in_processes(full_disk, range(3), workers=2))


@pytest.fixture
def cohort(write_study: Callable[..., Path], tmp_path: Path) -> Path:
    for uid in STUDIES:
        write_study(tmp_path / "in" / uid, uid=uid, patient=f"P{uid}")
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    return tmp_path / "in"


def content(folder: Path) -> dict[str, bytes]:
    """Return every file but the manifest, which tells the time, and the sums, which hold that of the manifest."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", "SHA256SUMS")
    }


def ingest(source: Path, out: Path, *words: str) -> int:
    return main(["ingest", str(source), "--out", str(out), *words])


def test_two_workers_write_what_one_writes(cohort: Path, tmp_path: Path) -> None:
    assert ingest(cohort, tmp_path / "one", "--workers", "1") == 0
    assert ingest(cohort, tmp_path / "two", "--workers", "2") == 0
    one = content(tmp_path / "one")
    assert len([name for name in one if name.endswith(".png")]) == 12 * len(STUDIES)
    assert one == content(tmp_path / "two")


def without_progress(items: Iterable[Any], description: str, total: int) -> Iterable[Any]:
    return items


def test_a_run_that_goes_on_reads_files_anew_that_were_replaced(cohort: Path, tmp_path: Path) -> None:
    """Cut off when the first run met it, and sent again since under the same name."""
    path = cohort / STUDIES[0] / "a3"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    (tmp_path / "out").mkdir()

    def ingested() -> IngestedStudy:
        with open_source(cohort) as source:
            return ingest_studies(source, tmp_path / "out", runner=in_this_process, track=without_progress, salt=SALT)

    first = ingested()
    assert f"{STUDIES[0]}/a3" in [item.file for item in first.refused]
    path.write_bytes(whole)
    again = ingested()
    assert [item.file for item in again.refused] == ["notes.txt"]
    assert len(again.rows) == len(first.rows) + 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_that_kills_its_worker_does_not_stop_the_rest(
    workers: int, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "ingest_task", deadly_task)
    (tmp_path / "out" / "slices").mkdir(parents=True)
    with open_source(cohort) as source:
        runner = functools.partial(in_processes, workers=workers)
        ingested = ingest_studies(source, tmp_path / "out", runner=runner, track=without_progress)
    rest = [pseudonym(uid) for uid in STUDIES if uid != DEADLY_STUDY]
    assert list(dict.fromkeys(row["study"] for row in ingested.rows)) == rest
    died = [item for item in ingested.refused if "died" in item.reason]
    assert len(died) == 12
    assert all(item.file.startswith(f"{DEADLY_STUDY}/") for item in died)
    assert all(item.reason.startswith(f"study {pseudonym(DEADLY_STUDY)}: ") for item in died)


def stop_at_second_study(cohort: Path, out: Path) -> Path:
    """Run ingest until the second study cannot be noted as finished, and return the folder that stays."""
    unfinished = out.parent / f".{out.name}.unfinished"
    obstacle = unfinished / many.STUDIES_FOLDER / f"{pseudonym(STUDIES[1])}.json"
    obstacle.mkdir(parents=True)
    assert ingest(cohort, out) == 2
    assert not out.exists()
    obstacle.rmdir()
    return unfinished


def test_a_stopped_run_goes_on_and_does_not_redo_what_is_finished(cohort: Path, tmp_path: Path) -> None:
    unfinished = stop_at_second_study(cohort, tmp_path / "out")
    first = pseudonym(STUDIES[0])
    written = {path.name: path.stat().st_mtime_ns for path in unfinished.rglob(f"{first}*")}
    assert len(written) == 13  # its slices, and the note that it is finished
    assert ingest(cohort, tmp_path / "out") == 0
    assert not unfinished.exists()
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob(f"{first}*")} == written
    assert ingest(cohort, tmp_path / "afresh") == 0
    assert content(tmp_path / "out") == content(tmp_path / "afresh")


def test_a_study_that_changed_meanwhile_is_done_again_without_rests(cohort: Path, tmp_path: Path) -> None:
    stop_at_second_study(cohort, tmp_path / "out")
    (cohort / STUDIES[0] / "a5").unlink()
    shutil.rmtree(cohort / STUDIES[3])
    assert ingest(cohort, tmp_path / "out") == 0
    table = pd.read_csv(tmp_path / "out" / "slices.csv", dtype={"study": str})
    assert (table.study == pseudonym(STUDIES[0])).sum() == 11
    pictures = {path.stem for path in (tmp_path / "out" / "slices").iterdir()}
    assert pictures == set(table.key)
