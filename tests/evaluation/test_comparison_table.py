"""The model against people: patients are the units, and results by box are given too."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tfspine.evaluation.boxes.paired_p import paired_p_values
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.statistics.paired_tests import mcnemar
from tfspine.evaluation.tables.comparisons import comparison_table
from tfspine.labels import GRADE_WORDS, Region

PATIENTS, BOXES = 30, 8
PROBABILITIES = [f"p_{word}" for word in GRADE_WORDS]


@pytest.fixture
def read_set(box_table: Callable[..., pd.DataFrame]) -> ReadingSet:
    """Return a set whose two readers lean one way in each patient; two studies of each patient."""
    generator = np.random.default_rng(2)
    severity = generator.normal(size=(PATIENTS, 1)) + 0.7 * generator.normal(size=(PATIENTS, BOXES))

    def seen() -> np.ndarray:
        return severity + generator.normal(size=(PATIENTS, 1)) + 0.5 * generator.normal(size=severity.shape)

    def boxes(values: np.ndarray) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        for index, value in enumerate(values.ravel()):
            study = f"s{index // BOXES}{'ab'[index % 2]}"
            grade = int(np.digitize(value, (0.3, 1.0, 1.7)))
            share = 1 / (1 + np.exp(1.0 - value))
            rows.append(
                {"study": study, "slice": f"{study}-{index}", "grade": GRADE_WORDS[grade]}
                | dict(zip(PROBABILITIES, (1 - share, 0.0, share, 0.0), strict=True))
            )
        return box_table(*rows)

    reference = boxes(severity)
    patients = {f"s{number}{half}": f"p{number}" for number in range(PATIENTS) for half in "ab"}
    readers = {"model": boxes(seen()), "people": boxes(seen())}
    return ReadingSet("internal", reference, reference, readers, patients, 0.3, 0.95)


def by_patient(set_: ReadingSet, column: np.ndarray) -> np.ndarray:
    return np.array([column[start : start + BOXES].sum() for start in range(0, PATIENTS * BOXES, BOXES)])


def test_patients_are_the_units_and_boxes_stand_beside_them(read_set: ReadingSet) -> None:
    rows = {row["measure"]: row for row in comparison_table(read_set, model="model", margin=0.05).rows}
    assert set(rows) == {"AC1, four grades", "sensitivity", "specificity", "area under ROC curve"}
    truth, first, second = (
        read_set.pairs[name].boxes[column].to_numpy() >= 2
        for name, column in (("model", "truth"), ("model", "call"), ("people", "call"))
    )
    of_patient = by_patient(read_set, np.where(truth, first.astype(int) - second, 0))
    regions = by_patient(read_set, truth.astype(int))
    value = of_patient.sum() / regions.sum()
    without = [np.delete(of_patient, p).sum() / np.delete(regions, p).sum() for p in np.flatnonzero(regions)]
    m = len(without)
    error = np.sqrt((m - 1) / m * sum((each - value) ** 2 for each in without))
    row = rows["sensitivity"]
    assert row["difference"].value == pytest.approx(value) and row["patients"] == m
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(value) / error, m - 1))
    only_first, only_second = int((truth & first & ~second).sum()), int((truth & ~first & second).sum())
    assert row["p_by_box"] == mcnemar(only_first, only_second).p_value
    assert row["difference"].low < row["difference_by_box"].low
    # Of the same boxes graded by both, accuracy has the same P.
    assert paired_p_values(read_set, model="model", averages={})[
        "internal", "people", Region.CENTRAL_CANAL, "sensitivity"
    ] == pytest.approx(row["p"])


def test_the_verdict_is_that_of_the_interval_by_patients(read_set: ReadingSet) -> None:
    for margin in (0.02, 0.1, 0.3):
        for row in comparison_table(read_set, model="model", margin=margin).rows:
            if "non_inferior" in row:
                assert row["non_inferior"] == ("yes" if row["difference"].low > -margin else "no")
                assert row["non_inferior_by_box"] == ("yes" if row["difference_by_box"].low > -margin else "no")


def test_an_average_of_versions_stands_for_the_mean_of_their_shares(read_set: ReadingSet) -> None:
    """An average of one reader twice is that reader; the average of both, half as far away."""
    found = paired_p_values(read_set, model="people", averages={"twice": ("model", "model")})
    key = ("internal", "twice", Region.CENTRAL_CANAL, "specificity")
    assert found[key] == pytest.approx(found[("internal", "model", *key[2:])])
    half = paired_p_values(read_set, model="people", averages={"half": ("model", "people")})
    assert half[("internal", "half", *key[2:])] == pytest.approx(found[key])
