"""The paper's study on simulated patients, with two cohorts and nine members of each grader; resumable (`steps.py`).

The patients of one hospital are for training and testing; those of another, with a different mix of scanner vendors,
only for testing. The model is compared with two simulated radiologists and a second reading of the reference.

As in the paper, every member of a grader divides the development patients differently. Therefore the validation
patients in `splits.csv`, on whom temperature and operating point are fitted, were training patients of most members:
this does not affect the test studies, but the chosen operating point may be too optimistic.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tfspine.config import Experiment, Prevalence, Vendors
from tfspine.errors import ConfigError
from tfspine.formats.labelimg_xml import LABELS_FOLDER
from tfspine.formats.splits_csv import SPLITS_FILE
from tfspine.labels import Plane, Region
from tfspine.manifest import MEMBERS_FOLDER
from tfspine.workflows.chain import (
    Chain,
    check_step,
    detector_steps,
    exclude_step,
    export_step,
    ingest_step,
    operating_settings,
    records_step,
    split_step,
)
from tfspine.workflows.demo import SALT_FILE, phantom_step
from tfspine.workflows.evaluate import evaluate
from tfspine.workflows.evaluation.inputs import EvaluateInputs
from tfspine.workflows.flow import FlowOptions, flow
from tfspine.workflows.local_server import predict_served
from tfspine.workflows.predict import PredictOptions
from tfspine.workflows.read_studies import ReadingOptions
from tfspine.workflows.steps import Step
from tfspine.workflows.train_members import MembersOptions, train_members

MODEL = "model"
"""The name of the members' average in the tables; their ensemble is ``model_ensemble``."""

KNOWN_S = {
    "phantom": 1164.0,
    "ingest": 146.0,
    "check": 9.0,
    "exclude": 594.0,
    "phantom-external": 242.0,
    "ingest-external": 30.0,
    "check-external": 2.0,
    "exclude-external": 68.0,
    "split": 3.0,
    "records": 31.0,
    "detector-axial": 513.0,
    "detector-sagittal": 540.0,
    "grader-central_canal": 1374.0,
    "grader-lateral_recess": 889.0,
    "grader-neural_foramen": 1091.0,
    "export-axial": 359.0,
    "export-sagittal": 201.0,
    "predict-test": 522.0,
    "predict-validation": 467.0,
    "predict-external": 1020.0,
    "flow": 2.0,
    "evaluate": 171.0,
}
"""Seconds of each step of `experiments/paper_study.toml` on two cores (experiments/results/paper_study/steps.csv)."""


def plan(out: Path, experiment: Experiment) -> tuple[Step, ...]:
    """Return all steps, in order.

    Raises:
        ConfigError: `[paper_study]` or `[evaluation]` is invalid, and a later step would fail after hours.
    """
    _require_sound(experiment)
    chain = _chain(out, experiment)
    external = _chain(out / "external", _of_other_hospital(experiment), salt=chain.salt)
    steps = (
        *_cohort_steps(chain),
        *_cohort_steps(external, suffix="-external"),
        *_training_steps(chain),
        *_reading_steps(out),
        _flow_step(out),
        _evaluation_step(out, experiment),
    )
    return tuple(replace(step, known_s=KNOWN_S[step.name]) for step in steps)


def _chain(out: Path, experiment: Experiment, *, salt: Path | None = None) -> Chain:
    phantom = out / "phantom"
    return Chain(
        out,
        experiment,
        dicom=phantom / "dicom",
        labels=phantom / LABELS_FOLDER,
        splits=out / SPLITS_FILE,
        salt=salt or out / SALT_FILE,
    )


def _require_sound(experiment: Experiment) -> None:
    study = experiment.paper_study
    if _count(study.members) < 2:
        raise ConfigError(
            f'paper_study.members = "{study.members}": one member has no average and no ensemble; expected two or '
            'more, for example "3x3", or tfspine demo for one grader a region'
        )


def _of_other_hospital(experiment: Experiment) -> Experiment:
    """Return the settings of the second cohort as that of another hospital: other vendors, grades and patients.

    Patients are identified by their numbers, so its first number follows the last of the first cohort.
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


def _cohort_steps(chain: Chain, *, suffix: str = "") -> Iterator[Step]:
    """Yield the steps that turn patients into slices, check the labels, and exclude studies."""
    yield phantom_step(chain.at("phantom"), chain.experiment, suffix=suffix)
    yield ingest_step(chain, suffix=suffix, needs=(f"phantom{suffix}",))
    yield check_step(chain, suffix=suffix)
    yield exclude_step(chain, suffix=suffix)


def _training_steps(chain: Chain) -> Iterator[Step]:
    experiment, study = chain.experiment, chain.experiment.paper_study
    yield split_step(chain, exclusions=chain.at("excluded"))
    yield records_step(chain, needs=("split",))
    yield from detector_steps(chain, tuple(Plane))
    for region in Region:
        options = MembersOptions(region, study.members, workers=study.workers, experiment=experiment)
        run = chain.at("runs") / region
        yield Step(
            f"grader-{region}",
            partial(train_members, chain.at("records"), chain.splits, run, options),
            (run,),
            needs=("records",),
            sections=("grader", "training", "split"),
            goes_on=True,
            is_apart=True,
        )
    calibrate = f"export.calibrate={str(experiment.export.calibrate).lower()}"
    for plane in Plane:
        # Without these settings the export would use those that the detector was trained with.
        yield export_step(chain, plane, settings=(*operating_settings(experiment), calibrate))


def _reading_steps(out: Path) -> Iterator[Step]:
    """Yield the readings: test and validation studies of the first cohort, all studies of the second."""
    exports = tuple(f"export-{plane}" for plane in Plane)

    def step(name: str, slices: Path, folder: Path, *, needs: tuple[str, ...], split: str | None = None) -> Step:
        splits = out / SPLITS_FILE if split else None
        options = PredictOptions(ReadingOptions(has_members=True), splits=splits, split=split)
        return Step(name, partial(predict_served, slices, out / "exported", folder, options), (folder,), needs=needs)

    for split in ("test", "validation"):
        yield step(f"predict-{split}", out / "slices", out / f"predictions-{split}", split=split, needs=exports)
    external = out / "external"
    needs = (*exports, "exclude-external")
    yield step("predict-external", external / "slices", external / "predictions", needs=needs)


def _flow_step(out: Path) -> Step:
    options = FlowOptions(splits=out / SPLITS_FILE, external=out / "external" / "excluded")
    draw = partial(flow, out / "excluded", out / "flow", options)
    return Step("flow", draw, (out / "flow",), needs=("split", "exclude-external"))


def _evaluation_step(out: Path, experiment: Experiment) -> Step:
    from tfspine.formats.boxes_csv import PREDICTIONS_FILE
    from tfspine.phantom.panel import RADIOLOGISTS, READ_AGAIN

    external, readers = out / "external", out / "phantom" / "readers"
    names = tuple(f"m{number}" for number in range(1, _count(experiment.paper_study.members) + 1))

    def members(folder: Path) -> dict[str, Path]:
        return {name: folder / MEMBERS_FOLDER / f"{name}.csv" for name in names}

    def people(folder: Path) -> dict[str, Path]:
        return {name: folder / name for name in RADIOLOGISTS}

    validation, runs = out / "predictions-validation", (out / "runs" / name for name in (*Plane, *Region))
    inputs = EvaluateInputs(
        reference=out / "phantom" / LABELS_FOLDER,
        readers=members(out / "predictions-test") | people(readers),
        model=MODEL,
        averages={MODEL: names},
        repeats={"reference": readers / READ_AGAIN},
        slices=out / "slices",
        splits=out / SPLITS_FILE,
        split="test",
        validation=members(validation) | {f"{MODEL}_ensemble": validation / PREDICTIONS_FILE},
        external_reference=external / "phantom" / LABELS_FOLDER,
        external_readers=members(external / "predictions") | people(external / "phantom" / "readers"),
        external_slices=external / "slices",
        external_exclusions=external / "excluded",
        dicom=(out / "phantom" / "dicom", external / "phantom" / "dicom"),
        flow=out / "flow",
        runs=(out / "phantom", out / "slices", out / "records", *runs, out / "predictions-test"),
    )
    return Step(
        "evaluate",
        partial(evaluate, inputs, out / "evaluation", experiment),
        (out / "evaluation",),
        needs=("predict-test", "predict-validation", "predict-external", "flow"),
        sections=("evaluation",),
    )


def _count(members: str) -> int:
    from tfspine.training.members import parse_members

    return len(parse_members(members))
