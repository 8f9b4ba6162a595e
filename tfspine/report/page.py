"""The report page for radiologists: one self-contained HTML file, readable from disk and printable."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tfspine.attribution.integrated_gradients import LARGEST_GAP
from tfspine.attribution.overlay import color_bar
from tfspine.colors import GRADE_COLORS, OUTLINE
from tfspine.evaluation.tables.table import REGION_TITLES
from tfspine.labels import GRADE_WORDS, GRADES, LEVELS, Level, Region, Side
from tfspine.report.content import (
    COLUMNS,
    Heatmap,
    cells,
    count_grade,
    doubt_warning,
    format_gap,
    most_severe_first,
    unsure_heatmaps,
)
from tfspine.report.findings import Finding, JudgedStudy, judge_study, operating_points, own_points
from tfspine.report.measures import RegionGradeRow, measure_rows
from tfspine.report.slice_figures import FigureBox, edge_letters, png_uri, slice_figure
from tfspine.structures import SliceImage, StudyResult

TITLE = "Lumbar spine MRI: stenosis report"
SHORT_NAMES: dict[Region, str] = {
    Region.CENTRAL_CANAL: "canal",
    Region.LATERAL_RECESS: "recess",
    Region.NEURAL_FORAMEN: "foramen",
}
NOTICE = "Research software, not a medical device. Not for diagnosis or treatment."


@dataclass(frozen=True)
class ReportInput:
    """All that the page is made of.

    `predictions` has `boxes_csv.BOX_COLUMNS`; `slices` holds at least the slices that the studies name; `metrics`
    is the content of `metrics.json` or None; `facts` are pairs of a name and a text; `region_grades` are the measures
    of one grade for each level and side.
    """

    studies: Sequence[StudyResult]
    predictions: pd.DataFrame
    slices: Mapping[str, SliceImage]
    metrics: Mapping[str, Any] | None
    heatmaps: Sequence[Heatmap]
    facts: Sequence[tuple[str, str]]
    region_grades: Sequence[RegionGradeRow] = ()


def render_page(content: ReportInput, *, maximum_studies: int, title: str = TITLE, notice: str = NOTICE) -> str:
    """Return the page as HTML.

    Args:
        content: what it shows; all text in it is escaped.
        maximum_studies: how many studies are drawn, the most severe first; the page says how many there are.
        title: heading of the page.
        notice: text of the banner under the heading.
    """
    judged = [judge_study(study, content.predictions, content.slices) for study in content.studies]
    ordered = most_severe_first(judged)
    unsure = unsure_heatmaps(content.heatmaps, judged)
    environment = Environment(
        loader=PackageLoader("tfspine.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html").render(
        title=title,
        notice=notice,
        facts=content.facts,
        region_grades=content.region_grades,
        measures=measure_rows(content.metrics) if content.metrics else [],
        iou=content.metrics["iou"] if content.metrics else None,
        confidence=content.metrics["confidence"] if content.metrics else None,
        grade_words=GRADE_WORDS,
        colors={grade.word: color for grade, color in GRADE_COLORS.items()},
        outline=OUTLINE,
        doubt=doubt_warning(judged),
        points=_points(content.predictions),
        studies=[_study(study, content) for study in ordered[:maximum_studies]],
        study_count=len(ordered),
        heatmap_groups=_heatmap_groups([item for item in content.heatmaps if item not in unsure]),
        unsure_heatmaps=len(unsure),
        color_bar=png_uri(color_bar(160, 10)),
        largest_gap=format_gap(LARGEST_GAP),
    )


def _points(predictions: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the operating point of each kind of region as text, with a remark if the model has none of its own."""
    own = own_points(predictions)
    return [
        (REGION_TITLES[region], _score_text(point) + ("" if region in own else ", the paper’s, as the model has none"))
        for region, point in operating_points(predictions).items()
    ]


def _study(judged: JudgedStudy, content: ReportInput) -> dict[str, Any]:
    """Return one study for the template: table, pictures and counts."""
    study = judged.study
    found = cells(judged)
    rows = [
        (level, [(_place_name(region, side), found.get((level, region, side))) for region, side in COLUMNS])
        for level in LEVELS
    ]
    return {
        "name": study.study,
        "level_doubt": study.level_doubt,
        "doubts": judged.doubts,
        "found": sum(item.is_graded for item in judged.findings),
        "regions": len(judged.findings),
        "counts": [(grade.word, count_grade(judged, grade)) for grade in reversed(GRADES)],
        "unsure": sum(item.is_unsure for item in judged.findings),
        "missing": sum(item.row.grade is None for item in judged.findings),
        "table": [
            {"level": _named(level, study), "cells": [{"place": name} | _cell(item) for name, item in row]}
            for level, row in rows
        ],
        "pictures": [
            {
                "level": _named(level, study),
                "figures": [_figure(item, name, study, content) for name, item in row if item and item.is_graded],
            }
            for level, row in rows
        ],
    }


def _named(level: Level, study: StudyResult) -> str:
    """Return a level as it is shown: with a question mark in a study whose levels may be miscounted."""
    return f"{level}?" if study.level_doubt else str(level)


def _place_name(region: Region, side: Side | None) -> str:
    """Return for example ``right recess``, ``canal``."""
    return f"{side} {SHORT_NAMES[region]}" if side else SHORT_NAMES[region]


def _cell(item: Finding | None) -> dict[str, str]:
    """Return a table cell. A region that was not found, or not surely, is marked so and never shown as normal."""
    if item is None or item.row.grade is None:
        return {"grade": "missing", "text": "not found", "probability": "", "score": ""}
    score = f"score {_score_text(item.score)}"
    if item.grade is None:
        return {"grade": "missing", "text": "not sure", "probability": "", "score": score}
    probability = "" if item.row.probability is None else f"{item.row.probability:.0%}"
    return {"grade": item.grade.word, "text": item.grade.word, "probability": probability, "score": score}


def _score_text(score: float | None) -> str:
    return "unknown" if score is None else f"{score:.2f}"


def _figure(item: Finding, name: str, study: StudyResult, content: ReportInput) -> dict[str, Any]:
    """Return the drawing of the slice that graded a region, with only the box that graded it."""
    row, cell = item.row, _cell(item)
    slice_ = content.slices.get(row.slice_key) if row.slice_key else None
    svg = Markup("")
    if slice_ is not None and row.box is not None and item.grade is not None:
        side = _text_side(row.region, row.side or "", slice_)
        box = FigureBox(row.box, item.grade, row.probability or 0.0, side)
        title = f"{_named(row.level, study)}, {name}, {item.grade.word}: slice {slice_.key}"
        svg = slice_figure(slice_, [box], title=title)
    return {"place": name, "key": row.slice_key, "svg": svg, **cell}


def _text_side(region: Region, side: str, slice_: SliceImage) -> str:
    """Return where the text covers no neighbour: canal below, recesses outwards, foramina towards the front.

    In radiological display the patient's right is usually at the image's left, and the front at the left of a sagittal
    slice; the side is computed from the geometry instead of assuming this.
    """
    at_left = edge_letters(slice_.geometry)[0]
    if region is Region.CENTRAL_CANAL:
        return "below"
    if region is Region.LATERAL_RECESS:
        return "left" if side[:1].upper() == at_left else "right"
    return "left" if at_left == "A" else "right"


def _heatmap_groups(heatmaps: Sequence[Heatmap]) -> list[dict[str, Any]]:
    groups = []
    for region in Region:
        shown = [heatmap for heatmap in heatmaps if heatmap.region is region]
        if shown:
            groups.append({"region": REGION_TITLES[region], "heatmaps": [_heatmap(item) for item in shown]})
    return groups


def _heatmap(item: Heatmap) -> dict[str, Any]:
    return {
        "picture": _file_uri(item.picture),
        "place": _place(item.level, item.side),
        "study": item.study,
        "grade": item.grade.word,
        "probability": f"{item.probability:.0%}",
        "gap": format_gap(item.completeness_gap),
        "is_complete": item.completeness_gap <= LARGEST_GAP,
    }


def _place(level: Level | None, side: Side | None) -> str:
    return ", ".join(str(word) for word in (level, side) if word) or "level unknown"


def _file_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
