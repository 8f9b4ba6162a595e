"""How often tests reject what is true, and intervals hold it, where a patient's regions belong together.

50 patients of 10 canals; a canal's severity is half the patient's; each reader leans one way in each patient. With
2,000 studies a share of 5 % has a standard error of 0.5 %.
"""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest
from scipy import optimize
from sklearn.metrics import cohen_kappa_score

from tfspine.evaluation.statistics.agreement import gwet
from tfspine.evaluation.statistics.clustered import clustered_share, clustered_share_difference
from tfspine.evaluation.statistics.clustered_agreement import (
    Coefficient,
    clustered_agreement,
    clustered_agreement_difference,
)
from tfspine.evaluation.statistics.clustered_auc import clustered_auc, clustered_auc_difference
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.statistics.roc import auc
from tfspine.evaluation.statistics.weights import Weights

pytestmark = [pytest.mark.slow, pytest.mark.long]

PATIENTS, CANALS, STUDIES = 50, 10, 2000
CUTS = (0.5, 1.2, 1.9)
PATIENT = np.repeat(np.arange(PATIENTS), CANALS)
MARGIN = 0.05

Readings = tuple[np.ndarray, np.ndarray, np.ndarray]


def draw(generator: np.random.Generator, *, leaning: float, shift: float = 0.0, patients: int = PATIENTS) -> Readings:
    """Return the true grades and those of two readers, [patients * CANALS]; the first calls higher by `shift`."""
    patient = generator.normal(size=(patients, 1))
    severity = patient + 0.7 * generator.normal(size=(patients, CANALS))

    def read(more: float) -> np.ndarray:
        lean = leaning * generator.normal(size=(patients, 1))
        seen = severity + more + lean + 0.5 * generator.normal(size=severity.shape)
        return np.digitize(seen, CUTS).ravel().astype(float)

    return np.digitize(severity, CUTS).ravel().astype(float), read(shift), read(0.0)


def studies(leaning: float, *, seed: int, shift: float = 0.0) -> Iterator[Readings]:
    generator = np.random.default_rng(seed)
    return (draw(generator, leaning=leaning, shift=shift) for _ in range(STUDIES))


@cache
def population(leaning: float) -> Readings:
    return draw(np.random.default_rng(9), leaning=leaning, patients=40_000)


def rejected(p_values: list[float]) -> float:
    return float((np.array(p_values) < 0.05).mean())


def p_of_agreement(truth: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return clustered_agreement_difference(truth, first, second, PATIENT, categories=4).p_value


def p_of_kappa(truth: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return clustered_agreement_difference(
        truth, first, second, PATIENT, categories=4, weights=Weights.QUADRATIC, coefficient=Coefficient.COHEN
    ).p_value


def p_of_sensitivity(truth: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    positive = truth >= 2
    return clustered_share_difference(first[positive] >= 2, second[positive] >= 2, PATIENT[positive]).p_value


def p_of_specificity(truth: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    negative = truth < 2
    return clustered_share_difference(first[negative] < 2, second[negative] < 2, PATIENT[negative]).p_value


def scores(generator: np.random.Generator, *, leaning: float, patients: int) -> tuple[np.ndarray, ...]:
    """Return truth, two scores and patients, [patients * CANALS]."""
    severity = generator.normal(size=(patients, 1)) + 0.7 * generator.normal(size=(patients, CANALS))
    lean = leaning * generator.normal(size=(2, patients, 1))
    first, second = severity + lean + 0.5 * generator.normal(size=(2, *severity.shape))
    return (severity >= CUTS[1]).ravel(), first.ravel(), second.ravel(), np.repeat(np.arange(patients), CANALS)


@pytest.mark.parametrize("leaning", [0.0, 0.5])
def test_areas_of_equal_scores_differ_in_one_study_of_twenty_and_their_intervals_hold(leaning: float) -> None:
    truth, first, _, _ = scores(np.random.default_rng(9), leaning=leaning, patients=40_000)
    true = auc(truth, first).value
    generator = np.random.default_rng(5)
    p_values, held = [], []
    for _ in range(STUDIES):
        truth, first, second, patient = scores(generator, leaning=leaning, patients=PATIENTS)
        p_values.append(clustered_auc_difference(truth, first, second, patient).p_value)
        found = clustered_auc(truth, first, patient)
        held.append(found.low <= true <= found.high)
    assert 0.035 <= rejected(p_values) <= 0.065
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.parametrize("leaning", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("test", [p_of_agreement, p_of_kappa, p_of_sensitivity, p_of_specificity])
def test_readers_who_are_equally_good_differ_in_one_study_of_twenty(
    test: Callable[[np.ndarray, np.ndarray, np.ndarray], float], leaning: float
) -> None:
    assert 0.035 <= rejected([test(*study) for study in studies(leaning, seed=1)]) <= 0.065


def agreement(truth: np.ndarray, call: np.ndarray, patient: np.ndarray) -> Estimate:
    return clustered_agreement(truth, call, patient, categories=4).coefficient


def kappa(truth: np.ndarray, call: np.ndarray, patient: np.ndarray) -> Estimate:
    return clustered_agreement(
        truth, call, patient, categories=4, weights=Weights.QUADRATIC, coefficient=Coefficient.COHEN
    ).coefficient


def sensitivity(truth: np.ndarray, call: np.ndarray, patient: np.ndarray) -> Estimate:
    return clustered_share(call[truth >= 2] >= 2, patient[truth >= 2])


def specificity(truth: np.ndarray, call: np.ndarray, patient: np.ndarray) -> Estimate:
    return clustered_share(call[truth < 2] < 2, patient[truth < 2])


def true_value(measure: Callable[..., Estimate], truth: np.ndarray, call: np.ndarray) -> float:
    """Return the value in the population, by the functions that count boxes."""
    if measure is agreement:
        return gwet(truth, call, categories=4).coefficient.value
    if measure is kappa:
        return float(cohen_kappa_score(truth, call, weights="quadratic", labels=range(4)))
    positive = truth >= 2 if measure is sensitivity else truth < 2
    return float(((call >= 2) == (truth >= 2))[positive].mean())


@pytest.mark.parametrize("leaning", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("measure", [agreement, kappa, sensitivity, specificity])
def test_intervals_hold_the_truth_in_nineteen_studies_of_twenty(
    measure: Callable[..., Estimate], leaning: float
) -> None:
    truth, call, _ = population(leaning)
    true = true_value(measure, truth, call)
    held = []
    for grades, first, _ in studies(leaning, seed=2):
        found = measure(grades, first, PATIENT)
        held.append(found.low <= true <= found.high)
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.parametrize("leaning", [0.0, 0.5])
def test_a_model_worse_by_the_margin_passes_in_one_study_of_forty(leaning: float) -> None:
    def too_bad(shift: float) -> float:
        truth, first, second = draw(np.random.default_rng(3), leaning=leaning, shift=shift, patients=40_000)
        negative = truth < 2
        return float((first[negative] < 2).mean() - (second[negative] < 2).mean() + MARGIN)

    shift = float(optimize.brentq(too_bad, 0.0, 1.0))
    passed = []
    for truth, first, second in studies(leaning, seed=4, shift=shift):
        negative = truth < 2
        found = clustered_share_difference(first[negative] < 2, second[negative] < 2, PATIENT[negative])
        passed.append(found.estimate.low > -MARGIN)
    assert 0.015 <= np.mean(passed) <= 0.035
