"""The public functions for notebooks and services: one function for each task, each with an example that runs.

The examples build on one another, from simulated patients to heatmaps. Their networks are tiny and trained for
seconds, so their results mean nothing. Invalid input raises a `TfspineError` with a message of one line. These
functions call `tfspine.workflows`, which offers further options.
"""

import tempfile
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.config import Experiment
from tfspine.labels import Plane, Region
from tfspine.project_files import own_or_project_file

if TYPE_CHECKING:
    from tfspine.client import Predictor
    from tfspine.workflows.evaluate import Evaluation
    from tfspine.workflows.explain import ExplainSummary
    from tfspine.workflows.export import ExportSummary
    from tfspine.workflows.ingest import IngestSummary
    from tfspine.workflows.phantom import Simulated
    from tfspine.workflows.read_studies import StudyReadings
    from tfspine.workflows.records import RecordsSummary
    from tfspine.workflows.train import TrainedRun

AnyPath = str | PathLike[str]


def load_experiment(path: AnyPath | None = None, *settings: str) -> Experiment:
    """Read an experiment: your own TOML file or one that is included in the package, with settings on top.

    Args:
        path: the file; None means the defaults, which are the paper's values.
        settings: overrides such as ``grader.epochs=20``.

    Example:
        >>> import tfspine
        >>> experiment = tfspine.load_experiment("experiments/demo_quick.toml", "phantom.studies=10")
        >>> experiment.phantom.studies, experiment.seed
        (10, 1)
    """
    from tfspine import experiment_file

    return experiment_file.load_experiment(None if path is None else own_or_project_file(str(path)), settings)


def simulate(out: AnyPath, experiment: Experiment) -> "Simulated":
    """Simulate studies with known truth: `dicom/`, `labels/`, `grades.csv`, and simulated readers.

    Args:
        out: folder to write.
        experiment: `[phantom]` and the seed.

    Example:
        >>> tfspine.simulate("phantom", experiment).studies
        10
    """
    from tfspine.workflows import phantom

    return phantom.simulate(Path(out), experiment)


def ingest(dicom: AnyPath, out: AnyPath, *, series_map: AnyPath | None = None, workers: int = 1) -> "IngestSummary":
    """Turn DICOM studies into windowed slices: `slices/*.png`, `slices.csv`, and `refused.csv` with reasons.

    Args:
        dicom: folder with DICOM files at any depth and with any file names, zip archive, or DICOMDIR.
        out: folder to write.
        series_map: CSV that states what each series is used for, to override the automatic choice.
        workers: number of parallel processes.

    Raises:
        DicomError: no study can be used.

    Example:
        >>> tfspine.ingest("phantom/dicom", "slices", workers=2).studies
        10
    """
    from tfspine.workflows import ingest as workflow

    options = workflow.IngestOptions(series_map=None if series_map is None else Path(series_map), workers=workers)
    return workflow.ingest(Path(dicom), Path(out), options)


def make_records(
    slices: AnyPath, labels: AnyPath, out: AnyPath, experiment: Experiment, *, splits: AnyPath | None = None
) -> "RecordsSummary":
    """Write TFRecords of labelled slices; every patient is in exactly one of training, validation and test.

    Args:
        slices: folder that `ingest` wrote.
        labels: folder of LabelImg XML files, one per slice.
        out: folder to write.
        experiment: `[records]`, and `[split]` if there are no splits yet.
        splits: table of patient, study, split; None: `splits.csv` beside `out`, created if it is missing.

    Raises:
        AnnotationError: a label has an error that ``tfspine check`` reports, or there are too few patients.

    Example:
        >>> made = tfspine.make_records("slices", "phantom/labels", "records", experiment)
        >>> sorted(made.images["axial"])
        ['test', 'train', 'validation']
    """
    from tfspine.formats.splits_csv import SPLITS_FILE
    from tfspine.workflows import records, split

    table = Path(out).with_name(SPLITS_FILE) if splits is None else Path(splits)
    if splits is None and not table.exists():
        split.split(Path(slices), table, split.SplitOptions(experiment=experiment))
    return records.make_records(records.RecordsInputs(Path(slices), Path(labels), table), Path(out), experiment)


def train_detector(records: AnyPath, out: AnyPath, *, plane: str, experiment: Experiment) -> "TrainedRun":
    """Train the Faster R-CNN of one plane, or continue an interrupted run.

    Args:
        records: folder that `make_records` wrote.
        out: run folder.
        plane: ``axial`` (canal and recesses) or ``sagittal`` (foramina).
        experiment: `[detector]`, `[training]` and `[overrides]`.

    Example:
        >>> for plane in ("axial", "sagittal"):
        ...     _ = tfspine.train_detector("records", f"runs/{plane}", plane=plane, experiment=experiment)
    """
    from tfspine.workflows import train

    return train.train_detector(Path(records), Path(out), train.DetectorOptions(Plane(plane), experiment))


def train_grader(records: AnyPath, out: AnyPath, *, region: str, experiment: Experiment) -> "TrainedRun":
    """Train the grader of one region, or continue an interrupted run.

    Args:
        records: folder that `make_records` wrote.
        out: run folder.
        region: ``central_canal``, ``lateral_recess`` or ``neural_foramen``.
        experiment: `[grader]` and `[training]`.

    Example:
        >>> for region in ("central_canal", "lateral_recess", "neural_foramen"):
        ...     _ = tfspine.train_grader("records", f"runs/{region}", region=region, experiment=experiment)
    """
    from tfspine.workflows import train

    return train.train_grader(Path(records), Path(out), train.GraderOptions(Region(region), experiment))


def export(detector: AnyPath, graders: Sequence[AnyPath], slices: AnyPath, out: AnyPath) -> "ExportSummary":
    """Write one plane's detector and graders as the next version of a SavedModel, and verify it.

    To choose the score threshold of the boxes on the validation studies, use ``tfspine export --labels --splits``.

    Args:
        detector: run folder of the plane's detector.
        graders: run folders of its graders.
        slices: folder that `ingest` wrote; the export is verified on some of its slices.
        out: folder of exports, with a folder for each model.

    Raises:
        ModelError: the runs do not belong together, or the export gives other results than the networks in memory.

    Example:
        >>> axial = ["runs/central_canal", "runs/lateral_recess"]
        >>> tfspine.export("runs/axial", axial, "slices", "exported").model
        'tfspine_axial'
        >>> tfspine.export("runs/sagittal", ["runs/neural_foramen"], "slices", "exported").version
        1
    """
    from tfspine.workflows import export as workflow

    return workflow.export(Path(detector), list(map(Path, graders)), Path(slices), Path(out))


def connect(url: str, model: str, *, timeout_s: float = 60.0) -> "Predictor":
    """Return a client for one model on a server; it needs no TensorFlow, and nothing is sent yet.

    Args:
        url: ``grpc://host:port``, ``http://host:port`` or ``https://host:port``.
        model: name of the model on the server, such as ``tfspine_axial``.
        timeout_s: how long to wait for an answer, in seconds.

    Example:
        >>> predictor = tfspine.connect("grpc://127.0.0.1:8500", "tfspine_axial")
        >>> hasattr(predictor, "predict")
        True
    """
    from tfspine.client import connect

    return connect(url, model, timeout_s=timeout_s)


def read_studies(
    studies: AnyPath, *, model: AnyPath | None = None, server: str | None = None, slices: AnyPath | None = None
) -> "StudyReadings":
    """Read studies with SavedModels in this process, or through a server: one grade for each level and side.

    Args:
        studies: DICOM, as for `ingest`, or a folder that `ingest` wrote.
        model: folder that `export` wrote; or
        server: ``grpc://host:port``, ``http://host:port`` or ``https://host:port``.
        slices: folder that keeps the slices ingested from DICOM; None: they are deleted afterwards.

    Returns:
        `table` is a pandas table with one row for each level and side of every study; `boxes` has every box.

    Raises:
        ConfigError: neither a model nor a server is given, or both are.
        DicomError: no study can be used.
        ServerError: the models cannot be reached, or their answers are invalid.

    Example:
        >>> readings = tfspine.read_studies("phantom/dicom", model="exported")
        >>> len(readings.table)  # ten studies of 5 canals, 10 recesses and 10 foramina
        250
        >>> list(readings.table.columns[:6])
        ['study', 'level', 'region', 'side', 'grade', 'probability']
    """
    from tfspine.errors import ConfigError
    from tfspine.formats.slices_csv import SLICES_FILE
    from tfspine.workflows import read_studies as workflow

    if (model is None) == (server is None):
        raise ConfigError("read_studies: give either model= (a folder of exports) or server= (its address)")
    options = workflow.ReadingOptions(
        server=server or workflow.DEFAULT_SERVER, model=None if model is None else Path(model)
    )
    if (Path(studies) / SLICES_FILE).is_file():
        return workflow.read_studies(Path(studies), options)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "slices" if slices is None else Path(slices)
        ingest(studies, folder)
        return workflow.read_studies(folder, options)


def evaluate(
    reference: AnyPath,
    readers: Mapping[str, AnyPath],
    out: AnyPath,
    *,
    slices: AnyPath | None = None,
    experiment: Experiment | None = None,
) -> "Evaluation":
    """Compare readers with a reference: agreement, sensitivity and specificity, with patient-level intervals.

    Args:
        reference: table of boxes, or a folder of LabelImg XML files.
        readers: the same for each reader, by name; all others are compared with the first.
        out: folder to write.
        slices: folder that `ingest` wrote; needed with folders of labels.
        experiment: `[evaluation]` and the seed; None means the defaults.

    Returns:
        `table("regions")` and so on are unrounded pandas tables; `summary` is what ``tfspine evaluate`` prints.

    Example:
        >>> readers = {"radiologist": "phantom/readers/radiologist_1"}
        >>> evaluated = tfspine.evaluate("phantom/labels", readers, "evaluated", slices="slices", experiment=experiment)
        >>> list(evaluated.table("regions")["regions"])  # levels and sides of ten patients
        [50, 100, 100]
    """
    from tfspine.workflows import evaluate as workflow
    from tfspine.workflows.evaluation.inputs import EvaluateInputs

    inputs = EvaluateInputs(
        Path(reference),
        {name: Path(path) for name, path in readers.items()},
        slices=None if slices is None else Path(slices),
    )
    return workflow.evaluate(inputs, Path(out), experiment or Experiment())


def explain(
    model: AnyPath, slices: AnyPath, boxes: AnyPath, out: AnyPath, *, experiment: Experiment | None = None
) -> "ExplainSummary":
    """Draw Integrated Gradients heatmaps of graded boxes, computed on the same function that graded them.

    Args:
        model: folder that `export` wrote.
        slices: folder that `ingest` wrote.
        boxes: table of boxes to choose from, such as `predictions.csv`.
        out: folder to write.
        experiment: `[explain]`; None means the defaults.

    Example:
        >>> readings = tfspine.read_studies("slices", model="exported")
        >>> readings.boxes.to_csv("boxes.csv", index=False)
        >>> explained = tfspine.explain("exported", "slices", "boxes.csv", "explained", experiment=experiment)
        >>> explained.folder.name
        'explained'
    """
    from tfspine.workflows import explain as workflow
    from tfspine.workflows.explained_graders import GradersToExplain

    options = workflow.ExplainOptions(experiment or Experiment())
    return workflow.explain(GradersToExplain(Path(model)), Path(slices), Path(boxes), Path(out), options)
