"""Simulates studies with known truth, and their readings by simulated readers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.config import Experiment, PhantomConfig
from tfspine.process_pool import each, one_blas_thread
from tfspine.progress import Track, silent


@dataclass(frozen=True)
class Simulated:
    """The folder that was written and the number of studies in it."""

    folder: Path
    studies: int


def simulate(out: Path, experiment: Experiment, *, read: Sequence[Path] = (), track: Track = silent) -> Simulated:
    """Simulate a cohort, with `phantom.workers` patients in parallel.

    Args:
        out: folder for `dicom/`, `labels/`, `readers/` and `grades.csv`.
        experiment: `[phantom]` and the seed.
        read: files that the experiment was read from, which may not be in `out`.
        track: counts the patients.

    Raises:
        OutputError: `out` may not be written.
    """
    one_blas_thread()

    from tfspine.config import as_dict
    from tfspine.formats.grades_csv import grade_row, write_grades
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder

    config = experiment.phantom
    with new_folder(out, command="phantom", inputs=list(read)) as folder:
        studies = _simulate_all(config, experiment.seed, folder)
        tracked = track(studies, "simulated patients", config.studies)
        write_grades(folder, [grade_row(row) for rows in tracked for row in rows])
        details = {"seed": experiment.seed, "studies": config.studies}
        write_manifest(folder, command="phantom", config={"phantom": as_dict(config)}, details=details)
    return Simulated(out, config.studies)


def _simulate_all(config: PhantomConfig, seed: int, folder: Path) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield the grades of each study, in order, for any number of workers."""
    numbers = range(config.first_study, config.first_study + config.studies)
    jobs = [(config, seed, number, folder) for number in numbers]
    yield from each(_simulate_one, jobs, workers=config.workers)


def _simulate_one(job: tuple[PhantomConfig, int, int, Path]) -> tuple[dict[str, Any], ...]:
    from tfspine.formats.labelimg_xml import LABELS_FOLDER, write_label
    from tfspine.phantom.panel import read_by_panel
    from tfspine.phantom.study import simulate_study, write_dicom

    config, seed, number, folder = job
    study = simulate_study(config, seed=seed, number=number)
    write_dicom(study, folder / "dicom")
    for annotated in study.truth:
        write_label(folder / LABELS_FOLDER, annotated)
    for reader, labels in read_by_panel(study.truth, study.severities, seed=seed, number=number).items():
        for annotated in labels:
            write_label(folder / "readers" / reader, annotated)
    return study.grades
