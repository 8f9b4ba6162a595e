"""The panel against the paper: Tables 2, 3 and 4 of six cohorts of 50 patients, and the reference read again."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from phantom.cohorts import PatientTruth

from tfspine.evaluation.boxes.reader_metrics import ReaderMetrics, compare
from tfspine.evaluation.statistics.accuracy import ProportionInterval, proportion
from tfspine.formats.boxes_csv import BOX_COLUMNS, annotated_rows
from tfspine.labels import Plane, Region
from tfspine.phantom.panel import PANEL, read_by_panel
from tfspine.structures import AnnotatedSlice

pytestmark = pytest.mark.slow  # half a minute: six cohorts, three readers

PATIENTS = 50
IOU = 0.3

FOUR_GRADES = {
    "radiologist_1": {
        Region.CENTRAL_CANAL: (0.87, 0.91),
        Region.LATERAL_RECESS: (0.68, 0.75),
        Region.NEURAL_FORAMEN: (0.77, 0.83),
    },
    "radiologist_2": {
        Region.CENTRAL_CANAL: (0.87, 0.90),
        Region.LATERAL_RECESS: (0.76, 0.82),
        Region.NEURAL_FORAMEN: (0.85, 0.89),
    },
    "reference_again": dict.fromkeys(Region, (0.93, 0.97)),
}
"""table3_four_grades_gwet.csv, intervals; the reference read again: what is asked of one reader."""

TWO_GRADES = {
    "radiologist_1": {
        Region.CENTRAL_CANAL: (0.97, 0.99),
        Region.LATERAL_RECESS: (0.90, 0.94),
        Region.NEURAL_FORAMEN: (0.92, 0.96),
    },
    "radiologist_2": {
        Region.CENTRAL_CANAL: (0.98, 0.99),
        Region.LATERAL_RECESS: (0.93, 0.97),
        Region.NEURAL_FORAMEN: (0.93, 0.96),
    },
}
"""table4_two_grades_gwet.csv, intervals."""

DETECTED = {
    "radiologist_1": {
        Region.CENTRAL_CANAL: (1618, 1625),
        Region.LATERAL_RECESS: (827, 839),
        Region.NEURAL_FORAMEN: (1059, 1262),
    },
    "radiologist_2": {
        Region.CENTRAL_CANAL: (1624, 1625),
        Region.LATERAL_RECESS: (800, 839),
        Region.NEURAL_FORAMEN: (1225, 1262),
    },
}
"""table2_boxes.csv, internal."""


@pytest.fixture(scope="module")
def panel(cohort: tuple[PatientTruth, ...]) -> Mapping[str, list[ReaderMetrics]]:
    """Return each reader's metrics on each cohort of as many patients as the paper's."""
    metrics: dict[str, list[ReaderMetrics]] = {name: [] for name in PANEL}
    for start in range(0, len(cohort), PATIENTS):
        patients = cohort[start : start + PATIENTS]
        readings = [
            read_by_panel(one.slices, one.severities, seed=1, number=start + index)
            for index, one in enumerate(patients, start=1)
        ]
        reference = table([(one.study, one.slices) for one in patients])
        for name in PANEL:
            reader = table([(one.study, labels[name]) for one, labels in zip(patients, readings, strict=True)])
            metrics[name].append(compare(reference, reader, iou=IOU, confidence=0.95))
    return metrics


def table(studies: list[tuple[str, tuple[AnnotatedSlice, ...]]]) -> pd.DataFrame:
    rows = []
    for study, slices in studies:
        for slice_ in slices:
            plane = Plane.AXIAL if Plane.AXIAL in slice_.key else Plane.SAGITTAL
            rows += annotated_rows(slice_, study=study, plane=plane)
    return pd.DataFrame(rows, columns=list(BOX_COLUMNS))


@pytest.mark.parametrize("region", Region)
@pytest.mark.parametrize("reader", FOUR_GRADES)
def test_four_grades_agree_as_in_table_3(panel: Mapping[str, list[ReaderMetrics]], reader: str, region: Region) -> None:
    mean = np.mean([metrics.regions[region].agreement_four.coefficient.value for metrics in panel[reader]])
    low, high = FOUR_GRADES[reader][region]
    assert low <= mean <= high


@pytest.mark.parametrize("region", Region)
@pytest.mark.parametrize("reader", TWO_GRADES)
def test_two_grades_agree_as_in_table_4(panel: Mapping[str, list[ReaderMetrics]], reader: str, region: Region) -> None:
    mean = np.mean([metrics.regions[region].agreement_two.coefficient.value for metrics in panel[reader]])
    low, high = TWO_GRADES[reader][region]
    assert low <= mean <= high


@pytest.mark.parametrize("region", Region)
@pytest.mark.parametrize("reader", DETECTED)
def test_boxes_are_found_as_in_table_2(panel: Mapping[str, list[ReaderMetrics]], reader: str, region: Region) -> None:
    """Detection at IoU > 0.3; the paper's interval is Clopper-Pearson of its own counts."""
    recalls = [
        next(one.recall.value for one in metrics.regions[region].detection if one.threshold == IOU)
        for metrics in panel[reader]
    ]
    found, boxes = DETECTED[reader][region]
    paper = proportion(found, boxes, interval=ProportionInterval.CLOPPER_PEARSON, confidence=0.95)
    assert paper.low <= np.mean(recalls) <= paper.high


@pytest.mark.parametrize("reader", FOUR_GRADES)
def test_grades_are_confused_with_their_neighbours(panel: Mapping[str, list[ReaderMetrics]], reader: str) -> None:
    """At least nine of ten disagreements are by one grade."""
    confusion = np.sum([region.confusion for metrics in panel[reader] for region in metrics.regions.values()], axis=0)
    apart = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    assert confusion[apart == 1].sum() > 0.9 * confusion[apart > 0].sum()
