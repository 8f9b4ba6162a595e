"""One file for own data: from DICOM or a PACS to a report, with a training where there are labels.

With labels, the steps are slices, checks, exclusions if wanted, splits, records, trainings, exports, and reading,
evaluation, heatmaps and report of the test studies. Without labels, the model or server in `[serving]` reads the
studies, and the report shows them.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tfspine.config import Experiment
from tfspine.errors import ConfigError
from tfspine.formats.splits_csv import SPLITS_FILE
from tfspine.workflows.chain import (
    Chain,
    ingest_step,
    label_steps,
    reading_steps,
    report_step,
    training_steps,
)
from tfspine.workflows.fetch import Days, fetch_days
from tfspine.workflows.predict import PredictOptions, predict
from tfspine.workflows.read_studies import DEFAULT_SERVER, ReadingOptions
from tfspine.workflows.report import ReportOptions
from tfspine.workflows.samples import samples_of_slices
from tfspine.workflows.steps import Step


def plan(project: Path, out: Path, experiment: Experiment) -> tuple[Step, ...]:
    """Return all steps, in order.

    Args:
        project: the experiment file; relative paths in it start from its folder.
        out: folder for all outputs.
        experiment: the content of the file.

    Raises:
        ConfigError: the file names no data, nothing that reads them, or something that does not exist.
    """
    _require_sound(project, experiment)
    data, folder = experiment.data, project.parent
    fetched = out / "fetched"
    chain = Chain(
        out,
        experiment,
        dicom=folder / data.dicom if data.dicom else fetched / "dicom",
        labels=folder / data.labels,
        salt=folder / data.salt if data.salt else None,
        splits=folder / data.splits if data.splits else out / SPLITS_FILE,
        series_map=folder / data.series_map if data.series_map else None,
    )
    return tuple(_steps(chain, folder))


def _steps(chain: Chain, folder: Path) -> Iterator[Step]:
    data = chain.experiment.data
    if data.pacs:
        yield _fetch_step(chain)
    yield ingest_step(chain, needs=("fetch",) if data.pacs else ())
    yield Step(
        "samples",
        partial(samples_of_slices, chain.at("slices"), chain.at("samples")),
        (chain.at("samples"),),
        needs=("ingest",),
    )
    if not data.labels:
        yield _given_model_step(chain, folder)
        yield report_step(chain, ReportOptions(), needs=("predict",))
        return
    yield from label_steps(chain, is_divided=not data.splits, has_exclusions=data.exclude)
    yield from training_steps(chain)
    yield from reading_steps(chain)


def _require_sound(project: Path, experiment: Experiment) -> None:
    data, serving = experiment.data, experiment.serving
    if not data.dicom and not data.pacs:
        raise ConfigError(f"{project}: no data; give their place in [data]: dicom = FOLDER, or pacs = URL")
    if not data.labels and not serving.server and not serving.model:
        raise ConfigError(
            f"{project}: nothing to read the studies with; give labels = FOLDER in [data] to train on them, or "
            "server = "
            "URL or model = FOLDER in [serving]"
        )
    for key, value in (
        ("data.dicom", data.dicom),
        ("data.labels", data.labels),
        ("data.splits", data.splits),
        ("data.salt", data.salt),
        ("data.series_map", data.series_map),
        ("serving.model", serving.model),
    ):
        if value and not (project.parent / value).exists():
            raise ConfigError(
                f'{project}: {key} = "{value}": not found; paths are relative to {project.parent.resolve()}'
            )


def _fetch_step(chain: Chain) -> Step:
    data = chain.experiment.data
    first, dash, last = data.pacs_date.partition("-")
    days = Days(first, last if dash else first, limit=data.pacs_limit or None)
    out = chain.at("fetched")
    # It continues in its folder, and another call of it removes nothing.
    return Step("fetch", partial(fetch_days, data.pacs, out, days), (out,))


def _given_model_step(chain: Chain, folder: Path) -> Step:
    serving, out = chain.experiment.serving, chain.at("predictions")
    model = folder / serving.model if serving.model else None
    reading = ReadingOptions(server=serving.server or DEFAULT_SERVER, model=model)
    read = partial(predict, chain.at("slices"), out, PredictOptions(reading))
    return Step("predict", read, (out,), needs=("ingest",), is_apart=model is not None)
