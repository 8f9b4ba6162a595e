"""``tfspine study``: the paper's study on simulated patients, two cohorts and nine versions, in stretches (`steps.py`).

One hospital's patients train and test; another's, in scanners of another mix of makers, only test. Two simulated
radiologists and the reference read again stand beside the model.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from tfspine.cli import options
from tfspine.cli.demo import NOTICE, detector_steps, export_step
from tfspine.cli.steps import Step, experiment_words, run_steps
from tfspine.config import Experiment
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane, Region

MODEL = "model"
"""The average of the versions goes by this name in the tables, and their ensemble by ``model_ensemble``."""

RADIOLOGISTS = ("radiologist_1", "radiologist_2")
REFERENCE_AGAIN = "reference_again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--out", type=Path, default=Path("study"), metavar="DIR", help="folder for everything it makes")
    parser.add_argument("--experiment", type=Path, metavar="TOML", help="default: experiments/paper_study.toml")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="A.B=C")


def run(args: argparse.Namespace) -> None:
    """Run every step that is not done, then print the paper's tables."""
    path = args.experiment or options.project_file("experiments/paper_study.toml")
    experiment = load_experiment(path, args.settings)
    run_steps(plan(args.out, experiment), args.out, experiment, experiment_words(path, args.settings))
    print((args.out / "evaluation" / "summary.txt").read_text())
    print(f"What the reference reaches with itself, the ceiling of every reader: {args.out / 'evaluation/repeat.md'}")
    print(NOTICE)


def plan(out: Path, experiment: Experiment) -> tuple[Step, ...]:
    """Return all steps, in order."""
    return (
        *_cohort_steps(out, "", ()),
        *_cohort_steps(out / "external", "-external", _external_settings(experiment)),
        *_training_steps(out, experiment),
        *_reading_steps(out),
        _flow_step(out),
        _evaluation_step(out, experiment),
    )


def _external_settings(experiment: Experiment) -> tuple[str, ...]:
    """Return what makes the second cohort another hospital's: its makers and grades, and people of its own."""
    return (
        f"phantom.studies={experiment.study.external_studies}",
        f"phantom.first_study={experiment.phantom.first_study + experiment.phantom.studies}",
        "phantom.vendor=external",
        "phantom.prevalence=external",
    )


def _cohort_steps(folder: Path, suffix: str, settings: tuple[str, ...]) -> Iterator[Step]:
    """Yield how patients become slices, and who of them is left out."""
    phantom, slices = folder / "phantom", folder / "slices"
    words = tuple(word for setting in settings for word in ("--set", setting))
    yield Step(f"phantom{suffix}", ("phantom", "--out", phantom, *words), (phantom,), sections=("phantom", "study"))
    yield Step(
        f"ingest{suffix}", ("ingest", phantom / "dicom", "--out", slices), (slices,), needs=(f"phantom{suffix}",)
    )
    yield Step(
        f"exclude{suffix}",
        ("exclude", "--slices", slices, "--labels", phantom / "labels", "--out", folder / "excluded"),
        (folder / "excluded",),
        sections=("exclusions",),
        needs=(f"ingest{suffix}",),
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
                *("train", "grader", "--region", region, "--versions", experiment.study.versions),
                *("--workers", str(experiment.study.workers), "--splits", splits),
                *("--records", records, "--out", runs / region),
            ),
            (runs / region,),
            sections=("grader", "training", "split"),
            needs=("records",),
        )
    for plane in Plane:
        yield export_step(plane, slices, runs, out / "exported")


def _reading_steps(out: Path) -> Iterator[Step]:
    """Yield the readings: test and validation studies of the first cohort, all of the second."""
    exports = tuple(f"export-{plane}" for plane in Plane)
    for split in ("test", "validation"):
        folder = out / f"predictions-{split}"
        words = ("--splits", out / "splits.csv", "--split", split, "--versions", "--out", folder)
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
        ("predict", "--slices", out / "external" / "slices", "--versions", "--out", folder),
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
    external, readers = out / "external", out / "phantom" / "readers"
    names = tuple(f"v{number}" for number in range(1, _count(experiment.study.versions) + 1))

    def versions(option: str, folder: Path) -> tuple[str, ...]:
        return tuple(word for name in names for word in (option, f"{name}={folder / 'versions' / f'{name}.csv'}"))

    def people(option: str, folder: Path) -> tuple[str, ...]:
        return tuple(word for name in RADIOLOGISTS for word in (option, f"{name}={folder / name}"))

    runs = (out / "runs" / name for name in (*Plane, *Region))
    made = (out / "phantom", out / "slices", out / "records", *runs, out / "predictions-test")
    return Step(
        "evaluate",
        (
            *("evaluate", "--reference", out / "phantom" / "labels", "--slices", out / "slices"),
            *("--splits", out / "splits.csv", "--split", "test"),
            *versions("--reader", out / "predictions-test"),
            *people("--reader", readers),
            *("--average", f"{MODEL}={','.join(names)}", "--model", MODEL),
            *("--repeat", f"reference={readers / REFERENCE_AGAIN}"),
            *versions("--validation", out / "predictions-validation"),
            *("--validation", f"{MODEL}_ensemble={out / 'predictions-validation' / 'predictions.csv'}"),
            *("--external-reference", external / "phantom" / "labels", "--external-slices", external / "slices"),
            *versions("--external-reader", external / "predictions"),
            *people("--external-reader", external / "phantom" / "readers"),
            *("--dicom", out / "phantom" / "dicom", "--dicom", external / "phantom" / "dicom"),
            *("--flow", out / "flow", *(word for folder in made for word in ("--run", folder))),
            *("--out", out / "evaluation"),
        ),
        (out / "evaluation",),
        sections=("evaluation",),
        needs=("predict-test", "predict-validation", "predict-external", "flow"),
    )


def _count(versions: str) -> int:
    from tfspine.training.versions import parse_versions

    return len(parse_versions(versions))
