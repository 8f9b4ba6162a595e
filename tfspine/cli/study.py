"""``tfspine study``: the paper's study on simulated patients, two cohorts and nine members a grader (`steps.py`).

One hospital's patients train and test; another's, in scanners of another mix of makers, only test. Two simulated
radiologists and the reference read again stand beside the model.

As in the paper every member divides the development patients anew. So those who validate in `splits.csv`,
on whom temperature and operating point are fitted, have trained most members: what holds of the test studies does not
depend on it, but the operating point chosen may be too sure of itself.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tfspine.cli import options
from tfspine.cli.demo import NOTICE, SALT_FILE, begin, detector_steps, export_step, operating_settings
from tfspine.cli.steps import MemoryWatch, Step, experiment_words, run_steps
from tfspine.config import Experiment, Prevalence, Vendors
from tfspine.errors import ConfigError
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane, Region

MODEL = "model"
"""The average of the members goes by this name in the tables, and their ensemble by ``model_ensemble``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--out", type=Path, default=Path("study"), metavar="DIR", help="folder for everything it makes")
    parser.add_argument("--experiment", type=Path, metavar="TOML", help="default: experiments/paper_study.toml")
    options.add_devices(parser)
    options.add_settings(parser)


def run(args: argparse.Namespace) -> None:
    """Run every step that is not done, then print the paper's tables and what bounds them."""
    started = time.monotonic()
    path = args.experiment or options.project_file("experiments/paper_study.toml")
    experiment = load_experiment(path, args.settings)
    begin(args.out, command="study", experiment=experiment, path=path)
    with MemoryWatch() as memory:
        run_steps(plan(args.out, experiment), args.out, experiment, experiment_words(path, args.settings))
    print((args.out / "evaluation" / "summary.txt").read_text())
    print(
        "The ceiling of a human reference is what it reaches with itself when it reads again: where people gave the "
        "labels, as in the paper, agreement beyond it says no more. It is the last table above, and "
        f"{args.out / 'evaluation' / 'repeat.md'}. Labels here are the simulated truth, without any reader's noise: a "
        "model may pass it."
    )
    print(f"{time.monotonic() - started:.0f} s in this stretch, at most {memory.peak_gib:.1f} GiB of memory")
    print(NOTICE)


def plan(out: Path, experiment: Experiment) -> tuple[Step, ...]:
    """Return all steps, in order.

    Raises:
        ConfigError: `[study]` or `[evaluation]` would fail, after hours, at a later step.
    """
    _require_sound(experiment)
    return (
        *_cohort_steps(out, experiment, salt=out / SALT_FILE),
        *_cohort_steps(
            *(out / "external", experiment),
            salt=out / SALT_FILE,
            suffix="-external",
            settings=_external_settings(experiment),
        ),
        *_training_steps(out, experiment),
        *_reading_steps(out),
        _flow_step(out),
        _evaluation_step(out, experiment),
    )


def _require_sound(experiment: Experiment) -> None:
    study = experiment.paper_study
    if _count(study.members) < 2:
        raise ConfigError(
            f'paper_study.members = "{study.members}": one member has no average and no ensemble; expected two or '
            'more, for example "3x3", or tfspine demo for one grader a region'
        )


def _external_settings(experiment: Experiment) -> tuple[str, ...]:
    """Return what makes the second cohort another hospital's: its makers and grades, and people of its own.

    Patients are told apart by their numbers, so that its first comes after the last of the first cohort.
    """
    is_as_counted = experiment.phantom.prevalence is Prevalence.PAPER
    prevalence = Prevalence.EXTERNAL if is_as_counted else experiment.phantom.prevalence
    return (
        f"phantom.studies={experiment.paper_study.external_studies}",
        f"phantom.first_study={experiment.phantom.first_study + experiment.phantom.studies}",
        f"phantom.vendor={Vendors.EXTERNAL}",
        f"phantom.prevalence={prevalence}",
    )


def _cohort_steps(
    folder: Path, experiment: Experiment, *, salt: Path, suffix: str = "", settings: tuple[str, ...] = ()
) -> Iterator[Step]:
    """Yield how patients become slices, whether the labels fit them, and who is left out."""
    phantom, slices = folder / "phantom", folder / "slices"
    yield Step(f"phantom{suffix}", ("phantom", "--out", phantom), (phantom,), sections=("phantom",), settings=settings)
    yield Step(
        f"ingest{suffix}",
        ("ingest", phantom / "dicom", "--out", slices, "--salt-file", salt),
        (slices,),
        needs=(f"phantom{suffix}",),
        pace=("--workers", str(experiment.phantom.workers)),
    )
    problems = folder / "problems.csv"
    yield Step(
        f"check{suffix}",
        ("check", "--labels", phantom / "labels", "--slices", slices, "--out", problems),
        (problems,),
        needs=(f"ingest{suffix}",),
    )
    yield Step(
        f"exclude{suffix}",
        ("exclude", "--slices", slices, "--labels", phantom / "labels", "--out", folder / "excluded"),
        (folder / "excluded",),
        sections=("exclusions",),
        needs=(f"check{suffix}",),
        pace=("--workers", str(experiment.phantom.workers)),
    )


def _training_steps(out: Path, experiment: Experiment) -> Iterator[Step]:
    slices, labels, splits = out / "slices", out / "phantom" / "labels", out / "splits.csv"
    records, runs = out / "records", out / "runs"
    yield Step(
        "split",
        ("split", "--slices", slices, "--exclusions", out / "excluded", "--out", splits),
        (splits,),
        sections=("split",),
        needs=("exclude",),
    )
    yield Step(
        "records",
        ("records", "--slices", slices, "--labels", labels, "--splits", splits, "--out", records),
        (records,),
        sections=("records",),
        needs=("split",),
    )
    yield from detector_steps(records, runs, tuple(Plane))
    for region in Region:
        yield Step(
            f"grader-{region}",
            (
                *("train", "grader", "--region", region, "--members", experiment.paper_study.members),
                *("--splits", splits, "--records", records, "--out", runs / region),
            ),
            (runs / region,),
            sections=("grader", "training", "split"),
            needs=("records",),
            pace=("--workers", str(experiment.paper_study.workers)),
        )
    calibrate = f"export.calibrate={str(experiment.export.calibrate).lower()}"
    for plane in Plane:
        # Else the experiment would count that the detector was trained with.
        step = export_step(plane, slices, runs, out / "exported", labels=labels, splits=splits)
        yield replace(step, settings=(*operating_settings(experiment), calibrate))


def _reading_steps(out: Path) -> Iterator[Step]:
    """Yield the readings: test and validation studies of the first cohort, all of the second."""
    exports = tuple(f"export-{plane}" for plane in Plane)
    for split in ("test", "validation"):
        folder = out / f"predictions-{split}"
        words = ("--splits", out / "splits.csv", "--split", split, "--members", "--out", folder)
        yield Step(
            f"predict-{split}",
            ("predict", "--slices", out / "slices", *words),
            (folder,),
            needs=exports,
            is_served=True,
        )
    folder = out / "external" / "predictions"
    yield Step(
        "predict-external",
        ("predict", "--slices", out / "external" / "slices", "--members", "--out", folder),
        (folder,),
        needs=(*exports, "exclude-external"),
        is_served=True,
    )


def _flow_step(out: Path) -> Step:
    external = ("--external", out / "external" / "excluded")
    return Step(
        "flow",
        ("flow", "--excluded", out / "excluded", "--splits", out / "splits.csv", *external, "--out", out / "flow"),
        (out / "flow",),
        needs=("split", "exclude-external"),
    )


def _evaluation_step(out: Path, experiment: Experiment) -> Step:
    from tfspine.phantom.panel import RADIOLOGISTS, READ_AGAIN

    external, readers = out / "external", out / "phantom" / "readers"
    names = tuple(f"m{number}" for number in range(1, _count(experiment.paper_study.members) + 1))

    def members(option: str, folder: Path) -> tuple[str, ...]:
        return tuple(word for name in names for word in (option, f"{name}={folder / 'members' / f'{name}.csv'}"))

    def people(option: str, folder: Path) -> tuple[str, ...]:
        return tuple(word for name in RADIOLOGISTS for word in (option, f"{name}={folder / name}"))

    runs = (out / "runs" / name for name in (*Plane, *Region))
    made = (out / "phantom", out / "slices", out / "records", *runs, out / "predictions-test")
    return Step(
        "evaluate",
        (
            *("evaluate", "--reference", out / "phantom" / "labels", "--slices", out / "slices"),
            *("--splits", out / "splits.csv", "--split", "test"),
            *members("--reader", out / "predictions-test"),
            *people("--reader", readers),
            *("--average", f"{MODEL}={','.join(names)}", "--model", MODEL),
            *("--repeat", f"reference={readers / READ_AGAIN}"),
            *members("--validation", out / "predictions-validation"),
            *("--validation", f"{MODEL}_ensemble={out / 'predictions-validation' / 'predictions.csv'}"),
            *("--external-reference", external / "phantom" / "labels", "--external-slices", external / "slices"),
            *("--external-exclusions", external / "excluded"),
            *members("--external-reader", external / "predictions"),
            *people("--external-reader", external / "phantom" / "readers"),
            *("--dicom", out / "phantom" / "dicom", "--dicom", external / "phantom" / "dicom"),
            *("--flow", out / "flow", *(word for folder in made for word in ("--run", folder))),
            *("--out", out / "evaluation"),
        ),
        (out / "evaluation",),
        sections=("evaluation",),
        needs=("predict-test", "predict-validation", "predict-external", "flow"),
    )


def _count(members: str) -> int:
    from tfspine.training.members import parse_members

    return len(parse_members(members))
