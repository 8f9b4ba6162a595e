"""Multi-reader multi-case analysis, against the published example of Van Dyke and others.

Areas, mean squares and covariances by leaving out cases are those that RJafroc (``dataset02``) and MRMCaov
(``VanDyke``) print; so are F, degrees of freedom, P and intervals, to seven digits.
"""

import math

import numpy as np
import pytest

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.multi_reader import obuchowski_rockette, random_readers

AREAS = np.array(
    [
        [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
)
ERROR, COV1, COV2, COV3 = 0.0008022883, 0.0003466137, 0.0003440748, 0.0002390284


def covariance(error: float, cov1: float, cov2: tuple[float, float], cov3: float) -> np.ndarray:
    """Return [2, 5, 2, 5] of equal covariances except for those of one condition."""
    table = np.full((2, 5, 2, 5), cov3)
    for condition in range(2):
        table[condition, :, condition, :] = cov2[condition]
    for reader in range(5):
        table[:, reader, :, reader] = cov1
        for condition in range(2):
            table[condition, reader, condition, reader] = error
    return table


def test_van_dyke() -> None:
    found = obuchowski_rockette(AREAS, covariance(ERROR, COV1, (COV2, COV2), COV3))
    assert found.f == pytest.approx(4.456319, rel=1e-5)
    assert found.degrees == (1.0, pytest.approx(15.25967, rel=1e-5))
    assert found.p_value == pytest.approx(0.05166569, rel=1e-5)
    (difference,) = found.differences
    assert difference.estimate.value == pytest.approx(-0.04380032, rel=1e-6)
    assert difference.standard_error == pytest.approx(0.02074862, rel=1e-5)
    assert difference.statistic == pytest.approx(-2.110999, rel=1e-5)
    assert difference.p_value == pytest.approx(0.05166569, rel=1e-5)
    limits = difference.estimate.low, difference.estimate.high
    assert limits == pytest.approx((-0.0879594986, 0.0003588544), abs=5e-7)
    assert found.covariances.same_reader == pytest.approx(COV1)


def test_van_dyke_of_each_modality_alone() -> None:
    """MS(R) 0.003082629 and 0.001304602, Cov2 0.0004839618 and 0.0002041879: SE 0.0331736 and 0.0215664."""
    table = covariance(ERROR, COV1, (0.0004839618, 0.0002041879), COV3)
    first, second = obuchowski_rockette(AREAS, table).means
    assert (first.value, first.low, first.high) == pytest.approx((0.8970370, 0.8252236, 0.9688505), abs=2e-6)
    assert (second.value, second.low, second.high) == pytest.approx((0.9408374, 0.8941378, 0.9875369), abs=2e-6)
    alone = random_readers(AREAS[0], table[0, :, 0, :], name="area")
    assert alone.standard_error == pytest.approx(0.03317360, rel=1e-5)


def test_without_covariance_it_is_the_paired_t_test_of_readers() -> None:
    generator = np.random.default_rng(1)
    theta = generator.normal(0.8, 0.05, (2, 7))
    found = obuchowski_rockette(theta, np.zeros((2, 7, 2, 7)))
    gap = theta[0] - theta[1]
    statistic = gap.mean() / (gap.std(ddof=1) / math.sqrt(7))
    assert found.differences[0].statistic == pytest.approx(statistic)
    assert found.f == pytest.approx(statistic**2) and found.degrees[1] == pytest.approx(6)


@pytest.mark.long
@pytest.mark.slow
def test_equal_conditions_differ_in_one_study_of_twenty() -> None:
    """Readers lean for good and under each condition, cases are hard for all, in both conditions and in one."""
    generator = np.random.default_rng(2)
    p_values = []
    for _ in range(2000):
        t, r, cases = 2, 4, 60
        theta = (
            0.5 * generator.normal(size=(1, r, 1))
            + 0.1 * generator.normal(size=(t, r, 1))
            + generator.normal(size=(1, 1, cases))
            + 0.5 * generator.normal(size=(t, 1, cases))
            + 0.5 * generator.normal(size=(1, r, cases))
            + generator.normal(size=(t, r, cases))
        )
        table = np.cov(theta.reshape(t * r, cases)) / cases
        p_values.append(obuchowski_rockette(theta.mean(axis=2), table.reshape(t, r, t, r)).p_value)
    assert 0.03 <= (np.array(p_values) < 0.05).mean() <= 0.065


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EvaluationError, match="two conditions and readers or more"):
        obuchowski_rockette(AREAS[:1], np.zeros((1, 5, 1, 5)))
    with pytest.raises(EvaluationError, match="two readers or more"):
        random_readers([0.5], [[0.1]], name="area")
