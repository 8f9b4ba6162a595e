"""Which findings may be shown: the grade of a region only where its box reaches the model's operating point.

A detector that was hardly trained finds every region on every slice, at scores near 0, and its grades look like any
others. So each grade is shown with the score of its box, grades below the operating point are not shown, and a study
with low scores, or with more boxes than a spine has room for, is shown with a warning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfspine.config import DetectorConfig
from tfspine.formats.boxes_csv import CORNER_COLUMNS
from tfspine.labels import Grade, Plane, Region
from tfspine.structures import RegionResult, SliceImage, StudyResult

USUAL_POINT = DetectorConfig().score_threshold
"""Operating point of a model that does not state its own: the paper's (docs/paper.md, Detector)."""

LOW_SCORE = 0.5
"""A study with a lower median score is shown with a warning."""

MOST_BOXES: dict[Plane, float] = {Plane.AXIAL: 3.0, Plane.SAGITTAL: 6.0}
"""Mean number of places for boxes on a slice: a canal and two recesses; foramina from T12-L1 to L5-S1."""

SAME_PX = 0.01
"""Boxes whose corners are this close are the same box: both tables are written at full precision."""


@dataclass(frozen=True)
class Finding:
    """A region, the score, 0 to 1, of the box that graded it (None if no table gives it), and the operating point."""

    row: RegionResult
    score: float | None
    point: float

    @property
    def is_graded(self) -> bool:
        """Whether its grade may be shown."""
        return self.grade is not None

    @property
    def is_unsure(self) -> bool:
        """Whether a box was found, but below the operating point."""
        return self.row.grade is not None and self.score is not None and self.score < self.point

    @property
    def grade(self) -> Grade | None:
        """The grade to show; None where no box was found or none reaches the operating point."""
        return None if self.is_unsure else self.row.grade


@dataclass(frozen=True)
class JudgedStudy:
    """A study's findings, in the order of its rows; `doubts` are sentences that say why not to trust the study."""

    study: StudyResult
    findings: tuple[Finding, ...]
    doubts: tuple[str, ...]


def judge_study(study: StudyResult, predictions: pd.DataFrame, slices: Mapping[str, SliceImage]) -> JudgedStudy:
    """Look up the score of every finding, and compare the number of boxes with the number of slices.

    Args:
        study: what was read.
        predictions: `boxes_csv.BOX_COLUMNS`, all boxes of all studies.
        slices: by key; those of the study count its slices.
    """
    boxes = predictions[predictions["study"].astype(str) == study.study]
    points = operating_points(predictions)
    findings = tuple(Finding(row, _score(row, boxes), points[row.region]) for row in study.rows)
    counts = {
        plane: sum(item.study == study.study and item.plane is plane for item in slices.values()) for plane in Plane
    }
    return JudgedStudy(study, findings, tuple(_doubts(findings, boxes, points, counts)))


def operating_points(predictions: pd.DataFrame) -> dict[Region, float]:
    """Return for each region the score from which a box is a finding: the model's own, else the paper's."""
    return dict.fromkeys(Region, USUAL_POINT) | own_points(predictions)


def own_points(predictions: pd.DataFrame) -> dict[Region, float]:
    """Return the operating points that the model was exported with, for the regions that have one."""
    if "score_threshold" not in predictions:
        return {}
    points = predictions.groupby("region")["score_threshold"].max().dropna()
    return {Region(str(region)): float(point) for region, point in points.items()}


def _score(row: RegionResult, boxes: pd.DataFrame) -> float | None:
    """Return the score of the box that graded a region; None where the table does not contain that box."""
    if row.box is None:
        return None
    at_place = boxes[(boxes["slice"] == row.slice_key) & (boxes["region"] == row.region.value)]
    corners = at_place[list(CORNER_COLUMNS)].to_numpy(np.float64).reshape(-1, 4)
    same = np.flatnonzero(np.abs(corners - np.asarray(row.box)).max(axis=1, initial=0) < SAME_PX)
    scores = at_place["score"].to_numpy(np.float64)[same]
    scores = scores[~np.isnan(scores)]
    return float(scores.max()) if len(scores) else None


def _doubts(
    findings: Sequence[Finding],
    boxes: pd.DataFrame,
    points: Mapping[Region, float],
    counts: Mapping[Plane, int],
) -> list[str]:
    doubts = []
    scores = [item.score for item in findings if item.score is not None]
    if scores and float(np.median(scores)) < LOW_SCORE:
        doubts.append(
            f"Best scores are low: of the {len(scores)} regions with a box half score below {np.median(scores):.2f}, "
            f"and {sum(item.is_unsure for item in findings)} lie below the operating point"
        )
    unknown = sum(item.is_graded and item.score is None for item in findings)
    if unknown:
        doubts.append(f"{unknown} grades have no score: the table of boxes has no box where they were found")
    point_of_box = np.array([points[Region(str(region))] for region in boxes["region"]], np.float64)
    counted = boxes[boxes["score"].to_numpy(np.float64) >= point_of_box]
    for plane, slices in counts.items():
        number = int((counted["plane"] == plane.value).sum())
        if slices and number / slices > MOST_BOXES[plane]:
            doubts.append(
                f"Too many boxes on the {plane} slices: {number / slices:.1f} per slice, where a spine has room for "
                f"{MOST_BOXES[plane]:g} at most"
            )
    return doubts
