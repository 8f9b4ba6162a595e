"""How good a model's probabilities are: area under the ROC curve, calibration, and the operating point.

The temperature and the operating point are fitted on validation. Without validation readings they are missing: they are
never fitted on the studies that are reported.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tfspine.evaluation.boxes.grade_threshold import (
    GradedProbabilities,
    OperatingPoint,
    choose_operating_point,
    probabilities_of_boxes,
)
from tfspine.evaluation.boxes.measures import accuracy_by_patient
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.clustered_auc import clustered_auc, clustered_average_precision
from tfspine.evaluation.statistics.probability_scores import brier, expected_calibration_error
from tfspine.evaluation.statistics.roc import auc, average_precision
from tfspine.evaluation.statistics.temperature import fit_temperature, temperature_scaled
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Grade, Region

NO_PROBABILITIES = "no reader with probabilities"


def readings_with_probabilities(set_: ReadingSet) -> Iterator[tuple[str, Region, GradedProbabilities]]:
    """Yield every reader and region with at least one graded region that has probabilities."""
    for reader, pairs in set_.pairs.items():
        for region in pairs.regions:
            graded = probabilities_of_boxes(pairs.of(region).boxes)
            if len(graded.truth):
                yield reader, region, graded


def fitted_temperature(validation: ReadingSet | None, reader: str, region: Region) -> float:
    """Return the temperature of a reader and region, NaN without validation readings."""
    graded = _validation(validation, reader, region)
    return float("nan") if graded is None else fit_temperature(graded.probabilities, graded.truth)


def fitted_point(validation: ReadingSet | None, reader: str, region: Region) -> OperatingPoint | None:
    """Return the operating point of a reader and region, None without validation readings of both kinds."""
    graded = _validation(validation, reader, region)
    return None if graded is None else choose_operating_point(graded.is_positive, graded.scores)


def calibration_table(set_: ReadingSet, *, validation: ReadingSet | None, bins: int) -> Table:
    """Return one row per model and region: Brier and calibration error, before and after temperature scaling."""
    rows = []
    for reader, region, graded in readings_with_probabilities(set_):
        temperature = fitted_temperature(validation, reader, region)
        boxes = set_.pairs[reader].of(region).boxes.iloc[graded.rows]
        patients = set_.patient_of(boxes["study"]).to_numpy(object)
        row = {
            "reader": reader,
            "region": REGION_TITLES[region],
            "n": len(graded.truth),
            "brier": brier(graded.probabilities, graded.truth, patients=patients, confidence=set_.confidence),
            "ece": expected_calibration_error(
                graded.probabilities, graded.truth, bins=bins, patients=patients, confidence=set_.confidence
            ),
            "temperature": temperature,
        }
        if not np.isnan(temperature):
            scaled = temperature_scaled(graded.probabilities, temperature=temperature)
            row |= {
                "brier_scaled": brier(scaled, graded.truth, patients=patients, confidence=set_.confidence),
                "ece_scaled": expected_calibration_error(
                    scaled, graded.truth, bins=bins, patients=patients, confidence=set_.confidence
                ),
            }
        rows.append(row)
    return Table(
        "calibration",
        "Calibration of the four grades' probabilities",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("n", "Regions", Kind.COUNT),
            Column("brier", "Brier", Kind.COEFFICIENT),
            Column("ece", "ECE", Kind.COEFFICIENT),
            Column("temperature", "Temperature", Kind.NUMBER),
            Column("brier_scaled", "Brier, scaled", Kind.COEFFICIENT),
            Column("ece_scaled", "ECE, scaled", Kind.COEFFICIENT),
        ),
        tuple(rows),
        note="Brier score: 0 is best, 2 worst. ECE: expected calibration error, 0 is best. Intervals are clustered by "
        "patient. Scaled: by the temperature, "
        + (
            "fitted on validation; at 0.05 or 20, the limits of the search, too few boxes were wrong, or right, "
            "to fit it."
            if validation
            else "which was not fitted: the reference and the readers need boxes of the validation split too."
        )
        if rows
        else NO_PROBABILITIES,
    )


def discrimination_table(set_: ReadingSet) -> Table:
    """Return one row per model and region: area under the ROC curve and under precision over recall."""
    rows = []
    for reader, region, graded in readings_with_probabilities(set_):
        boxes = set_.pairs[reader].of(region).boxes.iloc[graded.rows]
        patients = set_.patient_of(boxes["study"]).to_numpy(object)
        given = graded.is_positive, graded.scores
        rows.append(
            {
                "reader": reader,
                "region": REGION_TITLES[region],
                "positives": int(graded.is_positive.sum()),
                "negatives": int((~graded.is_positive).sum()),
                "patients": len(set(patients)),
                "auc": clustered_auc(*given, patients, confidence=set_.confidence),
                "average_precision": clustered_average_precision(*given, patients, confidence=set_.confidence),
                "auc_by_box": auc(*given, confidence=set_.confidence),
                "average_precision_by_box": average_precision(*given, confidence=set_.confidence),
            }
        )
    return Table(
        "discrimination",
        "Probability of moderate/severe on boxes that were found",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("positives", "Positives", Kind.COUNT),
            Column("negatives", "Negatives", Kind.COUNT),
            Column("patients", "Patients", Kind.COUNT),
            Column("auc", "AUC", Kind.COEFFICIENT),
            Column("average_precision", "Average precision", Kind.COEFFICIENT),
            Column("auc_by_box", "AUC (DeLong), by box", Kind.COEFFICIENT),
            Column("average_precision_by_box", "Average precision, by box", Kind.COEFFICIENT),
        ),
        tuple(rows),
        note="Without positives, or without negatives, neither is defined. Intervals are clustered by patient; by "
        "box they "
        "treat boxes of one patient as independent."
        if rows
        else NO_PROBABILITIES,
    )


def operating_table(set_: ReadingSet, *, validation: ReadingSet | None) -> Table:
    """Return one row per model and region: accuracy by the most probable grade, and at the validation's point.

    A region without a point still has a row, unless there are no validation readings at all.
    """
    rows = tuple(_operating_rows(set_, validation)) if validation else ()
    return Table(
        "operating",
        "At the operating point chosen on validation",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("validation_n", "Chosen on, boxes", Kind.COUNT),
            Column("threshold", "Threshold", Kind.NUMBER),
            Column("sensitivity", "Sensitivity %", Kind.PERCENT_OF),
            Column("specificity", "Specificity %", Kind.PERCENT_OF),
            Column("end_to_end_sensitivity", "With missed %", Kind.PERCENT_OF),
            Column("usual_sensitivity", "Sensitivity %, most probable grade", Kind.PERCENT),
            Column("usual_specificity", "Specificity %, most probable grade", Kind.PERCENT),
        ),
        rows,
        note="Threshold: of the probability of moderate or severe, where sensitivity plus specificity is largest on "
        "validation; a dash where validation does not have both kinds of boxes. Intervals are clustered by patient."
        if rows
        else "needs a model's boxes, with probabilities, on validation studies",
    )


def _operating_rows(set_: ReadingSet, validation: ReadingSet) -> Iterator[dict[str, Any]]:
    for reader, region, graded in readings_with_probabilities(set_):
        point = fitted_point(validation, reader, region)
        usual = set_.metrics[reader].regions[region].by_patient.accuracy
        row = {
            "reader": reader,
            "region": REGION_TITLES[region],
            "usual_sensitivity": usual.sensitivity,
            "usual_specificity": usual.specificity,
        }
        if point is None:
            yield row
            continue
        boxes = set_.pairs[reader].of(region).boxes
        calls = np.full(len(boxes), np.nan)
        calls[graded.rows] = np.where(graded.scores >= point.threshold, Grade.MODERATE, Grade.NORMAL)
        truth, patients = boxes["truth"].to_numpy(np.float64), set_.patient_of(boxes["study"]).to_numpy(object)
        found = accuracy_by_patient(truth, calls, patients, confidence=set_.confidence)
        yield row | {
            "validation_n": point.n,
            "threshold": point.threshold,
            "sensitivity": found.sensitivity,
            "specificity": found.specificity,
            "end_to_end_sensitivity": found.end_to_end_sensitivity,
        }


def _validation(validation: ReadingSet | None, reader: str, region: Region) -> GradedProbabilities | None:
    if validation is None or reader not in validation.pairs:
        return None
    graded = probabilities_of_boxes(validation.pairs[reader].of(region).boxes)
    return graded if len(graded.truth) else None
