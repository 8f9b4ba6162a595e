"""Agreement between readers, and the benchmark that allows for its uncertainty."""

import argparse
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from tfspine.cli.evaluate import add_arguments, inputs_of
from tfspine.config import EvaluationConfig
from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.question import Question
from tfspine.evaluation.reviewer_results import reviewer_results
from tfspine.evaluation.statistics.agreement import gwet, gwet_of_raters
from tfspine.evaluation.statistics.landis_koch import Band, benchmark, landis_koch
from tfspine.evaluation.statistics.multi_reader import random_readers
from tfspine.evaluation.tables.multi_reader import MEASURES, multi_reader_table
from tfspine.evaluation.tables.reader_agreement import reader_agreement_table
from tfspine.labels import GRADE_WORDS


@pytest.mark.parametrize(
    ("probability", "band", "reached"),
    [(0.3, Band.ALMOST_PERFECT, 0.39674), (0.88, Band.SUBSTANTIAL, 0.88336), (0.95, Band.MODERATE, 0.99542)],
)
def test_membership_is_that_of_irrcacs_own_example(probability: float, band: Band, reached: float) -> None:
    """AC1 0.77544, SE 0.14295 of its four raters: cumulative probabilities of the vignette on benchmarking."""
    found = benchmark(0.77544, 0.14295, probability=probability)
    assert found is not None
    assert (found.band, round(found.probability, 5)) == (band, reached)


@pytest.mark.parametrize("value", [-0.4, 0.05, 0.33, 0.61, 0.97])
@pytest.mark.parametrize("error", [0.01, 0.08, 0.3])
def test_membership_is_that_of_irrcac(value: float, error: float) -> None:
    package = pytest.importorskip("irrCAC.benchmark", reason="irrCAC is not installed")
    theirs = package.Benchmark(coeff=value, se=error).landis_koch()
    names, shares = theirs["Landis-Koch"], np.array(theirs["CumProb"])
    found = benchmark(value, error)
    first = int(np.argmax(shares >= 0.95))
    assert found is not None
    assert found.band == names[first].lower()
    assert found.probability == pytest.approx(shares[first], abs=1e-5)


def test_a_certain_coefficient_reaches_its_own_band_and_none_is_undefined() -> None:
    for value in (0.1, 0.5, 0.7, 0.9):
        found = benchmark(value, 1e-6)
        assert found is not None and found.band is landis_koch(value)
    assert benchmark(math.nan, 0.1) is None and benchmark(0.5, math.nan) is None and benchmark(1.0, 0.0) is None
    with pytest.raises(EvaluationError, match="expected 0 or more"):
        benchmark(0.5, -0.1)


@pytest.fixture
def read_set(box_table: Callable[..., pd.DataFrame]) -> ReadingSet:
    """Twelve patients of five boxes; `second` did not find the first box of each."""
    generator = np.random.default_rng(4)
    truth = generator.integers(0, 4, 60)

    def boxes(skill: float) -> pd.DataFrame:
        grades = np.where(generator.random(60) < skill, truth, generator.integers(0, 4, 60))
        return box_table(
            *(
                {"study": f"s{n // 5}", "slice": f"s{n // 5}-{n}", "grade": GRADE_WORDS[grade]}
                for n, grade in enumerate(grades)
            )
        )

    reference = boxes(1.0)
    second = boxes(0.7)
    readers = {"first": boxes(0.8), "second": second[second.index % 5 != 0], "model": boxes(0.9), "other": boxes(0.9)}
    return ReadingSet("internal", reference, reference, readers, {}, 0.3, 0.95)


def test_pairs_people_and_everybody(read_set: ReadingSet) -> None:
    table = reader_agreement_table(read_set, model="model", readers=["first", "second", "model"])
    rows = {row["readers"]: row for row in table.rows}
    assert list(rows) == ["first and second", "first and model", "second and model", "all 3"]
    calls = {name: pairs.boxes["call"].to_numpy() for name, pairs in read_set.pairs.items()}
    pair = gwet(calls["first"], calls["second"], categories=4)
    assert rows["first and second"]["gwet_four"].value == pytest.approx(pair.coefficient.value)
    assert rows["first and second"]["n"] == 48 and rows["first and model"]["n"] == 60
    together = gwet_of_raters(np.stack([calls[name] for name in ("first", "second", "model")], axis=1), categories=4)
    assert rows["all 3"]["gwet_four"].value == pytest.approx(together.coefficient.value)
    assert rows["all 3"]["patients"] == 12
    bands = list(Band)
    assert all(bands.index(row["benchmark"]) <= bands.index(row["band"]) for row in table.rows)


def test_the_model_against_readers_at_random_is_the_analysis_of_its_differences(read_set: ReadingSet) -> None:
    table = multi_reader_table(read_set, model="model", readers=["first", "second"], arms={})
    rows = {row["measure"]: row for row in table.rows}
    assert list(rows) == list(MEASURES)
    truth = read_set.pairs["model"].boxes["truth"].to_numpy() >= 2
    called = {name: pairs.boxes["call"].to_numpy() for name, pairs in read_set.pairs.items()}
    hits = {name: (calls >= 2)[truth] for name, calls in called.items()}  # what was not found is a miss
    patient = np.repeat(np.arange(12), 5)[truth]
    gaps = np.array([hits["model"].mean() - hits[name].mean() for name in ("first", "second")])
    people = np.unique(patient)
    changes = np.array(
        [
            [(hits["model"][patient != p].mean() - hits[name][patient != p].mean()) - gap for p in people]
            for name, gap in zip(("first", "second"), gaps, strict=True)
        ]
    )
    covariance = (people.size - 1) / people.size * changes @ changes.T
    expected = random_readers(gaps, covariance, name="by hand")
    row = rows["sensitivity"]
    assert row["difference"].value == pytest.approx(gaps.mean()) and row["n"] == truth.sum()
    assert (row["difference"].low, row["p"]) == pytest.approx((expected.estimate.low, expected.p_value))
    area = rows["area under ROC curve of the grades"]
    found = ~np.isnan(called["second"])
    assert area["first"] == pytest.approx(roc_auc_score(truth[found], called["model"][found]))


def test_conditions_are_compared_over_the_same_people(read_set: ReadingSet) -> None:
    arms = {"aided": ("model", "other"), "alone": ("first", "second")}
    rows = multi_reader_table(read_set, model="model", readers=[], arms=arms).rows
    assert {row["comparison"] for row in rows} == {"aided less alone"} and len(rows) == len(MEASURES)
    for row in rows:
        assert row["difference"].value == pytest.approx(row["first"] - row["second"])
        assert row["p"] == pytest.approx(stats.f.sf(row["f"], 1, row["denominator_degrees"]))
    assert not multi_reader_table(read_set, model="model", readers=["first"], arms={}).rows


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a=first,second"], "one condition"),
        (["a=first,second", "b=model"], "1 readers; expected the same people"),
        (["a=first,second", "b=model,first"], "named twice"),
        (["a=first,second", "b=model,nobody"], 'no reader "nobody"'),
    ],
)
def test_conditions_that_do_not_fit_are_one_line(texts: list[str], message: str) -> None:
    words = ["evaluate", "--reference", "r.csv"]
    for name in ("first", "second", "model"):
        words += ["--reader", f"{name}={name}.csv"]
    for text in texts:
        words += ["--arm", text]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(EvaluationError, match=message):
        inputs_of(parser.parse_args(words[1:]))


@pytest.mark.parametrize("model", ["mean", "model"])
def test_versions_of_the_model_are_one_reader(read_set: ReadingSet, model: str) -> None:
    question = Question(read_set, model, averages={"mean": ("model", "other")})
    makes = reviewer_results(question, EvaluationConfig(replicates=2), seed=1)
    tables = {result.table.name: result.table for make in makes for result in make()}
    names = {row["readers"] for row in tables["reader_agreement"].rows}
    assert names == {"first and second", "first and model", "second and model", "all 3"}
