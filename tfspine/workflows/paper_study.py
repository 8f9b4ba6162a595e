"""The paper's study on simulated patients, two cohorts and nine members of each grader, in stretches (`steps.py`).

One hospital's patients train and test; another's, in scanners of another mix of makers, only test. Two simulated
radiologists and the reference read again stand beside the model.

As in the paper every member of a grader divides the development patients anew. So those who validate in `splits.csv`,
on whom temperature and operating point are fitted, have trained most members: what holds of the test studies does not
depend on it, but the operating point chosen may be too sure of itself.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tfspine.config import Experiment, Prevalence, Vendors
from tfspine.errors import ConfigError
from tfspine.labels import Plane, Region
from tfspine.workflows.chain import Chain, detector_steps, export_step, operating_settings
from tfspine.workflows.command import Argument, Named, command
from tfspine.workflows.demo import NOTICE, SALT_FILE, phantom_step
from tfspine.workflows.local_server import predict_served
from tfspine.workflows.steps import Step
from tfspine.workflows.train_members import MembersOptions, train_members

MODEL = "model"
"""The average of the members goes by this name in the tables, and their ensemble by ``model_ensemble``."""


def plan(out: Path, experiment: Experiment) -> tuple[Step, ...]:
    """Return all steps, in order.

    Raises:
        ConfigError: `[paper_study]` or `[evaluation]` would fail, after hours, at a later step.
    """
    _require_sound(experiment)
    chain = Chain(
        out,
        experiment,
        dicom=out / "phantom" / "dicom",
        labels=out / "phantom" / "labels",
        salt=out / SALT_FILE,
        splits=out / "splits.csv",
        notice=NOTICE,
    )
    return (
        *_cohort_steps(out, experiment, salt=out / SALT_FILE),
        *_cohort_steps(out / "external", _of_other_hospital(experiment), salt=out / SALT_FILE, suffix="-external"),
        *_training_steps(chain),
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


def _of_other_hospital(experiment: Experiment) -> Experiment:
    """Return what makes the second cohort another hospital's: its makers and grades, and people of its own.

    Patients are told apart by their numbers, so that its first comes after the last of the first cohort.
    """
    phantom = experiment.phantom
    is_as_counted = phantom.prevalence is Prevalence.PAPER
    other = replace(
        phantom,
        studies=experiment.paper_study.external_studies,
        first_study=phantom.first_study + phantom.studies,
        vendor=Vendors.EXTERNAL,
        prevalence=Prevalence.EXTERNAL if is_as_counted else phantom.prevalence,
    )
    return replace(experiment, phantom=other)


def _cohort_steps(folder: Path, experiment: Experiment, *, salt: Path, suffix: str = "") -> Iterator[Step]:
    """Yield how patients become slices, whether the labels fit them, and who is left out."""
    phantom, slices, excluded = folder / "phantom", folder / "slices", folder / "excluded"
    workers = experiment.phantom.workers
    yield phantom_step(phantom, experiment, suffix=suffix)
    yield Step(
        f"ingest{suffix}",
        command("ingest", phantom / "dicom", "--out", slices, "--salt-file", salt, workers=workers),
        (slices,),
        needs=(f"phantom{suffix}",),
        is_apart=True,
    )
    problems = folder / "problems.csv"
    yield Step(
        f"check{suffix}",
        command("check", "--labels", phantom / "labels", "--slices", slices, "--out", problems),
        (problems,),
        needs=(f"ingest{suffix}",),
        is_apart=True,
    )
    yield Step(
        f"exclude{suffix}",
        command(
            *("exclude", "--slices", slices, "--labels", phantom / "labels", "--out", excluded),
            experiment=experiment,
            workers=workers,
        ),
        (excluded,),
        needs=(f"check{suffix}",),
        sections=("exclusions",),
        is_apart=True,
    )


def _training_steps(chain: Chain) -> Iterator[Step]:
    out, experiment, study = chain.out, chain.experiment, chain.experiment.paper_study
    slices, records = out / "slices", out / "records"
    yield Step(
        "split",
        command(
            *("split", "--slices", slices, "--exclusions", out / "excluded", "--out", chain.splits),
            experiment=experiment,
        ),
        (chain.splits,),
        needs=("exclude",),
        sections=("split",),
        is_apart=True,
    )
    yield Step(
        "records",
        command(
            *("records", "--slices", slices, "--labels", chain.labels, "--splits", chain.splits, "--out", records),
            experiment=experiment,
        ),
        (records,),
        needs=("split",),
        sections=("records",),
        is_apart=True,
    )
    yield from detector_steps(chain, tuple(Plane))
    for region in Region:
        options = MembersOptions(region, study.members, workers=study.workers, experiment=experiment)
        run = out / "runs" / region
        yield Step(
            f"grader-{region}",
            partial(train_members, records, chain.splits, run, options),
            (run,),
            needs=("records",),
            sections=("grader", "training", "split"),
            goes_on=True,
            is_apart=True,
        )
    calibrate = f"export.calibrate={str(experiment.export.calibrate).lower()}"
    for plane in Plane:
        # Else the experiment would count that the detector was trained with.
        yield export_step(chain, plane, settings=(*operating_settings(experiment), calibrate))


def _reading_steps(out: Path) -> Iterator[Step]:
    """Yield the readings: test and validation studies of the first cohort, all of the second."""
    exports = tuple(f"export-{plane}" for plane in Plane)

    def step(name: str, slices: Path, folder: Path, *words: str | Path, needs: tuple[str, ...]) -> Step:
        read = partial(predict_served, slices, out / "exported", folder, "--members", *words)
        return Step(name, read, (folder,), needs=needs, is_apart=True)

    for split in ("test", "validation"):
        words = ("--splits", out / "splits.csv", "--split", split)
        yield step(f"predict-{split}", out / "slices", out / f"predictions-{split}", *words, needs=exports)
    external = out / "external"
    needs = (*exports, "exclude-external")
    yield step("predict-external", external / "slices", external / "predictions", needs=needs)


def _flow_step(out: Path) -> Step:
    external = ("--external", out / "external" / "excluded")
    return Step(
        "flow",
        command(
            *("flow", "--excluded", out / "excluded", "--splits", out / "splits.csv", *external, "--out", out / "flow")
        ),
        (out / "flow",),
        needs=("split", "exclude-external"),
        is_apart=True,
    )


def _evaluation_step(out: Path, experiment: Experiment) -> Step:
    from tfspine.phantom.panel import RADIOLOGISTS, READ_AGAIN

    external, readers = out / "external", out / "phantom" / "readers"
    names = tuple(f"m{number}" for number in range(1, _count(experiment.paper_study.members) + 1))

    def members(option: str, folder: Path) -> tuple[Argument, ...]:
        return tuple(word for name in names for word in (option, Named(name, folder / "members" / f"{name}.csv")))

    def people(option: str, folder: Path) -> tuple[Argument, ...]:
        return tuple(word for name in RADIOLOGISTS for word in (option, Named(name, folder / name)))

    runs = (out / "runs" / name for name in (*Plane, *Region))
    made = (out / "phantom", out / "slices", out / "records", *runs, out / "predictions-test")
    ensemble = Named(f"{MODEL}_ensemble", out / "predictions-validation" / "predictions.csv")
    return Step(
        "evaluate",
        command(
            *("evaluate", "--reference", out / "phantom" / "labels", "--slices", out / "slices"),
            *("--splits", out / "splits.csv", "--split", "test"),
            *members("--reader", out / "predictions-test"),
            *people("--reader", readers),
            *("--average", f"{MODEL}={','.join(names)}", "--model", MODEL),
            *("--repeat", Named("reference", readers / READ_AGAIN)),
            *members("--validation", out / "predictions-validation"),
            *("--validation", ensemble),
            *("--external-reference", external / "phantom" / "labels", "--external-slices", external / "slices"),
            *("--external-exclusions", external / "excluded"),
            *members("--external-reader", external / "predictions"),
            *people("--external-reader", external / "phantom" / "readers"),
            *("--dicom", out / "phantom" / "dicom", "--dicom", external / "phantom" / "dicom"),
            *("--flow", out / "flow", *(word for folder in made for word in ("--run", folder))),
            *("--out", out / "evaluation"),
            experiment=experiment,
        ),
        (out / "evaluation",),
        needs=("predict-test", "predict-validation", "predict-external", "flow"),
        sections=("evaluation",),
        is_apart=True,
    )


def _count(members: str) -> int:
    from tfspine.training.members import parse_members

    return len(parse_members(members))
