"""Averages against the paper's printed columns, disagreement by hand, and the reject-option curve."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rating_tables import raters_of
from scipy.stats import entropy

from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.members import (
    average_estimate,
    ensemble,
    mutual_information_bits,
    reject_curve,
)
from tfspine.evaluation.statistics.agreement import gwet
from tfspine.evaluation.statistics.bootstrap import patient_bootstrap, share_statistic
from tfspine.evaluation.statistics.estimate import Estimate, undefined

# Hallinan et al., Radiology 2021;300:130-138, Table 3: Gwet on four grades with limits, nine models and their average.
CANAL = [
    (0.81, 0.79, 0.83), (0.83, 0.81, 0.85), (0.81, 0.79, 0.84), (0.83, 0.81, 0.85), (0.84, 0.82, 0.86),
    (0.84, 0.82, 0.86), (0.84, 0.83, 0.86), (0.83, 0.81, 0.85), (0.78, 0.76, 0.80),
]  # fmt: skip
RECESS = [
    (0.74, 0.70, 0.77), (0.71, 0.67, 0.75), (0.70, 0.67, 0.74), (0.74, 0.70, 0.78), (0.74, 0.70, 0.77),
    (0.71, 0.67, 0.74), (0.71, 0.68, 0.75), (0.71, 0.68, 0.75), (0.72, 0.68, 0.75),
]  # fmt: skip


@pytest.mark.parametrize(("models", "printed"), [(CANAL, (0.82, 0.80, 0.85)), (RECESS, (0.72, 0.68, 0.76))])
def test_the_average_is_the_papers(models: list[tuple[float, ...]], printed: tuple[float, ...]) -> None:
    average = average_estimate([Estimate(*model, 1624, "Gwet AC1, t(1623)") for model in models])
    # Both were rounded to two decimals, so that they may differ by 0.01.
    assert (average.value, average.low, average.high) == pytest.approx(printed, abs=0.01)
    assert (average.n, average.method) == (1624, "mean of 9: Gwet AC1, t(1623)")


def test_what_one_version_leaves_undefined_is_undefined() -> None:
    average = average_estimate([Estimate(0.5, 0.4, 0.6, 10, "Wilson"), undefined(0, "Wilson")])
    assert math.isnan(average.value) and average.n == 5


def test_unlike_estimates_have_no_average() -> None:
    with pytest.raises(EvaluationError, match="Clopper-Pearson, Wilson; expected one method"):
        average_estimate([Estimate(0.5, 0.4, 0.6, 10, "Wilson"), Estimate(0.5, 0.4, 0.6, 10, "Clopper-Pearson")])
    with pytest.raises(EvaluationError, match="by no method"):
        average_estimate([])


def test_weights_are_part_of_a_method_and_what_the_data_gave_is_not() -> None:
    table = [[3, 1, 0], [1, 3, 1], [0, 1, 1]]
    kinds = [gwet(*raters_of(table), categories=3, weights=kind).coefficient for kind in ("linear", "quadratic")]
    with pytest.raises(EvaluationError, match=r"AC2 \(linear\), .*AC2 \(quadratic\), .*expected one method"):
        average_estimate(kinds)
    # Of 3 and of 4 patients, and with another number of draws that hold no positive.
    draws = [
        patient_bootstrap(share_statistic(positive, positive), range(len(positive)), replicates=50, seed=1)
        for positive in ([True, False, False], [True, True, True, False])
    ]
    assert average_estimate(draws).value == 1.0


def test_disagreement_by_hand() -> None:
    sure_of_0, sure_of_3, even = [1.0, 0, 0, 0], [0, 0, 0, 1.0], [0.25] * 4
    two = np.array([[sure_of_0, sure_of_0, even, sure_of_0], [sure_of_0, sure_of_3, even, even]])
    # Of the last: the mean (5/8, 1/8, 1/8, 1/8) has 1.5488 bits, the two have 0 and 2.
    mean_bits = -(5 / 8 * math.log2(5 / 8) + 3 / 8 * math.log2(1 / 8))
    np.testing.assert_allclose(mutual_information_bits(two), [0, 1, 0, mean_bits - 1], atol=1e-12)
    np.testing.assert_allclose(ensemble(two)[3], [5 / 8, 1 / 8, 1 / 8, 1 / 8])


def _members(seed: int, members: int = 3, regions: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet([0.5] * 4, (members, regions))


@given(st.integers(0, 10_000))
def test_disagreement_against_scipy_and_under_relabelling(seed: int) -> None:
    shares = _members(seed)
    found = mutual_information_bits(shares)
    expected = entropy(shares.mean(axis=0), base=2, axis=1) - entropy(shares, base=2, axis=2).mean(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found.min() >= 0 and found.max() <= math.log2(3) + 1e-12
    np.testing.assert_allclose(mutual_information_bits(shares[::-1, :, [2, 0, 3, 1]]), found, atol=1e-12)


def test_refusing_by_hand() -> None:
    reference = [0, 1, 2, 3, 0, 0, 0, 0, 0, 0]
    grades = [0, 1, 2, 2, 0, 0, 0, 0, 2, 3]
    doubt = [0.1, 0.1, 0.1, 0.5, 0.1, 0.1, 0.1, 0.1, 0.8, 0.9]
    curve = reject_curve(reference, grades, doubt, shares=(0.0, 0.1, 0.2, 0.3))
    assert [point.refused for point in curve] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert [point.threshold for point in curve] == [0.9, 0.8, 0.5, 0.1]
    assert [(point.accuracy.value, point.accuracy.n) for point in curve] == [
        (pytest.approx(7 / 10), 10), (pytest.approx(7 / 9), 9), (pytest.approx(7 / 8), 8), (1.0, 7),
    ]  # fmt: skip
    assert curve[3].agreement.coefficient.value == 1.0
    assert [point.two_grades.specificity.value for point in curve[:3]] == pytest.approx([6 / 8, 6 / 7, 1.0])


def test_equal_doubt_goes_together() -> None:
    """Of three equal regions and a more certain one, 0.1 cannot be refused without splitting ties: none is refused."""
    (point,) = reject_curve([0, 0, 0, 0], [0, 0, 0, 1], [0.0, 0.5, 0.5, 0.5], shares=(0.5,))
    assert (point.refused, point.accuracy.n) == (0.0, 4)


@given(st.integers(0, 10_000))
def test_the_order_of_the_regions_and_the_scale_of_the_doubt_do_not_matter(seed: int) -> None:
    generator = np.random.default_rng(seed)
    reference, grades = generator.integers(0, 4, (2, 60))
    doubt = generator.integers(0, 20, 60) / 20
    order = generator.permutation(60)
    curve = reject_curve(reference, grades, doubt)
    other = reject_curve(reference[order], grades[order], np.exp(doubt[order]))
    for one, same in zip(curve, other, strict=True):
        assert (one.refused, one.accuracy) == (same.refused, same.accuracy)
        # Sums in another order differ in their last digit.
        values = [dataclasses.astuple(each.agreement.coefficient)[:3] for each in (one, same)]
        assert values[0] == pytest.approx(values[1], nan_ok=True)
    assert all(
        point.refused <= share + 1e-9
        for point, share in zip(curve, (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5), strict=True)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ensemble(np.ones((2, 3))), r"expected \[members, regions, grades\]"),
        (lambda: ensemble(np.full((2, 3, 4), 0.3)), r"row 0, 0 of probabilities sums to 1\.2"),
        (lambda: ensemble(np.full((2, 3, 4), np.nan)), "probability nan"),
        (lambda: reject_curve([], [], []), "n above 0"),
        (lambda: reject_curve([0], [math.nan], [0.1]), "without a grade or an uncertainty"),
        (lambda: reject_curve([0], [0], [0.1], shares=(1.0,)), "share 1.0 to refuse"),
        (lambda: reject_curve([4], [0], [0.1]), "rating 4; expected a whole number from 0 to 3"),
    ],
)
def test_wrong_input_is_told(call, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        call()


def test_a_likelihood_ratio_without_an_interval_goes_into_the_average() -> None:
    ratios = [
        Estimate(0.4, 0.1, 1.8, 37, "likelihood ratio, logarithm, t(7), 12 patients"),
        Estimate(0.0, float("nan"), float("nan"), 37, "likelihood ratio, logarithm, t(nan), 12 patients"),
    ]
    assert average_estimate(ratios).value == pytest.approx(0.2)
