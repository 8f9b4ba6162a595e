"""Areas with intervals clustered by patient, against leaving out by hand, DeLong and Obuchowski's formula."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.clustered_auc import (
    areas_without,
    clustered_auc,
    clustered_auc_difference,
    clustered_average_precision,
)
from tfspine.evaluation.statistics.roc import auc, auc_difference


def scores(seed: int, *, patients: int, regions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return truth, two scores with ties, and patients with similar regions."""
    generator = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), regions)
    severity = generator.normal(size=patients)[patient] + 0.7 * generator.normal(size=patient.size)
    lean = 0.5 * generator.normal(size=(2, patients))[:, patient]
    first, second = np.round(severity + lean + 0.5 * generator.normal(size=lean.shape), 1)
    return severity > 0.8, first, second, patient


def test_areas_without_a_patient_are_those_of_scikit_learn() -> None:
    truth, score, _, patient = scores(1, patients=12, regions=5)
    value, without = areas_without(truth, score, patient)
    assert value == pytest.approx(roc_auc_score(truth, score))
    expected = [roc_auc_score(truth[patient != p], score[patient != p]) for p in range(12)]
    assert without == pytest.approx(np.array(expected))


def test_average_precision_without_a_patient_is_that_of_scikit_learn() -> None:
    truth, score, _, patient = scores(2, patients=15, regions=6)
    found = clustered_average_precision(truth, score, patient)
    value = average_precision_score(truth, score)
    changes = [average_precision_score(truth[patient != p], score[patient != p]) - value for p in range(15)]
    error = math.sqrt(14 / 15 * sum(change**2 for change in changes))
    degrees = min(2 * 15 / (stats.kurtosis(changes, fisher=False) - 1), 14)
    half = stats.t.ppf(0.975, degrees) * error / (value * (1 - value))
    logit = math.log(value / (1 - value))
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == pytest.approx(
        (1 / (1 + math.exp(half - logit)), 1 / (1 + math.exp(-half - logit)))
    )


def test_of_patients_with_one_region_each_it_is_delongs() -> None:
    truth, first, second, _ = scores(3, patients=2000, regions=1)
    found = clustered_auc_difference(truth, first, second, np.arange(2000))
    delong = auc_difference(truth, first, second)
    assert found.estimate.value == pytest.approx(delong.estimate.value)
    assert found.standard_error == pytest.approx(delong.standard_error, rel=0.003)
    alone, usual = clustered_auc(truth, first, np.arange(2000)), auc(truth, first)
    assert alone.high - alone.low == pytest.approx(usual.high - usual.low, rel=0.02)


def test_for_many_patients_the_variance_is_obuchowskis() -> None:
    """Sums of placements of each patient's positives, X, and negatives, Y, and their covariance (Biometrics 1997)."""
    truth, score, _, patient = scores(4, patients=400, regions=6)
    m, n = truth.sum(), (~truth).sum()
    area = roc_auc_score(truth, score)
    beats = (score[truth][:, None] > score[~truth]) + 0.5 * (score[truth][:, None] == score[~truth])
    x = np.bincount(patient[truth], beats.mean(axis=1) - area, minlength=400)
    y = np.bincount(patient[~truth], beats.mean(axis=0) - area, minlength=400)
    with_x, with_y = np.unique(patient[truth]).size, np.unique(patient[~truth]).size
    variance = (
        with_x / (with_x - 1) * (x**2).sum() / m**2
        + with_y / (with_y - 1) * (y**2).sum() / n**2
        + 2 * 400 / 399 * (x * y).sum() / (m * n)
    )
    without = areas_without(truth, score, patient)[1]
    assert 399 / 400 * ((without - area) ** 2).sum() == pytest.approx(variance, rel=0.03)


def test_regions_repeated_within_patients_say_no_more() -> None:
    truth, first, second, patient = scores(5, patients=40, regions=4)
    once = clustered_auc_difference(truth, first, second, patient)
    twice = clustered_auc_difference(*(np.repeat(each, 2) for each in (truth, first, second, patient)))
    assert twice.p_value == pytest.approx(once.p_value)
    same = clustered_auc_difference(truth, first, 3 * first + 1, patient)
    assert same.estimate.value == 0 and same.p_value == 1.0


def test_what_is_undefined_or_does_not_fit() -> None:
    assert not clustered_auc([1, 1], [0.1, 0.2], ["p", "q"]).is_defined
    perfect = clustered_auc([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], ["p", "q", "p", "q"])
    assert perfect.value == 1.0 and math.isnan(perfect.low)
    assert not clustered_auc([], [], []).is_defined and not clustered_average_precision([], [], []).is_defined
    with pytest.raises(EvaluationError, match="three equal"):
        clustered_auc([1, 0], [0.1, 0.2], ["p"])
    with pytest.raises(EvaluationError, match="finite number"):
        clustered_auc([1, 0], [0.1, math.nan], ["p", "q"])
