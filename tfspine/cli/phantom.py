"""``tfspine phantom``: simulated studies with known truth, and what simulated readers make of them."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.cli import options
from tfspine.cli.workers import each, one_blas_thread

if TYPE_CHECKING:
    from tfspine.config import PhantomConfig

GRADE_COLUMNS = ("study", "level", "region", "side", "severity", "grade")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine phantom``."""
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for dicom/, labels/, readers/, grades.csv"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="short for --set phantom.workers=N")
    parser.add_argument("--randomize", action="store_true", help="short for --set phantom.randomize=true")
    options.add_experiment(parser)


def run(args: argparse.Namespace) -> None:
    """Simulate the cohort, one process a patient where `phantom.workers` allows."""
    one_blas_thread()

    import pandas as pd

    from tfspine.config import as_dict
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder, write_text

    if args.workers is not None:
        args.settings.append(f"phantom.workers={args.workers}")
    if args.randomize:
        args.settings.append("phantom.randomize=true")
    experiment = options.experiment_from(args)
    config = experiment.phantom
    with new_folder(args.out, command="phantom", inputs=options.given(args.experiment)) as folder:
        jobs = _simulate_all(config, experiment.seed, folder)
        grades = [row for rows in options.track(jobs, "simulated patients", config.studies) for row in rows]
        write_text(folder / "grades.csv", pd.DataFrame(grades, columns=list(GRADE_COLUMNS)).to_csv(index=False))
        details = {"seed": experiment.seed, "studies": config.studies}
        write_manifest(folder, command="phantom", config={"phantom": as_dict(config)}, details=details)
    print(f"{args.out}: {config.studies} simulated studies")


def _simulate_all(config: "PhantomConfig", seed: int, folder: Path) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield the grades of each study, in order, whatever the number of workers."""
    numbers = range(config.first_study, config.first_study + config.studies)
    jobs = [(config, seed, number, folder) for number in numbers]
    yield from each(_simulate_one, jobs, workers=config.workers)


def _simulate_one(job: "tuple[PhantomConfig, int, int, Path]") -> tuple[dict[str, Any], ...]:
    from tfspine.annotations.voc import write_voc
    from tfspine.phantom.panel import read_by_panel
    from tfspine.phantom.study import simulate_study, write_dicom

    config, seed, number, folder = job
    study = simulate_study(config, seed=seed, number=number)
    write_dicom(study, folder / "dicom")
    for annotated in study.truth:
        write_voc(folder / "labels" / f"{annotated.key}.xml", annotated)
    for reader, labels in read_by_panel(study.truth, study.severities, seed=seed, number=number).items():
        for annotated in labels:
            write_voc(folder / "readers" / reader / f"{annotated.key}.xml", annotated)
    return study.grades
