"""A reader against a reference, region by region: what was found, and how it was graded.

Only slices that the reference covers and the reader read are compared. Boxes match within a study, an image, a region
and a side; grades are compared on matched pairs, as the paper does, and a positive that was not found, or found and not
graded, is a miss in end-to-end sensitivity. Ties and crowding: see `matching.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine.evaluation.boxes.coverage import Coverage, image_names
from tfspine.evaluation.boxes.matching import Pair
from tfspine.evaluation.boxes.measures import Measures, measure_by_box, measure_by_patient
from tfspine.evaluation.boxes.pairs import Compared, grade_codes, restrict
from tfspine.evaluation.statistics.accuracy import DiagnosticAccuracy, ProportionInterval, poisson_rate, proportion
from tfspine.evaluation.statistics.agreement import Agreement
from tfspine.evaluation.statistics.clustered import clustered_mean, clustered_rate, clustered_share
from tfspine.evaluation.statistics.estimate import Estimate, mean_estimate
from tfspine.evaluation.statistics.ratings import joint_counts
from tfspine.labels import Grade, Region

PatientsOf = Callable[[pd.Series], NDArray[np.object_]]
"""Returns the patient of each study given."""

THRESHOLDS = (0.2, 0.3, 0.4)
"""IoU above which a box counts as found (docs/paper.md, Model)."""


@dataclass(frozen=True)
class DetectionByPatient:
    """The figures of `DetectionMetrics` with intervals clustered by patient."""

    recall: Estimate
    false_positives_per_image: Estimate
    mean_iou: Estimate


@dataclass(frozen=True)
class DetectionMetrics:
    """Detection of one region at one IoU threshold.

    `recall` is over the reference's boxes on all images together. `mean_iou` is of the matched pairs. Their intervals
    treat boxes as independent; `by_patient` has the same values with intervals clustered by patient.
    """

    threshold: float
    recall: Estimate
    matched: int
    false_positives: int
    false_positives_per_image: Estimate
    mean_iou: Estimate
    by_patient: DetectionByPatient


@dataclass(frozen=True)
class RegionMetrics:
    """Everything about one region.

    `images` is on how many covered slices the reader searched for it, 0 for a region that was never read;
    `reference_grades` counts the reference's boxes on them by grade. `confusion` counts matched pairs, reference grades
    in rows and the reader's in columns; `missed` counts the reference's boxes of each grade that were not found, and
    `ungraded` the matched pairs where either has no grade. Intervals and P of agreement and accuracy are as in the
    paper, by box; `by_patient` has the same values clustered by the `patients` who have such boxes.
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
    patients: int
    by_patient: Measures


@dataclass(frozen=True)
class ReaderMetrics:
    """One reader against the reference. The reader's boxes on other slices are counted here and nowhere else.

    `studies` and `slices` are those that the reference covers, `studies_read` those of which the reader read any part.
    """

    regions: Mapping[Region, RegionMetrics]
    studies: int
    studies_read: int
    slices: int
    outside_slices: int
    outside_boxes: int


MetricsBySet = Mapping[str, Mapping[str, ReaderMetrics]]
"""Metrics by the name of the set, then of the reader."""


def compare(
    reference: pd.DataFrame,
    reader: pd.DataFrame,
    *,
    iou: float,
    confidence: float,
    covered: pd.DataFrame | None = None,
    read: Coverage | None = None,
    patients: Mapping[str, str] | None = None,
) -> ReaderMetrics:
    """Compare a reader's boxes and grades with the reference's.

    Args:
        reference: table with `boxes_csv.BOX_COLUMNS`, boxes in pixels of the slice.
        reader: the same of a person or a model.
        iou: overlap that a pair must exceed for its grades to be compared.
        confidence: level of the intervals, 0 to 1.
        covered: columns study, slice, plane: the slices that the reference covers, including those without a box. None
            means those with a box.
        read: what the reader read; None means all that is covered.
        patients: the patient of each study; a study that is not listed counts as its own patient.

    Returns:
        Metrics of each region for which the reference or the reader has a box on the covered slices; for a region that
        the reader never read all are undefined.

    Raises:
        EvaluationError: a column is missing, a grade, region or box is invalid, or there is nothing to compare.
    """
    both = restrict(reference, reader, covered=covered, read=read)
    return reader_metrics(both, iou=iou, confidence=confidence, patients=patients or {})


def reader_metrics(both: Compared, *, iou: float, confidence: float, patients: Mapping[str, str]) -> ReaderMetrics:
    """Return the same for boxes already selected; arguments and result as for `compare`."""
    at = _Settings(lambda studies: np.array([patients.get(study, study) for study in studies], object), iou, confidence)
    studies = frozenset(both.covered["study"])
    return ReaderMetrics(
        regions={region: _region_metrics(both, region, at) for region in both.regions},
        studies=len(studies),
        studies_read=len(studies & both.read.any_region),
        slices=len(both.covered),
        outside_slices=len(image_names(both.outside)),
        outside_boxes=len(both.outside),
    )


@dataclass(frozen=True)
class _Settings:
    person: PatientsOf
    iou: float
    confidence: float


@dataclass(frozen=True)
class _Region:
    """One region: boxes of both, the images on which the reader searched for it, and all pairs that overlap at all."""

    reference: pd.DataFrame
    reader: pd.DataFrame
    images: pd.DataFrame
    overlapping: tuple[Pair, ...]


def _region_metrics(both: Compared, region: Region, at: _Settings) -> RegionMetrics:
    of_region = _of_region(both, region)
    truth = grade_codes(of_region.reference)
    pairs = [pair for pair in of_region.overlapping if pair.iou > at.iou]
    found, calls = [pair.reference for pair in pairs], grade_codes(of_region.reader)[[pair.reader for pair in pairs]]
    boxes = pd.DataFrame({"truth": truth, "call": np.nan, "is_found": False})
    boxes.loc[found, "call"], boxes.loc[found, "is_found"] = calls, True
    people = at.person(of_region.reference["study"])
    by_box = measure_by_box(boxes, confidence=at.confidence)
    return RegionMetrics(
        region=region,
        images=len(of_region.images),
        reference_grades=_counts(truth),
        detection=tuple(_detection(of_region, threshold, at) for threshold in THRESHOLDS),
        agreement_four=by_box.agreement_four,
        agreement_two=by_box.agreement_two,
        accuracy=by_box.accuracy,
        confusion=tuple(
            tuple(int(count) for count in row) for row in joint_counts(truth[found], calls, categories=len(Grade))
        ),
        missed=_counts(np.delete(truth, found)),
        ungraded=int((np.isnan(truth[found]) | np.isnan(calls)).sum()),
        patients=len(set(people)),
        by_patient=measure_by_patient(boxes, people, confidence=at.confidence),
    )


def _of_region(both: Compared, region: Region) -> _Region:
    rows = {
        "reference": np.flatnonzero(both.reference["region"] == region),
        "reader": np.flatnonzero(both.reader["region"] == region),
    }
    position = {side: {int(row): at for at, row in enumerate(numbers)} for side, numbers in rows.items()}
    return _Region(
        reference=both.reference.iloc[rows["reference"]],
        reader=both.reader.iloc[rows["reader"]],
        images=both.read.images(both.covered, region),
        overlapping=tuple(
            Pair(position["reference"][pair.reference], position["reader"][pair.reader], pair.iou)
            for pair in both.overlapping
            if pair.reference in position["reference"]
        ),
    )


def _detection(of_region: _Region, threshold: float, at: _Settings) -> DetectionMetrics:
    reference, reader, images, confidence = of_region.reference, of_region.reader, of_region.images, at.confidence
    pairs = [pair for pair in of_region.overlapping if pair.iou > threshold]
    extra = len(reader) - len(pairs)
    overlaps = np.array([pair.iou for pair in pairs])
    is_found = np.isin(np.arange(len(reference)), [pair.reference for pair in pairs])
    is_extra = ~np.isin(np.arange(len(reader)), [pair.reader for pair in pairs])
    people = at.person(reference["study"])
    return DetectionMetrics(
        threshold=threshold,
        recall=proportion(
            len(pairs), len(reference), interval=ProportionInterval.CLOPPER_PEARSON, confidence=confidence
        ),
        matched=len(pairs),
        false_positives=extra,
        false_positives_per_image=poisson_rate(extra, len(images), confidence=confidence),
        mean_iou=mean_estimate(overlaps, name="mean IoU", confidence=confidence, lowest=0.0, highest=1.0),
        by_patient=DetectionByPatient(
            recall=clustered_share(is_found, people, confidence=confidence),
            false_positives_per_image=clustered_rate(
                np.repeat([0, 1], [len(images), extra]),
                np.repeat([1, 0], [len(images), extra]),
                at.person(pd.concat([images["study"], reader["study"][is_extra]])),
                confidence=confidence,
            ),
            mean_iou=clustered_mean(
                overlaps,
                people[[pair.reference for pair in pairs]],
                name="mean IoU",
                confidence=confidence,
                lowest=0.0,
                highest=1.0,
            ),
        ),
    )


def _counts(codes: NDArray[np.float64]) -> tuple[int, ...]:
    """Return how often each grade occurs."""
    return tuple(int((codes == grade).sum()) for grade in Grade)
