"""Intervals clustered by patient, compared with the usual ones.

The usual intervals treat boxes as independent, but boxes of one spine are not. The bootstrap draws patients with all
their boxes; its intervals are wider where a patient's boxes are alike.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tfspine.evaluation.boxes.measures import measure_by_box, shares
from tfspine.evaluation.boxes.pairs import two_grades
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.accuracy import poisson_rate
from tfspine.evaluation.statistics.bootstrap import (
    StatisticOfWeights,
    gwet_statistic,
    patient_bootstrap,
    rate_statistic,
    share_statistic,
)
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Grade

FALSE_BOXES = "false boxes per image"


def bootstrap_table(set_: ReadingSet, *, replicates: int, seed: int) -> Table:
    """Return one row per reader, region and measure, with both intervals."""
    rows = []
    for reader, pairs in set_.pairs.items():
        for region in pairs.regions:
            boxes = pairs.of(region).boxes
            if boxes.empty:
                continue
            patients = set_.patient_of(boxes["study"]).to_numpy()
            usual = measure_by_box(boxes, confidence=set_.confidence).estimates
            false = set_.false_boxes_and_images(reader, region)
            events, units = (int(false[name].sum()) for name in ("events", "units"))
            usual[FALSE_BOXES] = poisson_rate(events, units, confidence=set_.confidence)
            of_boxes = [(name, statistic, patients) for name, statistic in statistics(boxes)]
            of_images = (FALSE_BOXES, rate_statistic(false["events"], false["units"]), false["patient"].to_numpy())
            for name, statistic, people in (of_boxes[0], of_images, *of_boxes[1:]):
                drawn = patient_bootstrap(
                    statistic, people, replicates=replicates, seed=seed, confidence=set_.confidence
                )
                rows.append(
                    {
                        "reader": reader,
                        "region": REGION_TITLES[region],
                        "measure": name,
                        "n": usual[name].n,
                        "patients": len(set(people)),
                        "usual": usual[name],
                        "bootstrap": drawn,
                    }
                )
    return Table(
        "bootstrap",
        "Intervals clustered by patient, beside the usual ones",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("measure", "Measure"),
            Column("n", "n", Kind.COUNT),
            Column("patients", "Patients", Kind.COUNT),
            Column("bootstrap", "Bootstrap of patients", Kind.COEFFICIENT),
            Column("usual", "Boxes independent", Kind.COEFFICIENT),
        ),
        tuple(rows),
        note=f"n: boxes; images for {FALSE_BOXES}. Percentiles of {replicates:,} replicates, seed {seed}. Where "
        "nothing "
        "went wrong, resampling cannot show what could: use the interval of independent boxes there.",
    )


def statistics(boxes: pd.DataFrame) -> Iterator[tuple[str, StatisticOfWeights]]:
    """Yield the name of each measure and its value for any weights of the rows of `Pairs.boxes`."""
    truth, calls = (boxes[name].to_numpy(np.float64) for name in ("truth", "call"))
    yield "recall", share_statistic(boxes["is_found"].to_numpy(bool), np.ones(len(boxes), bool))
    yield "AC1, four grades", gwet_statistic(truth, calls, categories=len(Grade))
    yield "AC1, two grades", gwet_statistic(two_grades(truth), two_grades(calls), categories=2)
    for name, share in shares(truth, calls).items():
        yield name, share_statistic(share.right, share.among)
