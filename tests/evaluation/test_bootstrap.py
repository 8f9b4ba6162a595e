"""The bootstrap over patients: its speed, its units, and a loop that does the same one patient at a time."""

import math
import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.accuracy import proportion
from tfspine.evaluation.statistics.agreement import gwet
from tfspine.evaluation.statistics.bootstrap import gwet_statistic, patient_bootstrap, share_statistic
from tfspine.evaluation.statistics.weights import Weights


def readings(seed: int, n: int = 1600, patients: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    reference = generator.choice(4, n, p=[0.6, 0.2, 0.12, 0.08])
    reader = np.where(generator.random(n) < 0.8, reference, generator.integers(0, 4, n))
    return reference, reader, generator.integers(0, patients, n)


def test_two_thousand_replicates_of_1600_regions_take_less_than_two_seconds() -> None:
    reference, reader, patients = readings(0)
    truth, calls = reference >= 2, reader >= 2
    statistics = [
        gwet_statistic(reference, reader, categories=4),
        share_statistic(calls & truth, truth),
        share_statistic(~calls & ~truth, ~truth),
    ]
    start = time.process_time()  # of the processor: another program's work is not ours
    estimates = [patient_bootstrap(statistic, patients, replicates=2000, seed=1) for statistic in statistics]
    assert time.process_time() - start < 2
    values = [gwet(reference, reader, categories=4).coefficient.value, calls[truth].mean(), (~calls)[~truth].mean()]
    assert_allclose([estimate.value for estimate in estimates], values)
    assert all(estimate.low < estimate.value < estimate.high for estimate in estimates)


@pytest.mark.parametrize("weights", [Weights.IDENTITY, Weights.QUADRATIC])
def test_a_loop_over_patients_gives_the_same_limits(weights: Weights) -> None:
    reference, reader, patients = readings(2, n=200, patients=20)
    estimate = patient_bootstrap(
        gwet_statistic(reference, reader, categories=4, weights=weights), patients, replicates=4000, seed=3
    )
    generator = np.random.default_rng(4)
    rows = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
    values = []
    for _ in range(1500):
        drawn = np.concatenate([rows[i] for i in generator.integers(0, len(rows), len(rows))])
        values.append(gwet(reference[drawn], reader[drawn], categories=4, weights=weights).coefficient.value)
    # Monte-Carlo error of a 2.5 % quantile from 1500 draws: about 0.07 standard deviations; four of them are allowed.
    limits = np.quantile(values, [0.025, 0.975])
    assert_allclose([estimate.low, estimate.high], limits, atol=0.3 * np.std(values))


def test_one_region_a_patient_is_scipys_bootstrap() -> None:
    hits = np.random.default_rng(5).random(150) < 0.8
    ours = patient_bootstrap(share_statistic(hits, np.ones(150, bool)), np.arange(150), replicates=9999, seed=1)
    theirs = stats.bootstrap(
        (hits.astype(float),), np.mean, n_resamples=9999, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert_allclose([ours.low, ours.high], theirs, atol=1.01 / 150)  # steps of one region


def test_regions_that_repeat_within_their_patient_add_nothing() -> None:
    reference, reader, _ = readings(6, n=60)
    once = patient_bootstrap(gwet_statistic(reference, reader, categories=4), np.arange(60), seed=1)
    copied = patient_bootstrap(
        gwet_statistic(np.repeat(reference, 5), np.repeat(reader, 5), categories=4), np.repeat(np.arange(60), 5), seed=1
    )
    assert_allclose([once.low, once.value, once.high], [copied.low, copied.value, copied.high])
    naive = gwet(np.repeat(reference, 5), np.repeat(reader, 5), categories=4).coefficient
    assert naive.high - naive.low < 0.6 * (copied.high - copied.low)
    assert (once.n, copied.n) == (60, 300)


def test_a_seed_is_an_interval_and_names_of_patients_are_none() -> None:
    reference, reader, patients = readings(7, n=100, patients=9)
    statistic = gwet_statistic(reference, reader, categories=4)
    first = patient_bootstrap(statistic, patients, seed=1)
    assert first == patient_bootstrap(statistic, patients, seed=1)
    assert first == patient_bootstrap(statistic, [f"patient {p}" for p in patients], seed=1)
    assert first.low != patient_bootstrap(statistic, patients, seed=2).low


def test_many_regions_go_through_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, reader, patients = readings(8, n=100, patients=9)
    statistic = gwet_statistic(reference, reader, categories=4)
    whole = patient_bootstrap(statistic, patients, seed=1)
    monkeypatch.setattr("tfspine.evaluation.statistics.bootstrap._CHUNK", 700)
    parts = patient_bootstrap(statistic, patients, seed=1)
    assert_allclose([whole.low, whole.high], [parts.low, parts.high])


def test_draws_without_positives_are_counted_not_zero() -> None:
    # One of four patients holds all positives: a draw misses it with probability (3/4)^4 = 0.316.
    truth, patients = np.array([True, False, False, False]), np.arange(4)
    estimate = patient_bootstrap(share_statistic(truth, truth), patients, replicates=2000, seed=1)
    undefined = int(estimate.method.split(", ")[-1].split()[0])
    assert abs(undefined / 2000 - 0.75**4) < 4 * math.sqrt(0.316 * 0.684 / 2000)
    assert estimate.value == 1.0
    assert math.isnan(estimate.low)  # no draw shows anything else: that gives no interval


def test_a_share_of_nothing_is_undefined() -> None:
    nobody = np.zeros(5, bool)
    estimate = patient_bootstrap(share_statistic(nobody, nobody), np.arange(5), seed=1)
    assert math.isnan(estimate.value)
    assert math.isnan(estimate.low)
    assert "2000 replicates undefined" in estimate.method


def test_one_patient_has_no_interval() -> None:
    hits = np.array([True, False])
    estimate = patient_bootstrap(share_statistic(hits, np.ones(2, bool)), ["p", "p"], seed=1)
    assert estimate.value == 0.5
    assert math.isnan(estimate.low)
    assert "one patient" in estimate.method


def test_no_regions_are_undefined() -> None:
    nothing = np.zeros(0, bool)
    estimate = patient_bootstrap(share_statistic(nothing, nothing), [], seed=1)
    assert (math.isnan(estimate.value), estimate.n) == (True, 0)


def test_a_difference_keeps_the_pairs_together() -> None:
    reference, reader, patients = readings(9, n=200, patients=20)
    one = gwet_statistic(reference, reader, categories=4)
    same = patient_bootstrap(lambda weights: one(weights) - one(weights), patients, seed=1)
    assert same.value == 0
    assert math.isnan(same.low)


def test_missing_ratings_are_left_out_as_in_gwet() -> None:
    reference, reader, patients = readings(10, n=100, patients=9)
    reader = np.where(np.arange(100) < 10, math.nan, reader)
    estimate = patient_bootstrap(gwet_statistic(reference, reader, categories=4), patients, seed=1)
    assert_allclose(estimate.value, gwet(reference, reader, categories=4).coefficient.value)


def test_independent_regions_give_about_the_exact_interval() -> None:
    hits = np.arange(400) < 340
    ours = patient_bootstrap(share_statistic(hits, np.ones(400, bool)), np.arange(400), replicates=4000, seed=1)
    wilson = proportion(340, 400)
    assert_allclose([ours.low, ours.high], [wilson.low, wilson.high], atol=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: patient_bootstrap(lambda w: w, [1, 2], seed=1), "one per replicate"),
        (lambda: patient_bootstrap(lambda w: w.sum(axis=1), [[1, 2]], seed=1), "one per region"),
        (lambda: patient_bootstrap(lambda w: w.sum(axis=1), [1, 2], replicates=1, seed=1), "1 replicates"),
        (lambda: patient_bootstrap(lambda w: w.sum(axis=1), [1, 2], seed=1, confidence=95), "expected a share"),
        (lambda: patient_bootstrap(lambda w: w.sum(axis=1), [1.0, math.nan], seed=1), "without its patient"),
        # A list of words and a NaN is to NumPy a list of words, "nan" among them.
        (lambda: patient_bootstrap(lambda w: w.sum(axis=1), ["a", math.nan, "b"], seed=1), "without its patient"),
        (lambda: patient_bootstrap(lambda w: w.sum(axis=1), pd.Series(["a", pd.NA]), seed=1), "without its patient"),
        (lambda: patient_bootstrap(lambda w: w.sum(axis=1), [1, 2], replicates=2.5, seed=1), r"2\.5 replicates"),
        (lambda: patient_bootstrap(lambda w: w.sum(axis=1), [1, 2], seed=None), "None as the seed"),
        (lambda: patient_bootstrap(share_statistic([True], [True]), [1, 2], seed=1), "2 regions for a statistic of 1"),
        (lambda: patient_bootstrap(gwet_statistic([0], [1], categories=2), [1, 2], seed=1), "for a statistic of 1"),
        (lambda: share_statistic([True], [False]), "outside the regions"),
        (lambda: share_statistic([2, 0], [1, 1]), "true or false"),
        (lambda: share_statistic([True], [True, True]), "two equal"),
        (lambda: gwet_statistic([0, 4], [0, 1], categories=4), "rating 4"),
    ],
)
def test_wrong_input_is_refused(call, message) -> None:
    with pytest.raises(EvaluationError, match=message):
        call()
