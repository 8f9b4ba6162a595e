"""Gwet's coefficients against irrCAC, an independent implementation (A. Fergadis' port of Gwet's own R package).

irrCAC 0.4.4 asks for SciPy 1.12 and pandas 2, and works with ours: the Makefile installs it without its requirements.
Its `raw` functions divide by n - 1, as docs/statistics.md does; its `table` functions divide by n.
"""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from rating_tables import raters_of

from tfspine.evaluation.statistics.agreement import gwet, gwet_of_raters
from tfspine.evaluation.statistics.ratings import Missing
from tfspine.evaluation.statistics.weights import Weights

raw = pytest.importorskip("irrCAC.raw", reason="irrCAC is no requirement: `make test` installs it without its own")
tables = pytest.importorskip("irrCAC.table", reason="irrCAC is no requirement: see above")

SHARES = {2: [0.9, 0.1], 4: [0.6, 0.2, 0.12, 0.08]}


def panel(seed: int, *, raters: int, categories: int, missing: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    n = int(generator.integers(8, 80))
    truth = generator.choice(categories, (n, 1), p=SHARES[categories])
    noise = generator.integers(0, categories, (n, raters))
    ratings = np.where(generator.random((n, raters)) < 0.7, truth, noise).astype(float)
    ratings[generator.random((n, raters)) < missing] = math.nan
    return ratings


@pytest.mark.parametrize("weights", [*Weights, "radical"])
@pytest.mark.parametrize(("raters", "categories", "missing"), [(2, 2, 0), (2, 4, 0.2), (3, 4, 0.3), (5, 4, 0.1)])
@pytest.mark.parametrize("seed", range(5))
def test_raw_ratings(seed: int, raters: int, categories: int, missing: float, weights: str) -> None:
    ratings = panel(seed, raters=raters, categories=categories, missing=missing)
    theirs = raw.CAC(
        pd.DataFrame(ratings), weights=weights, categories=list(range(categories)), confidence_level=0.9, digits=12
    ).gwet()["est"]
    distance = np.abs(np.subtract.outer(range(categories), range(categories))) / (categories - 1)
    ours = gwet_of_raters(
        ratings,
        categories=categories,
        weights=1 - np.sqrt(distance) if weights == "radical" else weights,
        missing=Missing.AVAILABLE,
        confidence=0.9,
    )
    assert_allclose(
        [ours.coefficient.value, ours.standard_error, ours.observed, ours.expected],
        [theirs["coefficient_value"], theirs["se"], theirs["pa"], theirs["pe"]],
        atol=1e-10,
    )
    assert_allclose(ours.p_value, theirs["p_value"], atol=1e-10)
    low, high = theirs["confidence_interval"]  # irrCAC clips the upper limit alone
    assert_allclose([ours.coefficient.low, ours.coefficient.high], [max(low, -1), high], atol=1e-10)


@pytest.mark.parametrize("weights", list(Weights))
@pytest.mark.parametrize("seed", range(5))
def test_tables(seed: int, weights: Weights) -> None:
    counts = np.random.default_rng(seed).integers(0, 30, (4, 4)) + 20 * np.eye(4, dtype=int)
    theirs = tables.CAC(pd.DataFrame(counts), weights=str(weights), digits=12).gwet()["est"]
    ours = gwet(*raters_of(counts), categories=4, weights=weights)
    n = counts.sum()
    assert_allclose(ours.coefficient.value, theirs["coefficient_value"], atol=1e-10)
    assert_allclose(ours.standard_error * math.sqrt((n - 1) / n), np.squeeze(theirs["se"]), atol=1e-7)


def test_a_grade_that_never_occurs() -> None:
    ratings = panel(9, raters=2, categories=2, missing=0)
    theirs = raw.CAC(pd.DataFrame(ratings), categories=[0, 1, 2, 3], digits=12).gwet()["est"]
    ours = gwet(*ratings.T, categories=4)
    assert_allclose(
        [ours.coefficient.value, ours.standard_error], [theirs["coefficient_value"], theirs["se"]], atol=1e-10
    )
