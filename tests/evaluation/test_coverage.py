"""How often each interval holds the truth, on simulated data whose truth is known.

A 95 % interval must hold the truth in about 95 % of R data sets. Accepted is a count of hits that a binomial of R and
0.95 -+ 0.01 reaches with a probability of 1 in 10,000 on either side; the 0.01 allows for intervals that are right
in large samples only. That is 90 to 99.5 % of 400 data sets, and 93 to 97.1 % of the 4000 of the slow run.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from rating_tables import raters_of
from scipy import integrate, stats

from tfspine.evaluation.statistics.accuracy import ProportionInterval, poisson_rate, proportion
from tfspine.evaluation.statistics.agreement import gwet, gwet_difference, gwet_of_raters
from tfspine.evaluation.statistics.bootstrap import gwet_statistic, patient_bootstrap, share_statistic
from tfspine.evaluation.statistics.clustered_agreement import Coefficient, clustered_agreement
from tfspine.evaluation.statistics.estimate import Estimate, mean_estimate
from tfspine.evaluation.statistics.paired_tests import non_inferiority
from tfspine.evaluation.statistics.probability_scores import brier, expected_calibration_error
from tfspine.evaluation.statistics.ratings import Missing
from tfspine.evaluation.statistics.roc import AucInterval, auc, auc_difference, average_precision
from tfspine.evaluation.statistics.rsna_loss import rsna_2024_loss
from tfspine.evaluation.statistics.weights import Weights
from tfspine.evaluation.tables.agreement_weighted import macro_f1
from tfspine.labels import Region

Draw = Callable[[np.random.Generator], Estimate]
PREVALENCE = np.array([0.55, 0.25, 0.12, 0.08])
QUADRATIC = 1 - np.subtract.outer(range(4), range(4)) ** 2 / 9


def reading(skill: float) -> np.ndarray:
    """Probability [true grade, grade given] of a reader who knows with probability `skill`, and otherwise guesses."""
    return skill * np.eye(4) + (1 - skill) / 4


def joint(first: float, second: float) -> np.ndarray:
    """Probability [4, 4] of each pair of grades that readers of these skills give."""
    return np.einsum("c,ck,cl->kl", PREVALENCE, reading(first), reading(second))


def rate(generator: np.random.Generator, truth: np.ndarray, skill: float | np.ndarray) -> np.ndarray:
    return np.where(generator.random(truth.shape) < skill, truth, generator.integers(0, 4, truth.shape))


def true_gwet(table: np.ndarray, weight: np.ndarray) -> float:
    prevalence = (table.sum(axis=0) + table.sum(axis=1)) / 2
    expected = weight.sum() * (prevalence * (1 - prevalence)).sum() / 12
    return float(((weight * table).sum() - expected) / (1 - expected))


def true_kappa(table: np.ndarray, weight: np.ndarray) -> float:
    expected = (weight * np.outer(table.sum(axis=1), table.sum(axis=0))).sum()
    return float(((weight * table).sum() - expected) / (1 - expected))


def true_macro_f1(table: np.ndarray) -> float:
    return float((2 * np.diag(table) / (table.sum(axis=0) + table.sum(axis=1))).mean())


def overlaps(generator: np.random.Generator) -> Estimate:
    return mean_estimate(generator.beta(8, 2, 40), name="mean IoU", confidence=0.95, lowest=0.0, highest=1.0)


def counts(generator: np.random.Generator, n: int) -> np.ndarray:
    return generator.multinomial(n, joint(1.0, 0.75).ravel()).reshape(4, 4)


def kappa(table: np.ndarray, *, weights: Weights = Weights.IDENTITY) -> Estimate:
    first, second = raters_of(table)
    kind = Coefficient.COHEN
    people = range(len(first))
    return clustered_agreement(first, second, people, categories=4, weights=weights, coefficient=kind).coefficient


def mean_f1(table: np.ndarray) -> Estimate:
    truth, calls = (ratings.astype(float) for ratings in raters_of(table))
    return macro_f1(truth, calls, np.arange(len(truth)), confidence=0.95)


def three_readers(generator: np.random.Generator) -> Estimate:
    truth = np.repeat(generator.choice(4, (150, 1), p=PREVALENCE), 3, axis=1)
    ratings = rate(generator, truth, 0.8).astype(float)
    ratings[generator.random(ratings.shape) < 0.2] = math.nan
    return gwet_of_raters(ratings, categories=4, missing=Missing.AVAILABLE).coefficient


def two_readers(generator: np.random.Generator) -> Estimate:
    truth = generator.choice(4, 200, p=PREVALENCE)
    return gwet_difference(truth, rate(generator, truth, 0.85), rate(generator, truth, 0.7), categories=4).estimate


def paired_calls(generator: np.random.Generator) -> Estimate:
    kinds = generator.choice(4, 60, p=[0.75, 0.12, 0.05, 0.08])
    return non_inferiority(kinds <= 1, (kinds == 0) | (kinds == 2), margin=0.1).difference


def scores(generator: np.random.Generator, positives: int, negatives: int, *shifts: float) -> tuple[np.ndarray, ...]:
    """Truth, and for each shift scores that share half of their noise."""
    truth = np.arange(positives + negatives) < positives
    shared = generator.normal(size=truth.size)
    own = (math.sqrt(0.5) * (shared + generator.normal(size=truth.size)) for _ in shifts)
    return truth, *(shift * truth + noise for shift, noise in zip(shifts, own, strict=True))


def area(shift: float) -> float:
    """Area under the ROC curve of two normal distributions that lie `shift` standard deviations apart."""
    return float(stats.norm.cdf(shift / math.sqrt(2)))


def true_average_precision(shift: float, prevalence: float) -> float:
    def precision(recall: float) -> float:
        false_positives = stats.norm.sf(stats.norm.isf(recall) + shift)
        return prevalence * recall / (prevalence * recall + (1 - prevalence) * false_positives)

    return float(integrate.quad(precision, 0, 1)[0])


def forecast(generator: np.random.Generator) -> Estimate:
    probabilities = generator.dirichlet(np.ones(3), 100)
    grades = (generator.random((100, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return brier(probabilities, grades)


def overconfident(generator: np.random.Generator) -> Estimate:
    # Sure at 0.95 and right in 70 %, and at 0.7 and right in 50 %: gaps of 0.25 and 0.2.
    top = np.repeat([0.95, 0.7], 100)
    right = generator.random(200) < np.repeat([0.7, 0.5], 100)
    return expected_calibration_error(np.column_stack([1 - top, top]), right.astype(int), bins=10)


CANAL, MIXTURE = 5, ((0.5, (0.9, 0.08, 0.02)), (0.5, (0.6, 0.25, 0.15)))
FORECAST = np.array([0.7, 0.2, 0.1])
EASY, HARD = 0.98, 0.3  # skill of a reader of easy and of hard patients


def challenge(generator: np.random.Generator) -> Estimate:
    """Eighty studies of two kinds, five canals each, always with the same forecast."""
    kinds = generator.integers(0, 2, 80)
    grades = np.concatenate([generator.choice(3, CANAL, p=MIXTURE[kind][1]) for kind in kinds])
    return rsna_2024_loss(
        np.tile(FORECAST, (grades.size, 1)),
        grades,
        regions=[Region.CENTRAL_CANAL] * grades.size,
        studies=np.repeat(np.arange(80), CANAL),
    ).loss


def true_challenge() -> float:
    share = sum(p * np.array(grades) for p, grades in MIXTURE)
    weight = np.array([1, 2, 4])
    canal = (share * weight * -np.log(FORECAST)).sum() / (share * weight).sum()
    none = sum(p * grades[0] ** CANAL for p, grades in MIXTURE)
    severe = sum(p * (1 - (1 - grades[2]) ** CANAL) for p, grades in MIXTURE)
    worst = np.array([none, 1 - none - severe, severe]) * weight
    any_severe = worst @ -np.log([0.9, 0.9, 0.1]) / worst.sum()
    return float((canal + any_severe) / 2)


def clustered(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, reading and patient of 120 patients' four regions; half of the patients are hard to read."""
    patients = np.repeat(np.arange(120), 4)
    truth = generator.choice(4, 480, p=PREVALENCE)
    skill = np.where(generator.random(120) < 0.5, EASY, HARD)[patients]
    return truth, rate(generator, truth, skill), patients


def bootstrapped_agreement(generator: np.random.Generator) -> Estimate:
    truth, reader, patients = clustered(generator)
    return patient_bootstrap(gwet_statistic(truth, reader, categories=4), patients, replicates=400, seed=1)


def bootstrapped_share(generator: np.random.Generator) -> Estimate:
    truth, reader, patients = clustered(generator)
    hits = share_statistic((reader == truth) & (truth == 0), truth == 0)
    return patient_bootstrap(hits, patients, replicates=400, seed=1)


HARD_AND_EASY = (joint(1.0, HARD) + joint(1.0, EASY)) / 2
KNOWN_NORMAL = 1 - (1 - (EASY + HARD) / 2) * 3 / 4  # one guess of four is right

INTERVALS: dict[str, tuple[Draw, float]] = {
    "AC1": (
        lambda g: gwet(*raters_of(counts(g, 150)), categories=4).coefficient,
        true_gwet(joint(1.0, 0.75), np.eye(4)),
    ),
    "AC2": (
        lambda g: gwet(*raters_of(counts(g, 150)), categories=4, weights=Weights.QUADRATIC).coefficient,
        true_gwet(joint(1.0, 0.75), QUADRATIC),
    ),
    "AC1 of three readers with holes": (three_readers, true_gwet(joint(0.8, 0.8), np.eye(4))),
    "difference of AC1": (
        two_readers,
        true_gwet(joint(1.0, 0.85), np.eye(4)) - true_gwet(joint(1.0, 0.7), np.eye(4)),
    ),
    "kappa": (lambda g: kappa(counts(g, 200)), true_kappa(joint(1.0, 0.75), np.eye(4))),
    "weighted kappa": (
        lambda g: kappa(counts(g, 200), weights=Weights.QUADRATIC),
        true_kappa(joint(1.0, 0.75), QUADRATIC),
    ),
    "macro F1": (lambda g: mean_f1(counts(g, 300)), true_macro_f1(joint(1.0, 0.75))),
    "Poisson": (lambda g: poisson_rate(g.poisson(40 * 1.7), 40), 1.7),
    "mean": (overlaps, 4 / 5),
    "Wilson": (lambda g: proportion(g.binomial(150, 0.83), 150, interval=ProportionInterval.WILSON), 0.83),
    "Tango": (paired_calls, 0.12 - 0.05),
    "AUC": (lambda g: auc(*scores(g, 60, 90, 1.2)), area(1.2)),
    "AUC, logit": (lambda g: auc(*scores(g, 40, 60, 1.8), interval=AucInterval.LOGIT), area(1.8)),
    "difference of AUC": (lambda g: auc_difference(*scores(g, 60, 90, 1.5, 1.0)).estimate, area(1.5) - area(1.0)),
    "average precision": (lambda g: average_precision(*scores(g, 150, 350, 1.0)), true_average_precision(1.0, 0.3)),
    "Brier": (forecast, 0.5),  # E sum p_k^2 of Dirichlet(1, 1, 1) is 3 * 2 / (3 * 4)
    "calibration error": (overconfident, 0.5 * 0.25 + 0.5 * 0.2),
    "RSNA 2024": (challenge, true_challenge()),
    "bootstrap of AC1": (bootstrapped_agreement, true_gwet(HARD_AND_EASY, np.eye(4))),
    "bootstrap of a share": (bootstrapped_share, KNOWN_NORMAL),
}


def hits(draw: Draw, truth: float, *, data_sets: int) -> int:
    generator = np.random.default_rng(2024)
    estimates = (draw(generator) for _ in range(data_sets))
    return sum(estimate.low <= truth <= estimate.high for estimate in estimates)


def assert_covers(draw: Draw, truth: float, *, data_sets: int) -> None:
    found = hits(draw, truth, data_sets=data_sets)
    low, high = stats.binom.ppf(1e-4, data_sets, 0.94), stats.binom.isf(1e-4, data_sets, 0.96)
    assert low <= found <= high, f"{found / data_sets:.3f}"


@pytest.mark.parametrize("name", INTERVALS)
def test_an_interval_covers_what_it_says(name: str) -> None:
    assert_covers(*INTERVALS[name], data_sets=400)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("name", INTERVALS)
def test_an_interval_covers_what_it_says_within_a_hundredth(name: str) -> None:
    assert_covers(*INTERVALS[name], data_sets=4000)


@pytest.mark.parametrize("n", [10, 56, 134])
def test_clopper_pearson_covers_always_and_wilson_on_average(n: int) -> None:
    # Exactly: the probability of every outcome whose interval holds the truth, no simulation.
    truths = np.linspace(0.005, 0.995, 199)
    outcomes = stats.binom.pmf(np.arange(n + 1)[:, None], n, truths)
    coverage = {}
    for interval in ProportionInterval:
        estimates = [proportion(k, n, interval=interval) for k in range(n + 1)]
        low, high = (np.array([[getattr(e, end)] for e in estimates]) for end in ("low", "high"))
        coverage[interval] = (outcomes * ((low <= truths) & (truths <= high))).sum(axis=0)
    assert coverage[ProportionInterval.CLOPPER_PEARSON].min() >= 0.95
    assert coverage[ProportionInterval.WILSON].min() < 0.95
    assert abs(coverage[ProportionInterval.WILSON].mean() - 0.95) < 0.01


def test_regions_of_one_patient_taken_as_independent_promise_too_much() -> None:
    # Why there is a bootstrap over patients: the plain interval of the same data holds the truth far too rarely.
    def plain(generator: np.random.Generator) -> Estimate:
        truth, reader, _ = clustered(generator)
        return gwet(truth, reader, categories=4).coefficient

    assert hits(plain, INTERVALS["bootstrap of AC1"][1], data_sets=400) / 400 < 0.9
