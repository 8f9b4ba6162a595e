"""``tfspine report``: one HTML page for studies, measures and heatmaps."""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.cli.options import add_force, file_to_write, given, require_count
from tfspine.errors import EvaluationError
from tfspine.labels import Grade, Level, Region, Side

if TYPE_CHECKING:
    from tfspine.report.content import Heatmap
    from tfspine.report.measures import RegionGradeRow
    from tfspine.structures import RegionResult, StudyResult

SHOWN_STUDIES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--predictions", type=Path, required=True, metavar="DIR", help="what tfspine predict wrote")
    parser.add_argument("--slices", type=Path, required=True, metavar="DIR", help="what tfspine ingest wrote")
    parser.add_argument("--evaluation", type=Path, metavar="DIR", help="what tfspine evaluate wrote")
    parser.add_argument("--explained", type=Path, metavar="DIR", help="what tfspine explain wrote")
    parser.add_argument(
        "--out", type=file_to_write("report.html"), default=Path("report.html"), metavar="HTML", help="file to write"
    )
    parser.add_argument(
        "--studies", type=int, default=SHOWN_STUDIES, metavar="N", help="draw the N most severe (%(default)s)"
    )
    add_force(parser)
    parser.add_argument("--title", help="heading of the page")
    parser.add_argument("--notice", help="text of the banner instead of the usual one")


def run(args: argparse.Namespace) -> None:
    """Gather everything, render, write."""
    from tfspine.annotations.tables import read_boxes
    from tfspine.dicom.slices import load_slices
    from tfspine.manifest import write_file
    from tfspine.ownership import require_file
    from tfspine.report.facts import run_facts
    from tfspine.report.page import NOTICE, TITLE, ReportInput, render_page

    require_count(args, "studies")
    folders = given(args.slices, args.predictions, args.evaluation, args.explained)
    require_file(args.out, command="report", inputs=folders, force=args.force)
    studies = _studies(args.predictions)
    slices = load_slices(args.slices, studies={study.study for study in studies})
    content = ReportInput(
        studies=studies,
        predictions=read_boxes(args.predictions / "predictions.csv"),
        slices={slice_.key: slice_ for slice_ in slices},
        metrics=_read_json(args.evaluation / "metrics.json", "tfspine evaluate") if args.evaluation else None,
        heatmaps=_heatmaps(args.explained, {slice_.key: slice_.study for slice_ in slices}) if args.explained else [],
        facts=run_facts(folders),
        region_grades=_region_grades(args.evaluation) if args.evaluation else [],
    )
    page = render_page(content, maximum_studies=args.studies, title=args.title or TITLE, notice=args.notice or NOTICE)
    write_file(args.out, page, command="report", inputs=folders, force=args.force)
    print(f"{args.out}: {min(args.studies, len(studies))} of {len(studies)} studies, {len(page) / 1e6:.1f} MB")


def _studies(predictions: Path) -> "list[StudyResult]":
    from tfspine.structures import StudyResult

    files = sorted((predictions / "studies").glob("*.json"))
    if not files:
        raise EvaluationError(f"{predictions}: no studies/*.json; expected the folder that tfspine predict wrote")
    studies = []
    for path in files:
        content = _read_json(path, "tfspine predict")
        try:
            rows = tuple(_row(row) for row in content["rows"])
            studies.append(StudyResult(content["study"], rows, content.get("level_doubt", "")))
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(f"{path}: not a study of tfspine predict: {error!r}; make it again") from None
    return studies


def _row(row: Mapping[str, Any]) -> "RegionResult":
    from tfspine.structures import RegionResult

    box = row["box"]
    return RegionResult(
        region=Region(row["region"]),
        side=Side(row["side"]) if row["side"] else None,
        level=Level(row["level"]),
        grade=Grade[row["grade"].upper()] if row["grade"] is not None else None,
        probability=row["probability"],
        slice_key=row["slice_key"],
        box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])) if box is not None else None,
    )


def _region_grades(evaluation: Path) -> "list[RegionGradeRow]":
    """Return the measures of levels and sides; none where nobody named levels."""
    from tfspine.report.measures import region_grade_rows

    tables = [evaluation / f"{name}.json" for name in ("regions", "regions_accuracy")]
    if not all(path.is_file() for path in tables):
        return []
    metrics = _read_json(evaluation / "metrics.json", "tfspine evaluate")
    return region_grade_rows(metrics, *(_read_json(path, "tfspine evaluate")["rows"] for path in tables))


def _heatmaps(folder: Path, studies: Mapping[str, str]) -> "list[Heatmap]":
    """Read `heatmaps.csv`. A slice of a study that was not predicted has its key shown instead of a study."""
    from tfspine.csv_files import read_csv_file
    from tfspine.report.content import Heatmap

    path = folder / "heatmaps.csv"
    if not path.is_file():
        raise EvaluationError(f"{path}: not there; expected the folder that tfspine explain wrote")
    columns = ("slice", "region", "side", "level", "grade", "probability", "file", "completeness_gap")
    return [
        Heatmap(
            picture=_existing(folder / row["file"]),
            region=Region(row["region"]),
            side=Side(row["side"]) if row["side"] else None,
            level=Level(row["level"]) if row["level"] else None,
            study=studies.get(row["slice"], row["slice"]),
            grade=Grade[row["grade"].upper()],
            probability=float(row["probability"]),
            completeness_gap=float(row["completeness_gap"]) if row["completeness_gap"] != "" else math.nan,
        )
        for row in read_csv_file(path, columns).rows
    ]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise EvaluationError(f"{path}: not there, though heatmaps.csv lists it; run tfspine explain again")
    return path


def _read_json(path: Path, maker: str) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise EvaluationError(f"{path}: not readable: {error}; make it with {maker}") from None
