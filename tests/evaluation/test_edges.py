"""Every estimator where the data show no spread, or are hardly any: none claims to be certain."""

import math

import numpy as np
import pytest
from scipy import stats

from tfspine.evaluation.boxes.member_average import average_metrics
from tfspine.evaluation.boxes.reader_metrics import compare
from tfspine.evaluation.statistics.accuracy import poisson_rate, proportion
from tfspine.evaluation.statistics.agreement import gwet, gwet_difference, gwet_of_raters
from tfspine.evaluation.statistics.bootstrap import patient_bootstrap, share_statistic
from tfspine.evaluation.statistics.clustered_agreement import Coefficient, clustered_agreement
from tfspine.evaluation.statistics.estimate import Estimate, edge_share, mean_estimate, significance
from tfspine.evaluation.statistics.paired_tests import pooled_z
from tfspine.evaluation.statistics.probability_scores import brier, expected_calibration_error
from tfspine.evaluation.statistics.roc import auc, auc_difference, average_precision
from tfspine.evaluation.statistics.rsna_loss import rsna_2024_loss
from tfspine.evaluation.tables.agreement_weighted import macro_f1
from tfspine.evaluation.tables.paper import accuracy_table
from tfspine.labels import Region

SURE = np.array([[1.0, 0.0, 0.0, 0.0]])


def kappa(first: list[int], second: list[int]) -> Estimate:
    people = range(len(first))
    return clustered_agreement(first, second, people, categories=4, coefficient=Coefficient.COHEN).coefficient


def estimates(n: int) -> dict[str, Estimate]:
    """Return each estimator's result for n identical units, at the limit of its range."""
    grades, shares = [0, 1, 2, 3] * n, np.eye(4)[[0, 1, 2, 3] * n]
    truth, scores = [True] * n + [False] * n, [0.9] * n + [0.1] * n
    thirds = np.eye(3)[[0] * n]
    return {
        "AC1": gwet(grades, grades, categories=4).coefficient,
        "AC1 of one grade": gwet([2] * n, [2] * n, categories=4).coefficient,
        "AC1 of three": gwet_of_raters([[1, 1, 1]] * n, categories=4).coefficient,
        "AC1, never": gwet([0] * n, [3] * n, categories=4).coefficient,
        "AC1 difference": gwet_difference([0] * n, [0] * n, [1] * n, categories=4).estimate,
        "kappa": kappa(grades, grades),
        "kappa of one grade": kappa([0] * n, [0, 1] * (n // 2) + [0] * (n % 2)),
        "macro F1": macro_f1(np.array(grades, float), np.array(grades, float), np.arange(4 * n), confidence=0.95),
        "share of all": proportion(n, n),
        "share of none": proportion(0, n),
        "rate": poisson_rate(0, n),
        "mean": mean_estimate(np.ones(n), name="IoU", confidence=0.95, lowest=0.0, highest=1.0),
        "Brier": brier(shares, grades),
        "ECE": expected_calibration_error(shares, grades),
        "AUC": auc(truth, scores),
        "AUC of one score": auc(truth, [0.5] * (2 * n)),
        "AUC difference": auc_difference(truth, scores, [0.5] * (2 * n)).estimate,
        "average precision": average_precision(truth, scores),
        "loss": rsna_2024_loss(thirds, [0] * n, regions=[Region.CENTRAL_CANAL] * n, studies=list(range(n))).loss,
        "bootstrap": patient_bootstrap(share_statistic([True] * n, [True] * n), list(range(n)), seed=1, replicates=50),
    }


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_units_that_are_all_alike_make_no_estimate_certain(n: int) -> None:
    for name, estimate in estimates(n).items():
        is_dash = math.isnan(estimate.low) and math.isnan(estimate.high)
        assert is_dash or estimate.high - estimate.low > 0.02, (name, estimate)
        assert is_dash or estimate.low <= estimate.value <= estimate.high, (name, estimate)


def test_more_units_that_are_alike_narrow_the_interval() -> None:
    few, many = estimates(3), estimates(30)
    for name, estimate in few.items():
        if not math.isnan(estimate.low):
            assert many[name].high - many[name].low < estimate.high - estimate.low, name


def test_three_regions_alike_are_not_certain() -> None:
    # One grade throughout: nothing agrees by chance, so that the coefficient is the share that agrees, of 3/3.
    agreement = gwet([1, 1, 1], [1, 1, 1], categories=4)
    assert agreement.coefficient.low == pytest.approx(stats.beta.ppf(0.025, 3, 1))
    assert math.isnan(agreement.p_value)


def test_no_spread_gives_no_p() -> None:
    assert math.isnan(significance(1.0, 0.0, degrees=5)[1])
    assert math.isnan(gwet_difference([0] * 9, [0] * 9, [1] * 9, categories=4).p_value)


def test_the_edge_is_that_of_clopper_and_pearson() -> None:
    for units in (1, 5, 40):
        assert edge_share(units, 0.95) == pytest.approx(stats.beta.ppf(0.975, 1, units))


@pytest.mark.parametrize(("n", "agreeing"), [(10, 0.95), (20, 0.98), (5, 0.9)])
def test_the_interval_of_agreement_covers_where_samples_often_show_no_spread(n: int, agreeing: float) -> None:
    # Two raters, two grades of a half each: pe = 1/2, AC1 = 2 (share that agrees) - 1.
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        first = rng.integers(0, 2, n)
        second = np.where(rng.random(n) < agreeing, first, 1 - first)
        found = gwet(first, second, categories=2).coefficient
        covered += found.low <= 2 * agreeing - 1 <= found.high
    assert covered / 400 > 0.93  # 60 % of the samples and more disagree nowhere: a point would never cover


def test_p_of_an_average_is_of_its_share_and_not_of_whole_boxes(box_table) -> None:
    # Two members find 1 and 2 of 3 positives: 1.5 of 3 is no whole count, and rounds to 2.
    reference = box_table(*({"slice": f"s{n}", "grade": "severe"} for n in range(3)))
    members = [
        compare(reference, reference.assign(grade=["severe"] * hits + ["mild"] * (3 - hits)), iou=0.3, confidence=0.95)
        for hits in (1, 2)
    ]
    none = compare(reference, reference.assign(grade="mild"), iou=0.3, confidence=0.95)
    table = accuracy_table({"internal": {"mean": average_metrics(members), "human": none}}, model="mean")
    z = 0.5 / math.sqrt(0.25 * 0.75 * (1 / 3 + 1 / 3))
    assert table.rows[1]["p_sensitivity_by_box"] == pytest.approx(2 * stats.norm.sf(z))


def test_the_pooled_z_of_sure_shares_is_undefined() -> None:
    assert math.isnan(pooled_z(1.0, 3, 1.0, 4).p_value)
