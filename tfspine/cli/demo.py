"""``tfspine demo``: the whole way on simulated patients, by the commands that a user would type (`steps.py`)."""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tfspine.cli import options
from tfspine.cli.steps import MemoryWatch, Step, experiment_words, run_steps
from tfspine.config import Experiment, as_dict
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane, Region

SALT_FILE = "pseudonyms.salt"
"""The same in every run: simulated patients have no names to hide, and who is tested depends on pseudonyms."""

SALT = "no secret: simulated patients\n"
"""Divides the demo's 80 patients about as its shares say: 61, 7 and 12."""

NOTICE = "Simulated patients. Research software, not a medical device."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine demo``."""
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="folder for everything it makes")
    parser.add_argument("--experiment", type=Path, metavar="TOML", help="default: experiments/demo.toml")
    parser.add_argument(
        "--plane", choices=list(Plane), type=Plane, help="only this plane's detector and graders, up to their export"
    )
    options.add_devices(parser)
    options.add_settings(parser)


def run(args: argparse.Namespace) -> None:
    """Run every step that is not done, then print the table of results and where the report lies.

    With `--plane` it ends with that plane's SavedModel, and prints where it lies.
    """
    started = time.monotonic()
    path = args.experiment or options.project_file("experiments/demo.toml")
    experiment = load_experiment(path, args.settings)
    begin(args.out, command="demo", experiment=experiment, path=path)
    with MemoryWatch() as memory:
        settings = operating_settings(experiment)
        steps = plan(args.out, settings) if args.plane is None else training_plan(args.out, [args.plane], settings)
        run_steps(steps, args.out, experiment, experiment_words(path, args.settings))
    if args.plane is None:
        print((args.out / "evaluation" / "summary.txt").read_text())
    print(f"{time.monotonic() - started:.0f} s, at most {memory.peak_gib:.1f} GiB of memory")
    print(NOTICE)
    print(f"{steps[-1].name}: {steps[-1].outputs[0]}")


def begin(out: Path, *, command: str, experiment: Experiment, path: Path) -> None:
    """Make the folder of a whole chain of commands, or go on in one that the same command began.

    Raises:
        OutputError: the folder holds anything else.
    """
    from tfspine.dicom.deidentify.pseudonyms import write_private
    from tfspine.manifest import claim_folder

    claim_folder(out, command=command, config=as_dict(experiment), inputs=[path])
    if not (out / SALT_FILE).exists():
        write_private(out / SALT_FILE, SALT)


def operating_settings(experiment: Experiment) -> tuple[str, ...]:
    """Return what an export needs of the experiment for its operating point, as for ``--set``.

    Else that would count which the detector was trained with.
    """
    evaluation = experiment.evaluation
    return (
        f"evaluation.iou={evaluation.iou!r}",
        f"evaluation.false_boxes_per_image={evaluation.false_boxes_per_image!r}",
    )


def plan(out: Path, operating: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Return all steps, in order; `operating` are the settings of the operating point."""
    return (*training_plan(out, tuple(Plane), operating), *_reading_steps(out))


def training_plan(out: Path, planes: Sequence[Plane], operating: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Return the steps from simulated patients to the SavedModels of some planes, in order."""
    slices, records, labels, splits = out / "slices", out / "records", out / "phantom" / "labels", out / "splits.csv"
    runs = out / "runs"
    return (
        Step("phantom", ("phantom", "--out", out / "phantom"), (out / "phantom",), sections=("phantom",)),
        Step(
            "ingest",
            ("ingest", out / "phantom" / "dicom", "--out", slices, "--salt-file", out / SALT_FILE),
            (slices,),
            needs=("phantom",),
        ),
        Step(
            "check",
            ("check", "--labels", labels, "--slices", slices, "--out", out / "problems.csv"),
            (out / "problems.csv",),
            needs=("ingest",),
        ),
        Step(
            "split", ("split", "--slices", slices, "--out", splits), (splits,), sections=("split",), needs=("ingest",)
        ),
        Step(
            "records",
            ("records", "--slices", slices, "--labels", labels, "--splits", splits, "--out", records),
            (records,),
            sections=("records",),
            needs=("check", "split"),
        ),
        *detector_steps(records, runs, planes),
        *(_grader_step(region, records, runs) for region in Region if region.plane in planes),
        *(
            replace(
                export_step(plane, slices, runs, out / "exported", labels=labels, splits=splits), settings=operating
            )
            for plane in planes
        ),
    )


def detector_steps(records: Path, runs: Path, planes: Sequence[Plane]) -> Iterator[Step]:
    """Yield the training of detectors; each starts from what the one before it has learned to see."""
    start: tuple[str, ...] = ("--set", "training.precision=auto")
    needs: tuple[str, ...] = ("records",)
    for plane in planes:
        yield Step(
            f"detector-{plane}",
            ("train", "detector", "--plane", plane, "--records", records, "--out", runs / plane, *start),
            (runs / plane,),
            sections=("detector", "training", "overrides"),
            needs=needs,
        )
        start = (*start, "--set", f"detector.checkpoint={runs / plane}")
        needs = ("records", f"detector-{plane}")


def _grader_step(region: Region, records: Path, runs: Path) -> Step:
    return Step(
        f"grader-{region}",
        ("train", "grader", "--region", region, "--records", records, "--out", runs / region),
        (runs / region,),
        sections=("grader", "training"),
        needs=("records",),
    )


def export_step(plane: Plane, slices: Path, runs: Path, exported: Path, *, labels: Path, splits: Path) -> Step:
    """Return the step that makes one SavedModel of a plane's detector and graders, at an operating point."""
    from tfspine.signatures import MODEL_NAMES

    graders = [region for region in Region if region.plane is plane]
    return Step(
        f"export-{plane}",
        (
            *("export", "--detector", runs / plane),
            *(word for region in graders for word in ("--grader", runs / region)),
            *("--slices", slices, "--labels", labels, "--splits", splits, "--out", exported),
        ),
        (exported / MODEL_NAMES[plane],),
        needs=(f"detector-{plane}", *(f"grader-{region}" for region in graders)),
    )


def _reading_steps(out: Path) -> Iterator[Step]:
    """Yield what comes after the SavedModels: the test studies read, measured, explained and shown."""
    slices, labels, splits = out / "slices", out / "phantom" / "labels", out / "splits.csv"
    predictions = out / "predictions"
    made = (out / "phantom", slices, out / "records", *(out / "runs" / region for region in Region), predictions)
    yield Step(
        "predict",
        ("predict", "--slices", slices, "--splits", splits, "--split", "test", "--out", predictions),
        (predictions,),
        needs=tuple(f"export-{plane}" for plane in Plane),
        is_served=True,
    )
    yield Step(
        "evaluate",
        (
            *("evaluate", "--reference", labels, "--slices", slices, "--splits", splits, "--split", "test"),
            *("--reader", f"tfspine={predictions / 'predictions.csv'}", "--out", out / "evaluation"),
            *("--dicom", out / "phantom" / "dicom"),
            *(word for folder in made for word in ("--run", folder)),
        ),
        (out / "evaluation",),
        sections=("evaluation",),
        needs=("predict",),
    )
    yield Step(
        "explain",
        (
            *("explain", "--model", out / "exported"),
            *("--slices", slices, "--boxes", predictions / "predictions.csv", "--out", out / "explained"),
        ),
        (out / "explained",),
        sections=("explain",),
        needs=("predict",),
    )
    yield Step(
        "report",
        (
            *("report", "--predictions", predictions, "--slices", slices, "--evaluation", out / "evaluation"),
            *("--explained", out / "explained", "--out", out / "report.html", "--notice", NOTICE),
        ),
        (out / "report.html",),
        needs=("evaluate", "explain"),
    )
