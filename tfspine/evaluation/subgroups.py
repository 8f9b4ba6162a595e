"""A reader by level, side, vendor and field strength, every subgroup with its n.

A subgroup is one of boxes of the reference: extra boxes of the reader belong to none. Subgroups are described, not
tested against one another; with so many of them some will look different by chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfspine.evaluation.accuracy import DiagnosticAccuracy, Interval, diagnostic_accuracy, proportion
from tfspine.evaluation.agreement import Agreement, gwet
from tfspine.evaluation.estimate import Estimate
from tfspine.evaluation.pairs import Pairs, two_grades
from tfspine.evaluation.tables import DASH, REGION_TITLES, Column, Kind, Table
from tfspine.labels import Grade

FACTORS = {"level": "Level", "side": "Side", "vendor": "Vendor", "field_strength": "Field"}
"""Columns that divide the boxes, and what the table calls them."""


@dataclass(frozen=True)
class Measures:
    """What is measured of any selection of the reference's boxes."""

    recall: Estimate
    agreement_four: Agreement
    agreement_two: Agreement
    accuracy: DiagnosticAccuracy


def measure(boxes: pd.DataFrame, *, confidence: float) -> Measures:
    """Return the measures of some rows of `Pairs.boxes`; the grades of boxes that were found are compared."""
    truth, calls = (boxes[name].to_numpy(np.float64) for name in ("truth", "call"))
    graded = ~np.isnan(truth) & ~np.isnan(calls)
    positive = truth >= Grade.MODERATE
    return Measures(
        recall=proportion(
            int(boxes["is_found"].sum()), len(boxes), interval=Interval.CLOPPER_PEARSON, confidence=confidence
        ),
        agreement_four=gwet(truth, calls, categories=len(Grade), confidence=confidence),
        agreement_two=gwet(two_grades(truth), two_grades(calls), categories=2, confidence=confidence),
        accuracy=diagnostic_accuracy(
            positive[graded],
            calls[graded] >= Grade.MODERATE,
            missed_positives=int((positive & ~graded).sum()),
            confidence=confidence,
        ),
    )


def subgroup_table(readers: Mapping[str, Pairs], *, scanners: pd.DataFrame | None, confidence: float) -> Table:
    """Return one row per reader, region and subgroup.

    Args:
        readers: the boxes of the reference beside each reader's.
        scanners: columns study, vendor, field_strength (`cohort_table.scanner_of`); None leaves these two out.
        confidence: share that the intervals are to cover.
    """
    rows = []
    for reader, pairs in readers.items():
        boxes = pairs.boxes if scanners is None else pairs.boxes.merge(scanners, on="study", how="left")
        for region in pairs.regions:
            of_region = boxes[boxes["region"] == region]
            for factor, title in FACTORS.items():
                if factor not in of_region or (factor == "side" and not region.is_paired):
                    continue
                values = of_region[factor].fillna("").replace("", DASH)
                for value in sorted(values.unique()):
                    found = measure(of_region[values == value], confidence=confidence)
                    rows.append(
                        {
                            "reader": reader,
                            "region": REGION_TITLES[region],
                            "factor": title,
                            "subgroup": value,
                            "n": found.recall.n,
                            "recall": found.recall,
                            "gwet_four": found.agreement_four.coefficient,
                            "gwet_two": found.agreement_two.coefficient,
                            "sensitivity": found.accuracy.sensitivity,
                            "specificity": found.accuracy.specificity,
                        }
                    )
    return Table(
        "subgroups",
        "By level, side, vendor and field strength",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("factor", "Factor"),
            Column("subgroup", "Subgroup"),
            Column("n", "n", Kind.COUNT),
            Column("recall", "Recall %", Kind.PERCENT),
            Column("gwet_four", "AC1, four grades", Kind.COEFFICIENT),
            Column("gwet_two", "AC1, two grades", Kind.COEFFICIENT),
            Column("sensitivity", "Sensitivity %", Kind.PERCENT_OF),
            Column("specificity", "Specificity %", Kind.PERCENT_OF),
        ),
        tuple(rows),
        note=f"{DASH}: the reference does not say." + ("" if scanners is not None else " Scanners: needs --slices."),
    )
