"""The time to the end, from steps that were timed by hand."""

import re

import pytest

from tfspine.training.forecast import Forecast, duration_text


def test_the_paper_detector_on_one_image_a_step_is_told_in_days() -> None:
    """First 100 steps in 90 s with the graph's building, then 100 in 50 s: 1,499,800 at half a second are 8.68 days."""
    forecast = Forecast("axial detector", total=1_500_000, done=0, now=0.0)
    assert forecast.line(100, now=90.0).startswith(
        "axial detector: 0.9 s a step, 1,499,900 steps to go: at most 16 days"
    )
    second = forecast.line(200, now=140.0)
    assert second.startswith("axial detector: 0.5 s a step, 1,499,800 steps to go: about 8.7 days, until ")
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC; it may be stopped", second)
    assert "own_data_cpu.toml" in second
    assert forecast.line(300, now=190.0) is None


def test_quick_first_steps_wait_for_the_second_and_a_resumed_run_counts_from_where_it_is() -> None:
    forecast = Forecast("canal grader", total=200, done=100, now=1000.0)
    assert forecast.line(110, now=1020.0) is None
    # 10 steps in 30 s: 80 are left, 240 s.
    assert forecast.line(120, now=1050.0).startswith("canal grader: 3 s a step, 80 steps to go: about 4 minutes")


def test_nothing_is_said_at_the_end() -> None:
    forecast = Forecast("x", total=2, done=0, now=0.0)
    assert forecast.line(2, now=500.0) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(90, "90 seconds"), (7_200, "2 hours"), (600, "10 minutes"), (5_400, "90 minutes"), (8.64e7, "1000 days")],
)
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert duration_text(seconds) == words
