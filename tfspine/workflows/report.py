"""Writes one HTML page with studies, measures and heatmaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import EvaluationError
from tfspine.formats.metrics_json import read_metrics, read_result

if TYPE_CHECKING:
    from tfspine.report.content import Heatmap
    from tfspine.report.measures import RegionGradeRow
    from tfspine.structures import StudyResult

SHOWN_STUDIES = 5


@dataclass(frozen=True)
class ReportOptions:
    """What a page shows in addition to the studies, and how.

    Attributes:
        evaluation: folder that `evaluate` wrote, for its measures.
        explained: folder that `explain` wrote, for its heatmaps.
        studies: number of studies to draw, the most severe first; ignored if `only` names any.
        only: pseudonyms of the studies to show; others and their heatmaps are left out.
        title: heading of the page; None: the usual one.
        notice: text of the banner; None: the usual one.
        force: replace a file that this workflow did not write.
    """

    evaluation: Path | None = None
    explained: Path | None = None
    studies: int = SHOWN_STUDIES
    only: tuple[str, ...] = ()
    title: str | None = None
    notice: str | None = None
    force: bool = False


@dataclass(frozen=True)
class ReportSummary:
    """What was written: the page, the numbers of drawn and of all studies, and its size in bytes."""

    file: Path
    drawn: int
    studies: int
    size: int


def report(predictions: Path, slices: Path, out: Path, options: ReportOptions = ReportOptions()) -> ReportSummary:
    """Collect the data, render the page and write it.

    Args:
        predictions: folder that `predict` wrote.
        slices: folder that `ingest` wrote.
        out: HTML file to write.
        options: what else is shown, and how.

    Raises:
        EvaluationError: a folder is of the wrong kind, or a requested study does not exist.
        OutputError: `out` exists and was written by something else.
    """
    from tfspine.dicom.slices import load_slices
    from tfspine.formats.boxes_csv import PREDICTIONS_FILE, read_boxes
    from tfspine.formats.study_json import read_study_files
    from tfspine.manifest import write_file
    from tfspine.ownership import require_file
    from tfspine.report.facts import run_facts
    from tfspine.report.page import NOTICE, TITLE, ReportInput, render_page

    evaluation, explained = options.evaluation, options.explained
    folders = [path for path in (slices, predictions, evaluation, explained) if path is not None]
    require_file(out, command="report", inputs=folders, force=options.force)
    studies = _chosen(read_study_files(predictions), options.only, predictions)
    names = {study.study for study in studies}
    images = load_slices(slices, studies=names)
    heatmaps = _heatmaps(explained, {slice_.key: slice_.study for slice_ in images}) if explained else []
    content = ReportInput(
        studies=studies,
        predictions=read_boxes(predictions / PREDICTIONS_FILE),
        slices={slice_.key: slice_ for slice_ in images},
        metrics=read_metrics(evaluation) if evaluation else None,
        heatmaps=[item for item in heatmaps if item.study in names or not options.only],
        facts=run_facts(folders),
        region_grades=_region_grades(evaluation) if evaluation else [],
    )
    shown = len(studies) if options.only else options.studies
    page = render_page(content, maximum_studies=shown, title=options.title or TITLE, notice=options.notice or NOTICE)
    write_file(out, page, command="report", inputs=folders, force=options.force)
    return ReportSummary(out, min(shown, len(studies)), len(studies), len(page))


def _chosen(studies: "list[StudyResult]", only: Sequence[str], predictions: Path) -> "list[StudyResult]":
    """Return the requested studies, in their order; all if none is given."""
    if not only:
        return studies
    by_name = {study.study: study for study in studies}
    for name in only:
        if name not in by_name:
            raise EvaluationError(f"{predictions}: no study {name}; expected one of {', '.join(by_name)}")
    return [by_name[name] for name in only]


def _region_grades(evaluation: Path) -> "list[RegionGradeRow]":
    """Return the measures of levels and sides; none if the labels have no levels."""
    from tfspine.report.measures import region_grade_rows

    agreement, accuracy = (read_result(evaluation, name) for name in ("regions", "regions_accuracy"))
    if agreement is None or accuracy is None:
        return []
    return region_grade_rows(read_metrics(evaluation), agreement.rows, accuracy.rows)


def _heatmaps(folder: Path, studies: Mapping[str, str]) -> "list[Heatmap]":
    """Return the heatmaps. A slice of a study that was not predicted has its key shown instead of a study."""
    from tfspine.formats.heatmaps_csv import read_heatmaps
    from tfspine.report.content import Heatmap

    return [
        Heatmap(
            picture=row.file,
            region=row.region,
            side=row.side,
            level=row.level,
            study=studies.get(row.slice_key, row.slice_key),
            grade=row.grade,
            probability=row.probability,
            completeness_gap=row.completeness_gap,
        )
        for row in read_heatmaps(folder)
    ]
