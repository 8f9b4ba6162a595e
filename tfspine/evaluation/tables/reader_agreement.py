"""How far readers agree with one another: each pair, all people, and all people with the model.

Only boxes of the reference that all readers of a group found and graded are compared. Members of a model count as one
reader: their ensemble, or else the first of them, represents them.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from tfspine.evaluation.boxes.pairs import two_grades
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.agreement import Agreement
from tfspine.evaluation.statistics.clustered_agreement import clustered_agreement_of_raters
from tfspine.evaluation.statistics.landis_koch import benchmark, landis_koch
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Grade, Region


def reader_agreement_table(set_: ReadingSet, *, model: str, readers: Sequence[str]) -> Table:
    """Return one row per group of readers and region: Gwet's AC1 on four and two grades, its band and its benchmark.

    Args:
        set_: who read what.
        model: the reader that represents the model.
        readers: all readers, including the model, without other members of the model.
    """
    rows = [
        {"readers": name, "region": REGION_TITLES[region]} | _row(set_, group, region)
        for name, group in _groups(model, readers)
        for region in Region
        if all(region in set_.pairs[reader].regions for reader in group)
    ]
    return Table(
        "reader_agreement",
        "Agreement between readers",
        (
            Column("readers", "Readers"),
            Column("region", "Region"),
            Column("n", "Boxes", Kind.COUNT),
            Column("patients", "Patients", Kind.COUNT),
            Column("gwet_four", "AC1, four grades", Kind.COEFFICIENT),
            Column("band", "Landis and Koch"),
            Column("benchmark", "Benchmark"),
            Column("gwet_two", "AC1, two grades", Kind.COEFFICIENT),
            Column("benchmark_two", "Benchmark, two grades"),
        ),
        tuple(rows),
        note="Boxes of the reference that all of these readers found and graded; intervals are clustered by patient. "
        "Benchmark: the highest band reached with a probability of 0.95 (Gwet 2014), which allows for the uncertainty."
        if rows
        else "needs two readers or more besides members of the model",
    )


def _groups(model: str, readers: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the pairs, then all people and all readers where that is more than a pair."""
    for pair in combinations(readers, 2):
        yield " and ".join(pair), pair
    people = tuple(reader for reader in readers if reader != model)
    if len(people) > 2:
        yield f"all {len(people)} but {model}", people
    if len(readers) > 2:
        yield f"all {len(readers)}", tuple(readers)


def _row(set_: ReadingSet, group: Sequence[str], region: Region) -> dict[str, Any]:
    tables = [set_.pairs[reader].of(region).boxes for reader in group]
    calls = pd.concat([table["call"] for table in tables], axis=1, join="inner").dropna()
    patients = set_.patient_of(tables[0].loc[calls.index, "study"]).to_numpy(object)
    ratings = calls.to_numpy(np.float64)
    four = clustered_agreement_of_raters(ratings, patients, categories=len(Grade), confidence=set_.confidence)
    two = clustered_agreement_of_raters(two_grades(ratings), patients, categories=2, confidence=set_.confidence)
    return {
        "n": len(ratings),
        "patients": len(set(patients)),
        "gwet_four": four.coefficient,
        "band": landis_koch(four.coefficient.value),
        "benchmark": _benchmark(four),
        "gwet_two": two.coefficient,
        "benchmark_two": _benchmark(two),
    }


def _benchmark(agreement: Agreement) -> str | None:
    found = benchmark(agreement.coefficient.value, agreement.standard_error)
    return str(found.band) if found else None
