"""A reader against a reference, region by region: what was found, and how it was graded.

Only slices that the reference covers are compared. Boxes match within an image, a region and a side; grades are
compared on matched pairs, as the paper does, and a positive that was not found, or found and not graded, is a miss in
end-to-end sensitivity. Ties and crowding: see `matching.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.errors import EvaluationError
from tfspine.evaluation.accuracy import DiagnosticAccuracy, Interval, diagnostic_accuracy, proportion
from tfspine.evaluation.agreement import Agreement, gwet, joint_counts
from tfspine.evaluation.estimate import Estimate
from tfspine.evaluation.matching import BOX, Pair, match_tables
from tfspine.labels import GRADE_WORDS, Grade, Plane, Region
from tfspine.structures import BOX_COLUMNS

THRESHOLDS = (0.2, 0.3, 0.4)
"""IoU above which a box counts as found (PAPER.md, Model: "IoU > 0.2 to 0.4")."""

LABEL = ("slice", "region", "side")
COVERED_COLUMNS = ("study", "slice", "plane")


@dataclass(frozen=True)
class DetectionMetrics:
    """Detection of one region at one IoU threshold.

    `recall` is over the reference's boxes on all images together. `mean_iou` is of the matched pairs, NaN without any.
    """

    threshold: float
    recall: Estimate
    matched: int
    false_positives: int
    false_positives_per_image: float
    mean_iou: float


@dataclass(frozen=True)
class RegionMetrics:
    """Everything about one region.

    `images` is how many covered slices show its plane; `reference_grades` counts the reference's boxes by grade.
    `confusion` counts matched pairs, reference grades in rows and the reader's in columns; `missed` counts the
    reference's boxes of each grade that were not found, and `ungraded` the matched pairs where either has no grade.
    """

    region: Region
    images: int
    reference_grades: tuple[int, ...]
    detection: tuple[DetectionMetrics, ...]
    agreement_four: Agreement
    agreement_two: Agreement
    accuracy: DiagnosticAccuracy
    confusion: tuple[tuple[int, ...], ...]
    missed: tuple[int, ...]
    ungraded: int


@dataclass(frozen=True)
class ReaderMetrics:
    """One reader against the reference. The reader's boxes on other slices are counted here and nowhere else."""

    regions: Mapping[Region, RegionMetrics]
    studies: int
    slices: int
    outside_slices: int
    outside_boxes: int


def compare(
    reference: pd.DataFrame,
    reader: pd.DataFrame,
    *,
    iou: float,
    confidence: float,
    covered: pd.DataFrame | None = None,
) -> ReaderMetrics:
    """Compare a reader's boxes and grades with the reference's.

    Args:
        reference: table with `structures.BOX_COLUMNS`, boxes in pixels of the slice.
        reader: the same of a person or a model.
        iou: overlap that a pair must exceed for its grades to be compared.
        confidence: share that the intervals are to cover.
        covered: columns study, slice, plane: the slices that the reference speaks about, those without a box
            included. None means those with a box.

    Returns:
        Metrics of each region of which the reference or the reader has a box on the covered slices.

    Raises:
        EvaluationError: a column is missing, a grade, region or box is none, or there is nothing to compare.
    """
    reference, reader = _checked(reference, "reference"), _checked(reader, "reader")
    if covered is None:
        covered = reference[list(COVERED_COLUMNS)].drop_duplicates()
    if covered.empty:
        raise EvaluationError("reference: covers no slice; expected at least one slice to compare")
    inside = reader["slice"].isin(covered["slice"])
    outside, reader = reader[~inside], reader[inside]
    reference = reference[reference["slice"].isin(covered["slice"])]

    images = covered.groupby("plane")["slice"].nunique()
    regions = {
        region: _compare_region(
            region,
            reference[reference["region"] == region],
            reader[reader["region"] == region],
            images=int(images.get(region.plane.value, 0)),
            iou=iou,
            confidence=confidence,
        )
        for region in Region
        if (reference["region"] == region).any() or (reader["region"] == region).any()
    }
    return ReaderMetrics(
        regions=regions,
        studies=covered["study"].nunique(),
        slices=covered["slice"].nunique(),
        outside_slices=outside["slice"].nunique(),
        outside_boxes=len(outside),
    )


def _compare_region(
    region: Region, reference: pd.DataFrame, reader: pd.DataFrame, *, images: int, iou: float, confidence: float
) -> RegionMetrics:
    pairs = match_tables(reference, reader, threshold=iou, label=LABEL)
    truth, calls = _codes(reference), _codes(reader)
    matched_truth = truth[[pair.reference for pair in pairs]]
    matched_calls = calls[[pair.reader for pair in pairs]]
    graded = ~np.isnan(matched_truth) & ~np.isnan(matched_calls)
    missed = np.delete(truth, [pair.reference for pair in pairs])
    positive = float(Grade.MODERATE)
    return RegionMetrics(
        region=region,
        images=images,
        reference_grades=_counts(truth),
        detection=tuple(_detection(reference, reader, threshold, images, confidence) for threshold in THRESHOLDS),
        agreement_four=gwet(matched_truth, matched_calls, categories=len(Grade), confidence=confidence),
        agreement_two=gwet(_two(matched_truth), _two(matched_calls), categories=2, confidence=confidence),
        accuracy=diagnostic_accuracy(
            matched_truth[graded] >= positive,
            matched_calls[graded] >= positive,
            missed_positives=int((missed >= positive).sum() + (matched_truth[~graded] >= positive).sum()),
            confidence=confidence,
        ),
        confusion=tuple(
            tuple(int(count) for count in row)
            for row in joint_counts(matched_truth, matched_calls, categories=len(Grade))
        ),
        missed=_counts(missed),
        ungraded=int((~graded).sum()),
    )


def _detection(
    reference: pd.DataFrame, reader: pd.DataFrame, threshold: float, images: int, confidence: float
) -> DetectionMetrics:
    pairs: tuple[Pair, ...] = match_tables(reference, reader, threshold=threshold, label=LABEL)
    extra = len(reader) - len(pairs)
    return DetectionMetrics(
        threshold=threshold,
        recall=proportion(len(pairs), len(reference), interval=Interval.CLOPPER_PEARSON, confidence=confidence),
        matched=len(pairs),
        false_positives=extra,
        false_positives_per_image=extra / images if images else float("nan"),
        mean_iou=float(np.mean([pair.iou for pair in pairs])) if pairs else float("nan"),
    )


def _codes(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the grades as 0 to 3, NaN where a box has none."""
    codes = {word: float(code) for code, word in enumerate(GRADE_WORDS)}
    return np.array([codes.get(word, np.nan) for word in table["grade"]], np.float64)


def _counts(codes: NDArray[np.float64]) -> tuple[int, ...]:
    """Return how often each grade occurs."""
    return tuple(int((codes == grade).sum()) for grade in Grade)


def _two(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 for moderate and severe, 0 for normal and mild; NaN stays."""
    return np.where(np.isnan(codes), np.nan, codes >= Grade.MODERATE)


def _checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the table with empty words as "", or say which row cannot be compared."""
    missing = [column for column in BOX_COLUMNS if column not in table.columns]
    if missing:
        raise EvaluationError(f"{name}: no column {', '.join(missing)}; expected {','.join(BOX_COLUMNS)}")
    table = table.reset_index(drop=True)
    words = {column: table[column].fillna("").astype(str) for column in ("slice", "plane", "region", "side", "grade")}
    numbers = {column: pd.to_numeric(table[column], errors="coerce") for column in (*BOX, "score")}
    table = table.assign(**words, **numbers)
    for column, known in (
        ("region", [region.value for region in Region]),
        ("plane", [plane.value for plane in Plane]),
        ("grade", ["", *GRADE_WORDS]),
        ("side", ["", "left", "right"]),
    ):
        wrong = table.index[~table[column].isin(known)]
        if len(wrong):
            raise EvaluationError(
                f'{name}: row {wrong[0] + 2}: {column} "{table[column][wrong[0]]}"; '
                f"expected {', '.join(word or 'empty' for word in known)}"
            )
    broken = table.index[~np.isfinite(table[BOX].to_numpy(np.float64)).all(axis=1)]
    if len(broken):
        raise EvaluationError(f"{name}: row {broken[0] + 2}: a box without its four numbers; expected {','.join(BOX)}")
    return table
