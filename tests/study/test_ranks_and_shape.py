"""How much boxes count by their order, and which levels a row of foramina looks like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.study.piles import Pile
from tfspine.study.ranks import weights_by_rank
from tfspine.study.shape import COURSE_DEG, HEIGHT_MM, L5_S1, OFF_MIDLINE_MM, fit_of


def test_the_better_half_counts_fully_and_the_rest_by_its_rank() -> None:
    """Ranks 1 to 4 of 4 are shares 0.2, 0.4, 0.6 and 0.8: 0.2 + 0.8 x 0.4, 0.2 + 0.8 x 0.8, 1, 1."""
    assert weights_by_rank([0.3, 0.9, 0.5, 0.8], expected=9) == pytest.approx([0.52, 1.0, 0.84, 1.0])


def test_equal_scores_count_fully_more_than_expected_not_at_all_and_zero_nothing() -> None:
    assert weights_by_rank([0.4, 0.4, 0.4], expected=3) == pytest.approx([1.0, 1.0, 1.0])
    weights = weights_by_rank([0.9, 0.8, 0.1, 0.1], expected=2)
    assert list(weights[2:]) == [0.0, 0.0]
    assert list(weights_by_rank([0.0, 0.0], expected=5)) == [0.0, 0.0]
    assert weights_by_rank([], expected=5).shape == (0,)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40), st.integers(1, 50), st.sampled_from([0.3, 1.0, 4.0]))
def test_weights_follow_the_order_of_the_scores_alone(scores: list[int], expected: int, power: float) -> None:
    values = np.array(scores) / 1000
    here, there = (weights_by_rank(given, expected=expected) for given in (values, 0.05 * values**power))
    assert here == pytest.approx(there)
    assert np.all(np.diff(here[np.argsort(values)]) >= 0)


def row_from(lowest: int, *, pitch_deg: float = 0.0, size: float = 1.0) -> list[Pile]:
    """Five levels down to the lowest one, as the tables have them, of a person of some size who lies askew."""
    place, piles = np.zeros(3), []
    for index in range(lowest - 4, lowest + 1):
        piles.append(Pile(place, 0.0, 1.0, size * OFF_MIDLINE_MM[index], size * HEIGHT_MM[index]))
        angle = np.radians(COURSE_DEG[min(index, len(COURSE_DEG) - 1)] + pitch_deg)
        place = place + size * 33.0 * np.array([0.0, np.sin(angle), -np.cos(angle)])
    return piles


@pytest.mark.parametrize("pitch_deg", [-4.0, 0.0, 4.0])
@pytest.mark.parametrize("size", [0.9, 1.0, 1.1])
def test_a_row_of_foramina_is_most_like_itself(pitch_deg: float, size: float) -> None:
    ranks = [4, 3, 2, 1, 0]
    usual, higher, sacral = (
        fit_of(row_from(lowest, pitch_deg=pitch_deg, size=size), ranks) for lowest in (L5_S1, L5_S1 - 1, L5_S1 + 1)
    )
    assert usual.over_higher > 0.0
    assert usual.over_sacral > 5.0
    assert higher.over_higher < 0.0
    assert sacral.over_sacral < -5.0


def test_a_side_that_was_not_found_says_nothing_of_the_width() -> None:
    one_sided = [
        Pile(pile.centre_mm, pile.along_mm, pile.weight, float("nan"), pile.height_mm) for pile in row_from(L5_S1)
    ]
    fit = fit_of(one_sided, [4, 3, 2, 1, 0])
    assert 0.0 < fit.over_higher < fit_of(row_from(L5_S1), [4, 3, 2, 1, 0]).over_higher
