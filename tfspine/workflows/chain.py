"""The steps from DICOM to a report, in the order of the data, which the demo and `tfspine run` share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tfspine.config import Experiment, Precision
from tfspine.labels import Plane, Region
from tfspine.signatures import MODEL_NAMES
from tfspine.workflows.command import Named, command
from tfspine.workflows.explain import ExplainOptions, explain
from tfspine.workflows.explained_graders import GradersToExplain
from tfspine.workflows.export import ExportOptions, export
from tfspine.workflows.local_server import predict_served
from tfspine.workflows.steps import Step
from tfspine.workflows.train import DetectorOptions, GraderOptions, train_detector, train_grader

MODEL = "tfspine"
"""The name of what was trained here, in tables."""


@dataclass(frozen=True)
class Chain:
    """Where the steps of one chain read and write, and how: `out` holds all that they make."""

    out: Path
    experiment: Experiment
    dicom: Path
    labels: Path
    splits: Path
    salt: Path | None = None
    series_map: Path | None = None
    notice: str = ""
    title: str = ""

    def at(self, name: str) -> Path:
        """Return the path of an output."""
        return self.out / name


def ingest_steps(chain: Chain, *, needs: tuple[str, ...] = ()) -> Iterator[Step]:
    """Yield the step from DICOM to slices."""
    salt = ("--salt-file", chain.salt) if chain.salt else ()
    series_map = ("--series-map", chain.series_map) if chain.series_map else ()
    yield Step(
        "ingest",
        command(
            *("ingest", chain.dicom, "--out", chain.at("slices"), *salt, *series_map),
            workers=chain.experiment.phantom.workers,
        ),
        (chain.at("slices"),),
        needs=needs,
        is_apart=True,
    )


def label_steps(chain: Chain, *, is_divided: bool = True, has_exclusions: bool = False) -> Iterator[Step]:
    """Yield what makes records of slices and labels: checked, divided where nobody did, some studies left out."""
    slices, excluded = chain.at("slices"), chain.at("excluded")
    yield Step(
        "check",
        command("check", "--labels", chain.labels, "--slices", slices, "--out", chain.at("problems.csv")),
        (chain.at("problems.csv"),),
        needs=("ingest",),
        is_apart=True,
    )
    if has_exclusions:
        yield Step(
            "exclude",
            command(
                *("exclude", "--slices", slices, "--labels", chain.labels, "--out", excluded),
                experiment=chain.experiment,
                workers=chain.experiment.phantom.workers,
            ),
            (excluded,),
            needs=("check",),
            sections=("exclusions",),
            is_apart=True,
        )
    if is_divided:
        exclusions = ("--exclusions", excluded) if has_exclusions else ()
        yield Step(
            "split",
            command("split", "--slices", slices, *exclusions, "--out", chain.splits, experiment=chain.experiment),
            (chain.splits,),
            needs=("exclude",) if has_exclusions else ("ingest",),
            sections=("split",),
            is_apart=True,
        )
    yield Step(
        "records",
        command(
            *("records", "--slices", slices, "--labels", chain.labels, "--splits", chain.splits),
            *("--out", chain.at("records")),
            experiment=chain.experiment,
        ),
        (chain.at("records"),),
        needs=("check", "split") if is_divided else ("check",),
        sections=("records",),
        is_apart=True,
    )


def training_steps(chain: Chain, planes: Sequence[Plane] = tuple(Plane)) -> Iterator[Step]:
    """Yield the trainings and the export of some planes."""
    yield from detector_steps(chain, planes)
    for region in (region for region in Region if region.plane in planes):
        run = chain.at("runs") / region
        yield Step(
            f"grader-{region}",
            partial(train_grader, chain.at("records"), run, GraderOptions(region, chain.experiment)),
            (run,),
            needs=("records",),
            sections=("grader", "training"),
            goes_on=True,
            is_apart=True,
        )
    for plane in planes:
        yield export_step(chain, plane, settings=operating_settings(chain.experiment))


def detector_steps(chain: Chain, planes: Sequence[Plane]) -> Iterator[Step]:
    """Yield the trainings of detectors; each starts from what the one before it has learned to see."""
    training = replace(chain.experiment.training, precision=Precision.AUTO)
    experiment = replace(chain.experiment, training=training)
    needs: tuple[str, ...] = ("records",)
    former: tuple[Path, ...] = ()
    for plane in planes:
        run = chain.at("runs") / plane
        yield Step(
            f"detector-{plane}",
            partial(train_detector, chain.at("records"), run, DetectorOptions(plane, experiment)),
            (run,),
            needs=needs,
            reads=former,
            sections=("detector", "training", "overrides"),
            goes_on=True,
            is_apart=True,
        )
        experiment = replace(experiment, detector=replace(experiment.detector, checkpoint=str(run)))
        needs, former = ("records", f"detector-{plane}"), (run,)


def export_step(chain: Chain, plane: Plane, *, settings: tuple[str, ...]) -> Step:
    """Return the step that makes one SavedModel of a plane's detector and graders, at an operating point."""
    graders = tuple(chain.at("runs") / region for region in Region if region.plane is plane)
    options = ExportOptions(labels=chain.labels, splits=chain.splits, settings=settings)
    return Step(
        f"export-{plane}",
        partial(export, chain.at("runs") / plane, graders, chain.at("slices"), chain.at("exported"), options),
        (chain.at("exported") / MODEL_NAMES[plane],),
        needs=(f"detector-{plane}", *(f"grader-{grader.name}" for grader in graders)),
        goes_on=True,
        is_apart=True,
    )


def operating_settings(experiment: Experiment) -> tuple[str, ...]:
    """Return what an export needs of the experiment for its operating point, as for ``--set``.

    Else that would count which the detector was trained with.
    """
    evaluation = experiment.evaluation
    return (
        f"evaluation.iou={evaluation.iou!r}",
        f"evaluation.false_boxes_per_image={evaluation.false_boxes_per_image!r}",
    )


def reading_steps(chain: Chain, *, runs: Sequence[Path] = ()) -> Iterator[Step]:
    """Yield what comes after the SavedModels: the test studies read, measured, explained and shown.

    Args:
        chain: places and experiment.
        runs: folders before the slices whose manifests fill checklists and model card.
    """
    slices, predictions, evaluation = chain.at("slices"), chain.at("predictions"), chain.at("evaluation")
    yield Step(
        "predict",
        partial(predict_served, slices, chain.at("exported"), predictions, "--splits", chain.splits, "--split", "test"),
        (predictions,),
        needs=tuple(f"export-{plane}" for plane in Plane),
        is_apart=True,
    )
    made = (*runs, slices, chain.at("records"), *(chain.at("runs") / region for region in Region), predictions)
    yield Step(
        "evaluate",
        command(
            *("evaluate", "--reference", chain.labels, "--slices", slices, "--splits", chain.splits, "--split", "test"),
            *("--reader", Named(MODEL, predictions / "predictions.csv"), "--out", evaluation),
            *("--dicom", chain.dicom),
            *(word for folder in made for word in ("--run", folder)),
            experiment=chain.experiment,
        ),
        (evaluation,),
        needs=("predict",),
        sections=("evaluation",),
        is_apart=True,
    )
    yield Step(
        "explain",
        partial(
            explain,
            GradersToExplain(model=chain.at("exported")),
            slices,
            predictions / "predictions.csv",
            chain.at("explained"),
            ExplainOptions(chain.experiment),
        ),
        (chain.at("explained"),),
        needs=("predict",),
        sections=("explain",),
        is_apart=True,
    )
    yield report_step(
        chain,
        *("--evaluation", evaluation, "--explained", chain.at("explained")),
        needs=("evaluate", "explain"),
    )


def report_step(chain: Chain, *more: str | Path, needs: tuple[str, ...]) -> Step:
    """Return the step that writes the page."""
    page = chain.at("report.html")
    return Step(
        "report",
        command(
            "report",
            *("--predictions", chain.at("predictions"), "--slices", chain.at("slices"), *more),
            *("--out", page, *(("--notice", chain.notice) if chain.notice else ())),
            *(("--title", chain.title) if chain.title else ()),
        ),
        (page,),
        needs=needs,
        is_apart=True,
    )
