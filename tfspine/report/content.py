"""The content of the report of studies and heatmaps, without markup."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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


def most_severe_first(studies: Sequence[JudgedStudy]) -> list[JudgedStudy]:
    """Order studies by the number of severe regions, then moderate, then mild; equal ones by name."""

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


def doubt_warning(studies: Sequence[JudgedStudy]) -> str:
    """Return the warning at the head of the page about studies that are in doubt; empty if there are none."""
    doubted = [study for study in studies if study.doubts]
    if not doubted:
        return ""
    first = f"Study {doubted[0].study.study}: {doubted[0].doubts[0]}."
    if 2 * len(doubted) >= len(studies):
        return (
            "Do not trust these grades: the detector is not good enough to be used. "
            f"{len(doubted)} of {len(studies)} studies are in doubt. {first}"
        )
    return (
        f"Do not trust the grades of {len(doubted)} of {len(studies)} studies; the reason is given with each. {first}"
    )


def unsure_heatmaps(heatmaps: Sequence[Heatmap], studies: Sequence[JudgedStudy]) -> list[Heatmap]:
    """Return the heatmaps of regions without a grade to explain, because their box lies below the operating point."""
    unsure = {
        (study.study.study, item.row.region, item.row.side, item.row.level)
        for study in studies
        for item in study.findings
        if item.is_unsure
    }
    return [item for item in heatmaps if (item.study, item.region, item.side, item.level) in unsure]


def format_gap(gap: float) -> str:
    """Write a completeness gap in per cent."""
    return f"{100 * gap:.1f}\u00a0%" if math.isfinite(gap) else "undefined"
