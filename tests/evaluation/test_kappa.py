"""Cohen's kappa of boxes that are each a patient of their own, against Stata's printed example and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from rating_tables import raters_of
from sklearn.metrics import cohen_kappa_score

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.agreement import Agreement
from tfspine.evaluation.statistics.clustered_agreement import Coefficient, clustered_agreement
from tfspine.evaluation.statistics.weights import Weights

XEROMAMMOGRAMS = [[21, 12, 0, 0], [4, 17, 1, 0], [3, 9, 15, 2], [0, 0, 0, 1]]
ratings = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40)


def cohen_kappa(first, second, *, weights: Weights = Weights.IDENTITY, confidence: float = 0.95) -> Agreement:
    return clustered_agreement(
        first,
        second,
        range(len(first)),
        categories=4,
        weights=weights,
        coefficient=Coefficient.COHEN,
        confidence=confidence,
    )


def test_published_kappa() -> None:
    # Stata manual, [R] kappa, rate2: agreement 63.53 %, expected 30.82 %, kappa 0.4728.
    agreement = cohen_kappa(*raters_of(XEROMAMMOGRAMS))
    assert_allclose([agreement.observed, agreement.expected], [0.6353, 0.3082], atol=5e-5)
    assert_allclose(agreement.coefficient.value, 0.4728, atol=5e-5)


@given(
    ratings, st.sampled_from([(Weights.IDENTITY, None), (Weights.LINEAR, "linear"), (Weights.QUADRATIC, "quadratic")])
)
def test_scikit_learn_agrees(pairs, weights) -> None:
    first, second = np.array(pairs).T
    assume(len({*first, *second}) > 1)
    theirs = cohen_kappa_score(first, second, weights=weights[1], labels=range(4))
    ours = cohen_kappa(first, second, weights=weights[0])
    assert_allclose(ours.coefficient.value, theirs, atol=1e-10)


@given(ratings, st.sampled_from(list(Weights)), st.randoms(use_true_random=False))
def test_neither_raters_nor_rows_have_an_order(pairs, weights, random) -> None:
    first, second = np.array(pairs).T
    rows = random.sample(range(len(pairs)), len(pairs))
    there = cohen_kappa(first, second, weights=weights)
    back = cohen_kappa(second[rows], first[rows], weights=weights)
    assert_allclose(there.coefficient.value, back.coefficient.value, atol=1e-10)
    assert_allclose(there.standard_error, back.standard_error, atol=1e-7)


@given(ratings, st.permutations(range(4)))
def test_plain_kappa_does_not_know_the_names_of_grades(pairs, names) -> None:
    first, second = np.array(pairs).T
    there = cohen_kappa(first, second)
    back = cohen_kappa(np.array(names)[first], np.array(names)[second])
    assert_allclose(there.coefficient.value, back.coefficient.value, atol=1e-10)
    assert_allclose(there.standard_error, back.standard_error, atol=1e-7)


def test_one_grade_throughout_is_undefined_not_one() -> None:
    agreement = cohen_kappa([1] * 5, [1] * 5)
    assert math.isnan(agreement.coefficient.value)
    assert (agreement.observed, agreement.expected, agreement.coefficient.n) == (1.0, 1.0, 5)


def test_perfect_agreement_is_one() -> None:
    agreement = cohen_kappa([0, 1, 2, 3], [0, 1, 2, 3])
    assert_allclose([agreement.coefficient.value, agreement.coefficient.high], 1.0, atol=1e-7)
    assert_allclose(agreement.coefficient.low, 1 - (1 - 0.025 ** (1 / 4)) / (1 - 1 / 4))


def test_nothing_rated_and_a_single_subject() -> None:
    assert math.isnan(cohen_kappa([], []).coefficient.value)
    single = cohen_kappa([0, math.nan], [1, 1]).coefficient
    assert (single.value, single.n) == (0.0, 1)
    assert math.isnan(single.low)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(EvaluationError, match="rating 4"):
        cohen_kappa([0, 4], [0, 1])
    with pytest.raises(EvaluationError, match="expected a share"):
        cohen_kappa([0, 1], [0, 1], confidence=95)
