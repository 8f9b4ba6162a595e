"""Wear is shared as `SHARES` says, rises with age, and becomes severities that thin out at the thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.config import Prevalence
from tfspine.labels import LEVELS, Grade, Level, Region, Side
from tfspine.phantom.degeneration import LEVEL_SHIFTS, SHARES, draw_age_years, draw_degeneration, rank
from tfspine.phantom.severity import THRESHOLDS, draw_severities, grade_of

PATIENTS = 3000
LOWER = {level: LEVELS[index + 1] for index, level in enumerate(LEVELS[:-1])}


@pytest.fixture(scope="module")
def cohort() -> list:
    rng = np.random.default_rng(11)
    return [draw_degeneration(rng, age_years=float(rng.normal(52.0, 19.0))) for _ in range(PATIENTS)]


def correlation(cohort: list, first: tuple, second: tuple) -> float:
    return float(np.corrcoef([one[first] for one in cohort], [one[second] for one in cohort])[0, 1])


def test_shares_add_up_to_one_and_shifts_to_nothing() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert all(sum(shifts) == pytest.approx(0.0) for shifts in LEVEL_SHIFTS.values())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("region", "other", "side", "expected"),
    [
        (Region.NEURAL_FORAMEN, Region.NEURAL_FORAMEN, Side.RIGHT, 0.70),  # all but what is its own
        (Region.NEURAL_FORAMEN, Region.LATERAL_RECESS, Side.LEFT, 0.50),  # age, person and disc
        (Region.NEURAL_FORAMEN, Region.CENTRAL_CANAL, None, 0.50),
    ],
)
def test_sides_and_regions_of_a_level_correlate(cohort, level, region, other, side, expected) -> None:
    """Four standard errors of a correlation of 3,000 are at most 0.06."""
    measured = correlation(cohort, (region, level, Side.LEFT), (other, level, side))
    assert measured == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("level", LOWER)
def test_neighbouring_levels_correlate_more_than_distant_ones(cohort: list, level: Level) -> None:
    """Age and person, and half of disc and pair: 0.30 + 0.5 * 0.40; one level further half of that half."""
    region = Region.CENTRAL_CANAL
    assert correlation(cohort, (region, level, None), (region, LOWER[level], None)) == pytest.approx(0.50, abs=0.06)
    if LOWER[level] in LOWER:
        further = LOWER[LOWER[level]]
        assert correlation(cohort, (region, level, None), (region, further, None)) == pytest.approx(0.40, abs=0.06)


def test_each_region_has_variance_one_and_the_mean_of_its_level(cohort: list) -> None:
    for region, shifts in LEVEL_SHIFTS.items():
        side = Side.LEFT if region.is_paired else None
        for level, shift in zip(LEVELS, shifts, strict=True):
            values = [one[region, level, side] for one in cohort]
            assert np.mean(values) == pytest.approx(shift, abs=0.08)
            assert np.var(values) == pytest.approx(1.0, abs=0.11)


def test_severities_rise_with_age_from_the_same_chance() -> None:
    for seed in range(20):
        young, old = (draw_severities(np.random.default_rng(seed), age_years=age) for age in (30.0, 80.0))
        assert all(old.values[key] >= severity for key, severity in young.values.items())
        assert sum(old.values.values()) > sum(young.values.values())


@given(st.integers(0, 10_000))
def test_ages_are_adults(seed: int) -> None:
    assert 18 <= draw_age_years(np.random.default_rng(seed)) <= 95


@given(st.sampled_from(Region), st.floats(-5, 5), st.floats(-5, 5))
def test_ranks_keep_the_order(region: Region, first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert 0.0 <= rank(low, region) <= rank(high, region) <= 1.0


@given(st.integers(0, 10_000), st.sampled_from(Prevalence))
def test_severities_are_shares(seed: int, prevalence: Prevalence) -> None:
    severities = draw_severities(np.random.default_rng(seed), age_years=52.0, prevalence=prevalence)
    assert len(severities.values) == 25
    assert all(0.0 <= severity <= 1.0 for severity in severities.values.values())


def test_severities_thin_out_towards_the_thresholds_without_a_gap() -> None:
    """Of a density 6 x (1 - x) the outer tenths on both sides hold 5.6 %; evenly spread they would hold 20 %."""
    rng = np.random.default_rng(5)
    severities = np.array(
        [
            severity
            for _ in range(800)
            for severity in draw_severities(
                rng, age_years=float(rng.normal(52, 19)), prevalence=Prevalence.BALANCED
            ).values.values()
        ]
    )
    moderate = severities[[grade_of(severity) is Grade.MODERATE for severity in severities]]
    place = (moderate - THRESHOLDS[1]) / (THRESHOLDS[2] - THRESHOLDS[1])
    outer = float(((place < 0.1) | (place > 0.9)).mean())
    assert outer == pytest.approx(0.056, abs=0.03)
    assert outer > 0
