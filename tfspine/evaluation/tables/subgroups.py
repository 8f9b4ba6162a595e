"""A reader by level, side, vendor, field strength, sex and age, every subgroup with its n, however small.

A subgroup consists of boxes of the reference; false boxes belong to the subgroup of their study, or of the level and
side that the reader names. Subgroups are described, not tested against one another; with so many of them some will
look different by chance.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from tfspine.evaluation.boxes.measures import measure_by_patient
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.clustered import clustered_rate
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.tables.cohort import UNKNOWN
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table

FACTORS = {
    "level": "Level",
    "side": "Side",
    "vendor": "Vendor",
    "field_strength": "Field",
    "sex": "Sex",
    "age_band": "Age",
}
"""Columns that divide the boxes, and their names in the table."""

OF_THE_STUDY = ("vendor", "field_strength", "sex", "age_band")
"""Those that come from headers instead of boxes."""


def subgroup_table(set_: ReadingSet, *, studies: pd.DataFrame | None) -> Table:
    """Return one row per reader, region and subgroup.

    Args:
        set_: who read what.
        studies: column study, and those of vendor, field_strength, sex and age_band that are known (`cohort_table`);
            None if none are known.
    """
    known = () if studies is None else tuple(studies.columns)
    without = [title.lower() for factor, title in FACTORS.items() if factor in OF_THE_STUDY and factor not in known]
    return Table(
        "subgroups",
        "By level, side, scanner, sex and age",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("factor", "Factor"),
            Column("subgroup", "Subgroup"),
            Column("n", "Boxes", Kind.COUNT),
            Column("patients", "Patients", Kind.COUNT),
            Column("recall", "Recall %", Kind.PERCENT),
            Column("false_boxes", "False per image", Kind.COEFFICIENT),
            Column("gwet_four", "AC1, four grades", Kind.COEFFICIENT),
            Column("gwet_two", "AC1, two grades", Kind.COEFFICIENT),
            Column("sensitivity", "Sensitivity %", Kind.PERCENT_OF),
            Column("specificity", "Specificity %", Kind.PERCENT_OF),
        ),
        tuple(_rows(set_, studies)),
        note="Described, not tested: among so many subgroups some differ by chance. Intervals are clustered by "
        "patient. "
        "False per image: boxes that match no box of the reference; by level and side of all images."
        + (f" Not known here: {', '.join(without)} (--slices gives the scanner, --dicom age and sex)." * bool(without)),
    )


def _rows(set_: ReadingSet, studies: pd.DataFrame | None) -> Iterator[dict[str, Any]]:
    for reader, pairs in set_.pairs.items():
        boxes = _with_facts(pairs.boxes, studies)
        for region in pairs.regions:
            of_region = boxes[boxes["region"] == region]
            counted = _with_facts(set_.false_boxes_and_images(reader, region), studies)
            factors = [factor for factor in FACTORS if factor in of_region and (factor != "side" or region.is_paired)]
            for factor, value, of_value in _subgroups(of_region, factors):
                people = set_.patient_of(of_value["study"]).to_numpy()
                found = measure_by_patient(of_value, people, confidence=set_.confidence)
                yield {
                    "reader": reader,
                    "region": REGION_TITLES[region],
                    "factor": FACTORS[factor],
                    "subgroup": value,
                    "line": f"{FACTORS[factor].lower()} {value}" if value == UNKNOWN else value,
                    "n": found.recall.n,
                    "patients": len(set(people)),
                    "recall": found.recall,
                    "false_boxes": _rate(counted, factor, value, confidence=set_.confidence),
                    "gwet_four": found.agreement_four.coefficient,
                    "gwet_two": found.agreement_two.coefficient,
                    "sensitivity": found.accuracy.sensitivity,
                    "specificity": found.accuracy.specificity,
                }


def _with_facts(rows: pd.DataFrame, studies: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows with what is known of their studies."""
    return rows if studies is None else rows.merge(studies, on="study", how="left")


def _subgroups(boxes: pd.DataFrame, factors: Sequence[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield factor, value and boxes of each subgroup, those of an unknown value last."""
    for factor in factors:
        values = boxes[factor].fillna("").replace("", UNKNOWN)
        for value in sorted(values.unique(), key=lambda word: (word == UNKNOWN, word)):
            yield factor, value, boxes[values == value]


def _rate(counted: pd.DataFrame, factor: str, value: str, *, confidence: float) -> Estimate:
    """Return the false boxes per image of a subgroup."""
    is_value = counted[factor].fillna("").replace("", UNKNOWN) == value
    # An image has no level and no side: all of them were searched.
    rows = counted[is_value if factor in OF_THE_STUDY else is_value.where(counted["units"] == 0, True)]
    return clustered_rate(rows["events"], rows["units"], rows["patient"].to_numpy(), confidence=confidence)
