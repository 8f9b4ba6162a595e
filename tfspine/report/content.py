"""What stands in the report, gathered from studies, predictions, metrics, heatmaps and manifests; no markup yet."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.evaluation.bands import landis_koch
from tfspine.evaluation.tables import DASH, REGION_TITLES, estimate_from_dict, format_estimate, format_percent
from tfspine.labels import Grade, Level, Region, Side
from tfspine.report.findings import Finding, JudgedStudy

COLUMNS: tuple[tuple[Region, Side | None], ...] = (
    (Region.NEURAL_FORAMEN, Side.RIGHT),
    (Region.LATERAL_RECESS, Side.RIGHT),
    (Region.CENTRAL_CANAL, None),
    (Region.LATERAL_RECESS, Side.LEFT),
    (Region.NEURAL_FORAMEN, Side.LEFT),
)
"""Columns of a study's table, as one sees the patient on an axial slice: the right at the left."""

Cells = Mapping[tuple[Level, Region, Side | None], Finding]


@dataclass(frozen=True)
class Heatmap:
    """One explained crop. `picture` is the PNG; `completeness_gap` is a share, infinite where undefined."""

    picture: Path
    region: Region
    side: Side | None
    level: Level | None
    study: str
    grade: Grade
    probability: float
    completeness_gap: float


@dataclass(frozen=True)
class MeasureRow:
    """One reader and region: numbers as text. Agreement comes with its band in words."""

    reader: str
    region: str
    boxes: int
    studies: str
    recall: str
    agreement_four: str
    band_four: str
    agreement_two: str
    band_two: str
    sensitivity: str
    specificity: str
    end_to_end_sensitivity: str


def most_severe_first(studies: Sequence[JudgedStudy]) -> list[JudgedStudy]:
    """Order studies by how many regions are severe, then moderate, then mild; of equals by name."""

    def rank(study: JudgedStudy) -> tuple[int, int, int, str]:
        severe, moderate, mild = (count_grade(study, grade) for grade in (Grade.SEVERE, Grade.MODERATE, Grade.MILD))
        return -severe, -moderate, -mild, study.study.study

    return sorted(studies, key=rank)


def count_grade(study: JudgedStudy, grade: Grade) -> int:
    """Return how many regions of a study are shown with a grade."""
    return sum(item.grade is grade for item in study.findings)


def cells(study: JudgedStudy) -> Cells:
    """Return the findings of a study by level, region and side."""
    return {(item.row.level, item.row.region, item.row.side): item for item in study.findings}


def most_doubtful(studies: Sequence[JudgedStudy]) -> str:
    """Return a sentence about the studies that are doubted, with the first reason; empty where none is."""
    doubted = [study for study in studies if study.doubts]
    if not doubted:
        return ""
    reason = doubted[0].doubts[0]
    return f"{len(doubted)} of {len(studies)} studies are in doubt. Study {doubted[0].study.study}: {reason}."


def measure_rows(metrics: Mapping[str, Any]) -> list[MeasureRow]:
    """Return the rows of the table of measures from the content of `metrics.json`."""
    rows = []
    for reader, content in metrics["readers"].items():
        for name, region in content["regions"].items():
            at_iou = {found["threshold"]: found["recall"] for found in region["detection"]}
            recall = estimate_from_dict(at_iou.get(metrics["iou"], region["detection"][0]["recall"]))
            four, two = (estimate_from_dict(region[f"agreement_{scale}"]["coefficient"]) for scale in ("four", "two"))
            accuracy = {key: estimate_from_dict(value) for key, value in region["accuracy"].items()}
            rows.append(
                MeasureRow(
                    reader=reader,
                    region=REGION_TITLES[Region(name)],
                    boxes=recall.n,
                    studies=_studies_of(content),
                    recall=format_percent(recall),
                    agreement_four=format_estimate(four),
                    band_four=landis_koch(four.value) or DASH,
                    agreement_two=format_estimate(two),
                    band_two=landis_koch(two.value) or DASH,
                    sensitivity=format_percent(accuracy["sensitivity"]),
                    specificity=format_percent(accuracy["specificity"]),
                    end_to_end_sensitivity=format_percent(accuracy["end_to_end_sensitivity"]),
                )
            )
    return rows


def _studies_of(reader: Mapping[str, Any]) -> str:
    """Return how many studies a reader's coefficients come from, in words; a dash where the metrics do not say."""
    number = reader.get("studies_read", reader.get("studies"))
    return DASH if number is None else f"{number} {'study' if number == 1 else 'studies'}"


def format_gap(gap: float) -> str:
    """Write a completeness gap in per cent."""
    return f"{100 * gap:.1f}\u00a0%" if math.isfinite(gap) else "undefined"
