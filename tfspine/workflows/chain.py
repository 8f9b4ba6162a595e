"""The steps from DICOM to a report, in the order of the data, which the demo and `tfspine run` share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tfspine.config import Experiment, Precision
from tfspine.formats.problems_csv import PROBLEMS_FILE
from tfspine.labels import Plane, Region
from tfspine.signatures import MODEL_NAMES
from tfspine.workflows.check import require_sound_labels
from tfspine.workflows.evaluate import evaluate
from tfspine.workflows.evaluation.inputs import EvaluateInputs
from tfspine.workflows.exclude import ExcludeOptions, exclude
from tfspine.workflows.explain import ExplainOptions, explain
from tfspine.workflows.explained_graders import GradersToExplain
from tfspine.workflows.export import ExportOptions, export
from tfspine.workflows.ingest import IngestOptions, ingest
from tfspine.workflows.local_server import predict_served
from tfspine.workflows.predict import PredictOptions
from tfspine.workflows.records import RecordsInputs, make_records
from tfspine.workflows.report import ReportOptions, report
from tfspine.workflows.salts import SaltChoice
from tfspine.workflows.split import SplitOptions, split
from tfspine.workflows.steps import Step
from tfspine.workflows.train import DetectorOptions, GraderOptions, train_detector, train_grader

MODEL = "tfspine"
"""The name of the trained model in tables."""


@dataclass(frozen=True)
class Chain:
    """Paths and options of the steps of one chain; all outputs are in `out`."""

    out: Path
    experiment: Experiment
    dicom: Path
    labels: Path
    splits: Path
    salt: Path | None = None
    series_map: Path | None = None
    notice: str | None = None
    title: str | None = None

    def at(self, name: str) -> Path:
        """Return the path of an output."""
        return self.out / name


def ingest_step(chain: Chain, *, suffix: str = "", needs: tuple[str, ...] = ()) -> Step:
    """Return the step from DICOM to slices."""
    options = IngestOptions(
        salt=SaltChoice(chain.salt), series_map=chain.series_map, workers=chain.experiment.phantom.workers
    )
    slices = chain.at("slices")
    return Step(f"ingest{suffix}", partial(ingest, chain.dicom, slices, options), (slices,), needs=needs)


def label_steps(chain: Chain, *, is_divided: bool = True, has_exclusions: bool = False) -> Iterator[Step]:
    """Yield the steps from slices and labels to records: check, exclude if wanted, and split if there is no split."""
    yield check_step(chain)
    if has_exclusions:
        yield exclude_step(chain)
    if is_divided:
        yield split_step(chain, exclusions=chain.at("excluded") if has_exclusions else None)
    yield records_step(chain, needs=("check", "split") if is_divided else ("check",))


def check_step(chain: Chain, *, suffix: str = "") -> Step:
    """Return the step that stops the chain at an invalid label."""
    problems = chain.at(PROBLEMS_FILE)
    check = partial(require_sound_labels, chain.labels, chain.at("slices"), problems)
    return Step(f"check{suffix}", check, (problems,), needs=(f"ingest{suffix}",))


def exclude_step(chain: Chain, *, suffix: str = "") -> Step:
    """Return the step that decides which studies are excluded."""
    excluded, experiment = chain.at("excluded"), chain.experiment
    options = ExcludeOptions(labels=chain.labels, workers=experiment.phantom.workers, experiment=experiment)
    return Step(
        f"exclude{suffix}",
        partial(exclude, chain.at("slices"), excluded, options),
        (excluded,),
        needs=(f"check{suffix}",),
        sections=("exclusions",),
    )


def split_step(chain: Chain, *, exclusions: Path | None) -> Step:
    """Return the step that divides the patients."""
    options = SplitOptions(exclusions=exclusions, experiment=chain.experiment)
    needs = ("exclude",) if exclusions else ("ingest",)
    divide = partial(split, chain.at("slices"), chain.splits, options)
    return Step("split", divide, (chain.splits,), needs=needs, sections=("split",))


def records_step(chain: Chain, *, needs: tuple[str, ...]) -> Step:
    """Return the step that writes the records of both planes."""
    records = chain.at("records")
    inputs = RecordsInputs(chain.at("slices"), chain.labels, chain.splits)
    write = partial(make_records, inputs, records, chain.experiment)
    return Step("records", write, (records,), needs=needs, sections=("records",), is_apart=True)


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
    """Yield the trainings of detectors; each starts from the weights of the one before it."""
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
    """Return the settings that an export needs for its operating point, as for ``--set``.

    Without them the export would use the settings that the detector was trained with.
    """
    evaluation = experiment.evaluation
    return (
        f"evaluation.iou={evaluation.iou!r}",
        f"evaluation.false_boxes_per_image={evaluation.false_boxes_per_image!r}",
    )


def reading_steps(chain: Chain, *, runs: Sequence[Path] = ()) -> Iterator[Step]:
    """Yield the steps after the SavedModels: the test studies are read, evaluated, explained and reported.

    Args:
        chain: paths and experiment.
        runs: folders of earlier steps, whose manifests are used for the checklists and the model card.
    """
    from tfspine.formats.boxes_csv import PREDICTIONS_FILE

    slices, predictions, evaluation = chain.at("slices"), chain.at("predictions"), chain.at("evaluation")
    options = PredictOptions(splits=chain.splits, split="test")
    yield Step(
        "predict",
        partial(predict_served, slices, chain.at("exported"), predictions, options),
        (predictions,),
        needs=tuple(f"export-{plane}" for plane in Plane),
    )
    made = (*runs, slices, chain.at("records"), *(chain.at("runs") / region for region in Region), predictions)
    inputs = EvaluateInputs(
        reference=chain.labels,
        readers={MODEL: predictions / PREDICTIONS_FILE},
        slices=slices,
        splits=chain.splits,
        split="test",
        dicom=(chain.dicom,),
        runs=made,
    )
    yield Step(
        "evaluate",
        partial(evaluate, inputs, evaluation, chain.experiment),
        (evaluation,),
        needs=("predict",),
        sections=("evaluation",),
    )
    yield Step(
        "explain",
        partial(
            explain,
            GradersToExplain(model=chain.at("exported")),
            slices,
            predictions / PREDICTIONS_FILE,
            chain.at("explained"),
            ExplainOptions(chain.experiment),
        ),
        (chain.at("explained"),),
        needs=("predict",),
        sections=("explain",),
        is_apart=True,
    )
    shown = ReportOptions(evaluation=evaluation, explained=chain.at("explained"))
    yield report_step(chain, shown, needs=("evaluate", "explain"))


def report_step(chain: Chain, options: ReportOptions, *, needs: tuple[str, ...]) -> Step:
    """Return the step that writes the HTML page."""
    page = chain.at("report.html")
    options = replace(options, title=chain.title, notice=chain.notice)
    return Step(
        "report", partial(report, chain.at("predictions"), chain.at("slices"), page, options), (page,), needs=needs
    )
