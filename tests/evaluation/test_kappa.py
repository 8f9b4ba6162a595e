"""Cohen's kappa against Stata's printed example, statsmodels and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.kappa import cohen_kappa, cohen_kappa_from_table
from tfspine.evaluation.statistics.weights import Weights, weight_matrix

XEROMAMMOGRAMS = [[21, 12, 0, 0], [4, 17, 1, 0], [3, 9, 15, 2], [0, 0, 0, 1]]
tables = st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3).map(np.array)
ratings = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40)


def test_published_kappa() -> None:
    # Stata manual, [R] kappa, rate2: agreement 63.53 %, expected 30.82 %, kappa 0.4728, Z 6.81.
    agreement = cohen_kappa_from_table(XEROMAMMOGRAMS)
    assert_allclose([agreement.observed, agreement.expected], [0.6353, 0.3082], atol=5e-5)
    assert_allclose(agreement.coefficient.value, 0.4728, atol=5e-5)
    assert_allclose(stats.norm.isf(agreement.p_value / 2), 6.81, atol=5e-3)


@given(tables, st.sampled_from(list(Weights)), st.sampled_from([0.9, 0.95]))
def test_statsmodels_agrees(counts: np.ndarray, weights: Weights, confidence: float) -> None:
    # A kappa of next to no rows or columns has next to no variance, where rounding decides.
    assume((counts.sum(axis=0) > 0).all() and (counts.sum(axis=1) > 0).all())
    theirs = cohens_kappa(counts, weights=None if weights is Weights.IDENTITY else 1 - weight_matrix(3, weights))
    ours = cohen_kappa_from_table(counts, weights=weights, confidence=confidence)
    z = stats.norm.ppf((1 + confidence) / 2)
    assert_allclose(ours.coefficient.value, theirs.kappa, atol=1e-10)
    if theirs.std_kappa > 1e-6:
        assert_allclose(ours.standard_error, theirs.std_kappa, rtol=1e-6)
        limits = np.clip([theirs.kappa - z * theirs.std_kappa, theirs.kappa + z * theirs.std_kappa], -1, 1)
        assert_allclose([ours.coefficient.low, ours.coefficient.high], limits, atol=1e-7)
    if theirs.std_kappa0 > 1e-6 and abs(theirs.kappa) > 1e-9:
        assert_allclose(ours.p_value, theirs.pvalue_two_sided, rtol=1e-6, atol=1e-12)


@given(
    ratings, st.sampled_from([(Weights.IDENTITY, None), (Weights.LINEAR, "linear"), (Weights.QUADRATIC, "quadratic")])
)
def test_scikit_learn_agrees(pairs, weights) -> None:
    first, second = np.array(pairs).T
    assume(len({*first, *second}) > 1)
    theirs = cohen_kappa_score(first, second, weights=weights[1], labels=range(4))
    ours = cohen_kappa(first, second, categories=4, weights=weights[0])
    assert_allclose(ours.coefficient.value, theirs, atol=1e-10)


@given(ratings, st.sampled_from(list(Weights)), st.randoms(use_true_random=False))
def test_neither_raters_nor_rows_have_an_order(pairs, weights, random) -> None:
    first, second = np.array(pairs).T
    rows = random.sample(range(len(pairs)), len(pairs))
    there = cohen_kappa(first, second, categories=4, weights=weights)
    back = cohen_kappa(second[rows], first[rows], categories=4, weights=weights)
    assert_allclose(there.coefficient.value, back.coefficient.value, atol=1e-10)
    assert_allclose(there.standard_error, back.standard_error, atol=1e-7)


@given(ratings, st.permutations(range(4)))
def test_plain_kappa_does_not_know_the_names_of_grades(pairs, names) -> None:
    first, second = np.array(pairs).T
    there = cohen_kappa(first, second, categories=4)
    back = cohen_kappa(np.array(names)[first], np.array(names)[second], categories=4)
    assert_allclose(there.coefficient.value, back.coefficient.value, atol=1e-10)
    assert_allclose(there.standard_error, back.standard_error, atol=1e-7)


def test_one_grade_throughout_is_undefined_not_one() -> None:
    agreement = cohen_kappa([1] * 5, [1] * 5, categories=4)
    assert math.isnan(agreement.coefficient.value)
    assert (agreement.observed, agreement.expected, agreement.coefficient.n) == (1.0, 1.0, 5)


def test_perfect_agreement_is_one() -> None:
    agreement = cohen_kappa([0, 1, 2, 3], [0, 1, 2, 3], categories=4)
    assert_allclose([agreement.coefficient.value, agreement.coefficient.high], 1.0, atol=1e-7)
    assert_allclose(agreement.coefficient.low, 1 - (1 - 0.025 ** (1 / 4)) / (1 - 1 / 4))


def test_nothing_rated_and_a_single_subject() -> None:
    assert math.isnan(cohen_kappa([], [], categories=4).coefficient.value)
    single = cohen_kappa([0, math.nan], [1, 1], categories=4).coefficient
    assert (single.value, single.n) == (0.0, 1)
    assert math.isnan(single.low)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(EvaluationError, match="rating 4"):
        cohen_kappa([0, 4], [0, 1], categories=4)
    with pytest.raises(EvaluationError, match="expected a share"):
        cohen_kappa_from_table(XEROMAMMOGRAMS, confidence=95)
