"""The worst grade of each patient, by region, as a referral letter states it.

The reference's worst is over all its boxes of the region. The reader's is given twice: over all boxes on the same
slices, as in clinical use, where one false alarm makes the patient's result wrong, and over those that match. A patient
in whom the reader found nothing to grade has no call: this patient is left out of agreement, and is a miss where the
reference is positive.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd

from tfspine.compat import StrEnum
from tfspine.evaluation.boxes.measures import measure_by_box
from tfspine.evaluation.boxes.pairs import Pairs
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Region


class Boxes(StrEnum):
    """Which of the reader's boxes grade a patient: all of them, or those that match one of the reference's."""

    ALL = "all"
    MATCHED = "matched"


def worst_grades(pairs: Pairs, region: Region, patients: Mapping[str, str], *, boxes: Boxes) -> pd.DataFrame:
    """Return one row per patient in whom the reference graded the region: patient, `truth` and `call`, 0 to 3 or NaN.

    Args:
        pairs: the reference's boxes with the reader's.
        region: which region.
        patients: the patient of each study; a study that is not listed counts as its own patient.
        boxes: which of the reader's boxes count.
    """
    of_region = pairs.of(region)
    extra = [of_region.extra] if boxes is Boxes.ALL and len(of_region.extra) else []
    everything = pd.concat([of_region.boxes, *extra], ignore_index=True)
    patient = everything["study"].map(lambda study: patients.get(study, study))
    worst = everything[["truth", "call"]].astype(np.float64).groupby(patient).max()
    worst = worst.dropna(subset=["truth"])
    return worst.rename_axis("patient").reset_index()


def patient_table(set_: ReadingSet) -> Table:
    """Return one row per reader and region: agreement and accuracy of the patients' worst grades."""
    rows = []
    for reader, pairs in set_.pairs.items():
        for region, boxes in product(pairs.regions, Boxes):
            worst = worst_grades(pairs, region, set_.patients, boxes=boxes)
            found = measure_by_box(worst.assign(is_found=worst["call"].notna()), confidence=set_.confidence)
            rows.append(
                {
                    "reader": reader,
                    "region": REGION_TITLES[region],
                    "boxes": boxes.value,
                    "patients": len(worst),
                    "not_graded": int(worst["call"].isna().sum()),
                    "gwet_four": found.agreement_four.coefficient,
                    "gwet_two": found.agreement_two.coefficient,
                    "sensitivity": found.accuracy.end_to_end_sensitivity,
                    "specificity": found.accuracy.specificity,
                }
            )
    return Table(
        "patients",
        "Worst grade of each patient",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("boxes", "Boxes"),
            Column("patients", "Patients", Kind.COUNT),
            Column("not_graded", "Nothing found", Kind.COUNT),
            Column("gwet_four", "AC1, four grades", Kind.COEFFICIENT),
            Column("gwet_two", "AC1, two grades", Kind.COEFFICIENT),
            Column("sensitivity", "Sensitivity %", Kind.PERCENT_OF),
            Column("specificity", "Specificity %", Kind.PERCENT_OF),
        ),
        tuple(rows),
        note="The reader's worst box counts, of all boxes or of those that match; a positive patient in whom nothing "
        "was found is a miss.",
    )
