"""Importance of settings: known answers, and SciPy's Kruskal-Wallis test for choices."""

import numpy as np
import pytest
from scipy.stats import kruskal

from tfspine.formats.trials_csv import TrialRow, TrialStatus
from tfspine.training.importance import setting_importance
from tfspine.training.search import Choice, Interval, Sampling

SPACE = {
    "learning_rate": Interval(1e-4, 1e-2, Sampling.LOG, None),
    "dropout": Interval(0.0, 0.5, Sampling.LINEAR, None),
    "filters": Choice(("[4]", "[8]", "[4, 4]")),
}


def _rows(scores: np.ndarray, rates: np.ndarray, dropouts: np.ndarray, filters: list[list[int]]) -> list[TrialRow]:
    return [
        TrialRow(
            number, TrialStatus.COMPLETED, "val_ac1", float(score), 3, "",
            {"grader.learning_rate": rate, "grader.dropout": dropout, "grader.filters": layers},
        )
        for number, (score, rate, dropout, layers) in enumerate(zip(scores, rates, dropouts, filters, strict=True))
    ]  # fmt: skip


def _drawn(count: int = 60) -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    generator = np.random.default_rng(4)
    filters = [[[4], [8], [4, 4]][number] for number in generator.integers(0, 3, count)]
    return 10 ** generator.uniform(-4, -2, count), generator.uniform(0, 0.5, count), filters


def test_a_setting_that_decides_alone_explains_all_and_the_others_nothing() -> None:
    rates, dropouts, filters = _drawn()
    importance = setting_importance(_rows(np.log(rates), rates, dropouts, filters), SPACE)
    assert next(iter(importance)) == "grader.learning_rate"
    assert importance["grader.learning_rate"] == pytest.approx(1.0)
    assert max(importance["grader.dropout"] or 0, importance["grader.filters"] or 0) < 0.15


def test_a_best_value_in_the_middle_of_a_range_is_seen() -> None:
    rates, dropouts, filters = _drawn()
    importance = setting_importance(_rows(-((np.log10(rates) + 3) ** 2), rates, dropouts, filters), SPACE)
    assert (importance["grader.learning_rate"] or 0) > 0.8


def test_a_choice_has_the_epsilon_squared_of_kruskal_and_wallis() -> None:
    rates, dropouts, filters = _drawn()
    scores = np.array([len(layers) for layers in filters]) + 5 * dropouts
    importance = setting_importance(_rows(scores, rates, dropouts, filters), SPACE)
    groups = [[s for s, layers in zip(scores, filters, strict=True) if layers == kind] for kind in ([4], [8], [4, 4])]
    statistic = kruskal(*groups).statistic
    assert importance["grader.filters"] == pytest.approx((statistic - 2) / (60 - 3))


def test_too_few_trials_or_equal_scores_have_no_importance() -> None:
    rates, dropouts, filters = _drawn()
    few = _rows(np.arange(3.0), rates[:3], dropouts[:3], [[4], [8], [4, 4]])
    assert set(setting_importance(few, SPACE).values()) == {None}
    assert set(setting_importance(_rows(np.ones(60), rates, dropouts, filters), SPACE).values()) == {None}
