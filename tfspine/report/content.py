"""What stands in the report, gathered from studies, predictions, metrics, heatmaps and manifests; no markup yet."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.evaluation.bands import landis_koch
from tfspine.evaluation.tables import DASH, REGION_TITLES, estimate_from_dict, format_estimate, format_percent
from tfspine.labels import LEVELS, Grade, Level, Plane, Region, Side
from tfspine.structures import RegionResult, StudyResult

COLUMNS: tuple[tuple[Region, Side | None], ...] = (
    (Region.NEURAL_FORAMEN, Side.RIGHT),
    (Region.LATERAL_RECESS, Side.RIGHT),
    (Region.CENTRAL_CANAL, None),
    (Region.LATERAL_RECESS, Side.LEFT),
    (Region.NEURAL_FORAMEN, Side.LEFT),
)
"""Columns of a study's table, as one sees the patient on an axial slice: the right at the left."""

Cells = Mapping[tuple[Level, Region, Side | None], RegionResult]


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
    recall: str
    agreement_four: str
    band_four: str
    agreement_two: str
    band_two: str
    sensitivity: str
    specificity: str
    end_to_end_sensitivity: str


def most_severe_first(studies: Sequence[StudyResult]) -> list[StudyResult]:
    """Order studies by how many regions are severe, then moderate, then mild; of equals by name."""

    def rank(study: StudyResult) -> tuple[int, int, int, str]:
        severe, moderate, mild = (count_grade(study, grade) for grade in (Grade.SEVERE, Grade.MODERATE, Grade.MILD))
        return -severe, -moderate, -mild, study.study

    return sorted(studies, key=rank)


def count_grade(study: StudyResult, grade: Grade | None) -> int:
    """Return how many regions of a study have a grade; None counts those not found."""
    return sum(row.grade is grade for row in study.rows)


def cells(study: StudyResult) -> Cells:
    """Return the rows of a study by level, region and side."""
    return {(row.level, row.region, row.side): row for row in study.rows}


def axial_keys(study: StudyResult) -> dict[Level, str | None]:
    """Return for each level the slice of its most severe canal or recess; None where neither was found."""
    keys: dict[Level, str | None] = {}
    for level in LEVELS:
        rows = [row for row in study.rows if row.level is level and row.region.plane is Plane.AXIAL]
        worst = _worst(rows)
        keys[level] = worst.slice_key if worst else None
    return keys


def sagittal_keys(study: StudyResult) -> dict[Side, str | None]:
    """Return for each side the slice of the most severe foramen; None where none was found."""
    keys: dict[Side, str | None] = {}
    for side in (Side.RIGHT, Side.LEFT):
        rows = [row for row in study.rows if row.region is Region.NEURAL_FORAMEN and row.side is side]
        worst = _worst(rows)
        keys[side] = worst.slice_key if worst else None
    return keys


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


def format_gap(gap: float) -> str:
    """Write a completeness gap in per cent."""
    return f"{100 * gap:.1f}\u00a0%" if math.isfinite(gap) else "undefined"


def _worst(rows: Sequence[RegionResult]) -> RegionResult | None:
    """Return the most severe row that was found; of equals the most certain, then the first."""
    found = [row for row in rows if row.grade is not None and row.slice_key is not None]
    return max(found, key=lambda row: (row.grade or 0, row.probability or 0.0), default=None)
