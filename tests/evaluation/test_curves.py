"""ROC, precision-recall and DeLong against scikit-learn, SciPy and DeLong's definition pair by pair."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from sklearn import metrics

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.roc import (
    AucInterval,
    auc,
    auc_difference,
    average_precision,
    roc_curve,
)

# Scores of few values, so that ties occur; at least one region of each kind.
cases = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=40).map(
    lambda rows: np.array([(True, 3, 2), (False, 2, 3), *rows]).T
)


def delong_pair_by_pair(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas [k] and covariance [k, k], from all pairs of a positive and a negative (DeLong 1988, equations 4 to 6)."""
    positives, negatives = scores[:, truth][:, :, None], scores[:, ~truth][:, None, :]
    wins = (positives > negatives) + 0.5 * (positives == negatives)
    by_positive, by_negative = wins.mean(axis=2), wins.mean(axis=1)
    covariance = [
        [
            sum(
                ((a[i] - a[i].mean()) * (a[j] - a[j].mean())).sum() / (a.shape[1] - 1) / a.shape[1]
                for a in (by_positive, by_negative)
            )
            for j in range(len(scores))
        ]
        for i in range(len(scores))
    ]
    return wins.mean(axis=(1, 2)), np.array(covariance)


def test_a_roc_curve_by_hand() -> None:
    curve = roc_curve([True, False, True, True, False], [0.9, 0.8, 0.8, 0.4, 0.1])
    assert curve.thresholds.tolist() == [math.inf, 0.9, 0.8, 0.4, 0.1]
    assert_allclose(curve.true_positive_rate, [0, 1 / 3, 2 / 3, 1, 1])
    assert_allclose(curve.false_positive_rate, [0, 0, 1 / 2, 1 / 2, 1])
    # Pairs won: 0.9 wins 2, 0.8 wins 1 and ties 1, 0.4 wins 1: 4.5 of 6.
    assert auc([True, False, True, True, False], [0.9, 0.8, 0.8, 0.4, 0.1]).value == 4.5 / 6


@given(cases)
def test_scikit_learn_agrees(case: np.ndarray) -> None:
    truth, scores = case[0].astype(bool), case[1].astype(float)
    false_positive_rate, true_positive_rate, thresholds = metrics.roc_curve(truth, scores, drop_intermediate=False)
    curve = roc_curve(truth, scores)
    assert_allclose(curve.false_positive_rate, false_positive_rate)
    assert_allclose(curve.true_positive_rate, true_positive_rate)
    assert_allclose(curve.thresholds, thresholds)
    assert_allclose(auc(truth, scores).value, metrics.roc_auc_score(truth, scores))
    assert_allclose(average_precision(truth, scores).value, metrics.average_precision_score(truth, scores))


@given(cases)
def test_the_area_is_that_of_mann_and_whitney(case: np.ndarray) -> None:
    truth, scores = case[0].astype(bool), case[1]
    u = stats.mannwhitneyu(scores[truth], scores[~truth]).statistic
    assert_allclose(auc(truth, scores).value, u / (truth.sum() * (~truth).sum()))


@given(cases)
def test_delong_pair_by_pair(case: np.ndarray) -> None:
    truth, scores = case[0].astype(bool), case[1:].astype(float)
    if min(truth.sum(), (~truth).sum()) < 2:
        return
    areas, covariance = delong_pair_by_pair(truth, scores)
    estimate, difference = auc(truth, scores[0]), auc_difference(truth, *scores)
    half = stats.norm.ppf(0.975) * math.sqrt(covariance[0, 0])
    limits = np.clip([areas[0] - half, areas[0] + half], 0, 1)
    if half > 1e-9:
        assert_allclose([estimate.low, estimate.high], limits, atol=1e-9)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert_allclose(difference.estimate.value, areas[0] - areas[1], atol=1e-12)
    assert_allclose(difference.standard_error**2, variance, atol=1e-12)
    if variance > 1e-9:
        z = (areas[0] - areas[1]) / math.sqrt(variance)
        assert_allclose([difference.statistic, difference.p_value], [z, 2 * stats.norm.sf(abs(z))], atol=1e-9)


@given(cases)
def test_only_the_order_of_scores_matters(case: np.ndarray) -> None:
    truth, scores = case[0].astype(bool), case[1].astype(float)
    shuffled = np.random.default_rng(0).permutation(truth.size)
    for measure in (auc, average_precision):
        plain, bent = measure(truth, scores), measure(truth[shuffled], np.exp(scores)[shuffled])
        assert_allclose([plain.value, plain.low, plain.high], [bent.value, bent.low, bent.high], atol=1e-9)


@given(cases)
def test_turning_truth_round_turns_the_area_round(case: np.ndarray) -> None:
    truth, scores = case[0].astype(bool), case[1].astype(float)
    there, back = auc(truth, scores), auc(~truth, scores)
    assert_allclose([back.value, back.low, back.high], [1 - there.value, 1 - there.high, 1 - there.low], atol=1e-9)


def test_the_logit_interval_is_that_of_the_transformed_area() -> None:
    truth, scores = np.arange(40) % 3 == 0, np.random.default_rng(1).normal(size=40) + (np.arange(40) % 3 == 0)
    plain, logit = auc(truth, scores), auc(truth, scores, interval=AucInterval.LOGIT)
    error = (plain.high - plain.value) / stats.norm.ppf(0.975) / (plain.value * (1 - plain.value))
    centre = math.log(plain.value / (1 - plain.value))
    limits = [1 / (1 + math.exp(-(centre + sign * 1.959964 * error))) for sign in (-1, 1)]
    assert_allclose([logit.low, logit.high], limits, atol=1e-6)
    assert logit.method != plain.method


def test_a_score_does_not_differ_from_itself() -> None:
    truth, scores = [True, True, False, False], [3.0, 1.0, 2.0, 0.0]
    difference = auc_difference(truth, scores, scores)
    assert difference.estimate.value == 0
    assert math.isnan(difference.p_value)


@pytest.mark.parametrize("truth", [[], [True, True], [False, False]])
def test_one_kind_of_region_has_no_area(truth: list[bool]) -> None:
    scores = np.arange(len(truth), dtype=float)
    assert math.isnan(auc(truth, scores).value)
    assert math.isnan(auc_difference(truth, scores, scores).estimate.value)
    assert average_precision(truth, scores).is_defined == any(truth)
    curve = roc_curve(truth, scores)
    assert np.isnan(curve.false_positive_rate).all() == (not truth or all(truth))
    assert np.isnan(curve.true_positive_rate).all() == (not any(truth))


def test_a_single_positive_has_an_area_without_interval() -> None:
    estimate = auc([True, False, False], [2.0, 3.0, 1.0])
    assert estimate.value == 0.5
    assert math.isnan(estimate.low)


def test_perfect_separation() -> None:
    truth, scores = [True, True, False, False], [4.0, 3.0, 2.0, 1.0]
    estimate = auc(truth, scores)
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert_allclose(estimate.low, math.sqrt(0.025))  # Clopper-Pearson of 2/2
    assert math.isnan(auc(truth, scores, interval=AucInterval.LOGIT).low)
    assert average_precision(truth, scores).value == 1.0
    assert math.isnan(average_precision(truth, scores).low)


def test_average_precision_of_constant_scores_is_the_prevalence() -> None:
    assert average_precision([True] + [False] * 4, [0.5] * 5).value == 0.2


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        ([True, False], [0.1], "expected two equal"),
        ([0, 3], [0.1, 0.2], "expected true or false"),
        ([True, False], [0.1, math.nan], "finite"),
        ([True, False], [0.1, math.inf], "finite"),
        ([True, math.nan], [0.1, 0.2], "expected true or false"),
        ([True, False], ["high", "low"], "not numbers"),
    ],
)
def test_wrong_input_is_refused(truth, scores, message) -> None:
    for measure in (auc, roc_curve, average_precision):
        with pytest.raises(EvaluationError, match=message):
            measure(truth, scores)
