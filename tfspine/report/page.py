"""The page a radiologist opens: one HTML file with everything inside, readable from disk and printable."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tfspine.evaluation.tables import REGION_TITLES
from tfspine.explain.integrated_gradients import LARGEST_GAP
from tfspine.explain.overlay import color_bar
from tfspine.labels import GRADE_WORDS, GRADES, LEVELS, Grade, Level, Region, Side
from tfspine.report.content import (
    COLUMNS,
    Heatmap,
    axial_keys,
    cells,
    count_grade,
    format_gap,
    measure_rows,
    most_severe_first,
    sagittal_keys,
)
from tfspine.report.slice_figures import DrawnBox, edge_letters, png_uri, slice_figure
from tfspine.structures import RegionResult, SliceImage, StudyResult

TITLE = "Lumbar spine MRI: stenosis report"
NOTICE = "Research software, not a medical device. Not for diagnosis or treatment."


@dataclass(frozen=True)
class ReportInput:
    """All that the page is made of.

    `predictions` has `structures.BOX_COLUMNS`; `slices` holds at least the slices that the studies name; `metrics`
    is the content of `metrics.json` or None; `facts` are pairs of a name and a text.
    """

    studies: Sequence[StudyResult]
    predictions: pd.DataFrame
    slices: Mapping[str, SliceImage]
    metrics: Mapping[str, Any] | None
    heatmaps: Sequence[Heatmap]
    facts: Sequence[tuple[str, str]]


def render_page(content: ReportInput, *, maximum_studies: int, title: str = TITLE, notice: str = NOTICE) -> str:
    """Return the page as HTML.

    Args:
        content: what it shows; all text in it is escaped.
        maximum_studies: how many studies are drawn, the most severe first; the page says how many there are.
        title: heading of the page.
        notice: what stands in the banner under it.
    """
    ordered = most_severe_first(content.studies)
    environment = Environment(
        loader=PackageLoader("tfspine.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html").render(
        title=title,
        notice=notice,
        facts=content.facts,
        measures=measure_rows(content.metrics) if content.metrics else [],
        iou=content.metrics["iou"] if content.metrics else None,
        confidence=content.metrics["confidence"] if content.metrics else None,
        grade_words=GRADE_WORDS,
        studies=[_study(study, content) for study in ordered[:maximum_studies]],
        study_count=len(ordered),
        heatmap_groups=_heatmap_groups(content.heatmaps),
        color_bar=png_uri(color_bar(160, 10)),
        largest_gap=format_gap(LARGEST_GAP),
    )


def _study(study: StudyResult, content: ReportInput) -> dict[str, Any]:
    """Return one study for the template: table, figures and counts."""
    rows = cells(study)
    table = [
        {"level": _named(level, study), "cells": [_cell(rows.get((level, region, side))) for region, side in COLUMNS]}
        for level in LEVELS
    ]
    axial = axial_keys(study)
    return {
        "name": study.study,
        "level_doubt": study.level_doubt,
        "found": len(study.rows) - count_grade(study, None),
        "regions": len(study.rows),
        "counts": [(grade.word, count_grade(study, grade)) for grade in reversed(GRADES)],
        "missing": count_grade(study, None),
        "table": table,
        "axial": [
            {"caption": _named(level, study), **_figure(axial[level], f"axial, {_named(level, study)}", content)}
            for level in LEVELS
        ],
        "sagittal": [
            {"caption": f"{side.value.title()} foramina", **_figure(key, f"sagittal, {side}", content)}
            for side, key in sagittal_keys(study).items()
        ],
    }


def _named(level: Level, study: StudyResult) -> str:
    """Return a level as it is shown: with a question mark in a study whose levels may be miscounted."""
    return f"{level}?" if study.level_doubt else str(level)


def _cell(row: RegionResult | None) -> dict[str, str]:
    """Return a table cell. A region that was not found says so; it is never shown as normal."""
    if row is None or row.grade is None:
        return {"grade": "missing", "text": "not found", "probability": ""}
    probability = "" if row.probability is None else f"{row.probability:.0%}"
    return {"grade": row.grade.word, "text": row.grade.word, "probability": probability}


def _figure(key: str | None, title: str, content: ReportInput) -> dict[str, Any]:
    """Return the drawing of a slice with all its boxes, or none."""
    slice_ = content.slices.get(key) if key else None
    if slice_ is None:
        return {"key": None, "svg": Markup("")}
    table = content.predictions
    boxes = [_drawn(row, slice_) for _, row in table[table["slice"] == slice_.key].iterrows() if row["grade"]]
    return {"key": slice_.key, "svg": slice_figure(slice_, boxes, title=f"{title}: slice {slice_.key}")}


def _drawn(row: "pd.Series[Any]", slice_: SliceImage) -> DrawnBox:
    return DrawnBox(
        box=(float(row["ymin"]), float(row["xmin"]), float(row["ymax"]), float(row["xmax"])),
        grade=Grade[row["grade"].upper()],
        probability=float(row[f"p_{row['grade']}"]),
        text_side=_text_side(Region(row["region"]), row["side"], slice_),
    )


def _text_side(region: Region, side: str, slice_: SliceImage) -> str:
    """Return where words do not cover a neighbour: canal below, recesses outwards, foramina towards the front.

    The patient's right lies at the image's left in radiological display, and the front at the left of a sagittal
    slice; the geometry decides, not the habit.
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
