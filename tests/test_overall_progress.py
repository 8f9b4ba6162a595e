"""One bar over all steps: how far they are, how long they still take, and the bars of the step at work below it."""

import contextlib
import io
import re
import threading

import pytest
from rich.console import Console

from tfspine import overall_progress, progress
from tfspine.overall_progress import OverallBar
from tfspine.progress import new_bar, track

KNOWN = {"phantom": 100.0, "train": 300.0}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until its number is changed."""
    now = [1000.0]
    monkeypatch.setattr(overall_progress.time, "monotonic", lambda: now[0])
    return now


def plain() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=80), file


def test_before_anything_is_done_the_known_run_tells_the_time_left(clock: list[float]) -> None:
    with OverallBar(KNOWN, console=plain()[0]) as bar:
        assert bar.left_s() == pytest.approx(400)


def test_a_machine_half_as_fast_needs_about_twice_as_long(clock: list[float]) -> None:
    with OverallBar(KNOWN, console=plain()[0]) as bar:
        bar.begin("phantom")
        clock[0] += 200
        bar.finish("phantom")
        # 200 s for 100 known ones, and the known run counts as a minute of its own speed: (200 + 60) / (100 + 60).
        assert bar.left_s() == pytest.approx(300 * 260 / 160)


def test_what_was_done_before_says_nothing_of_how_fast_this_run_is(clock: list[float]) -> None:
    with OverallBar(KNOWN, console=plain()[0]) as bar:
        bar.begin("phantom")
        bar.finish("phantom", is_new=False)
        assert bar.left_s() == pytest.approx(300)


def test_the_bar_of_a_step_moves_the_bar_over_all_and_never_back(clock: list[float]) -> None:
    console, file = plain()
    with OverallBar(KNOWN, console=console) as bar:
        bar.begin("train")
        clock[0] += 1000
        with new_bar() as first:
            first.update(first.add_task("axial detector", total=10), completed=5)
            assert bar.line().startswith("all steps, now train: 38 %")
        with new_bar() as second:
            second.add_task("verifying", total=4)
            assert bar.line().startswith("all steps, now train: 38 %")
    assert "axial detector: 5 of 10, " in file.getvalue()


def test_a_full_bar_at_the_beginning_of_a_step_is_not_believed(clock: list[float]) -> None:
    """A step may have several bars, of which the first is done at once."""
    with OverallBar(KNOWN, console=plain()[0]) as bar:
        bar.begin("train")
        clock[0] += 3
        list(track(range(4), "reading labels"))
        with new_bar() as labels:
            labels.update(labels.add_task("reading labels", total=4), completed=4)
            assert bar.line().startswith("all steps, now train: 2 %")


def test_two_steps_at_once_count_each_by_its_own_bar(clock: list[float]) -> None:
    with OverallBar({"detector": 300.0, "grader": 100.0}, console=plain()[0]) as bar:
        bar.begin("detector")
        detector = new_bar()
        detector.start()
        detector.update(detector.add_task("axial detector", total=10), completed=5)

        def grade() -> None:
            bar.begin("grader")
            grader = new_bar()
            grader.start()
            grader.update(grader.add_task("central canal grader", total=4), completed=1)

        thread = threading.Thread(target=grade)
        thread.start()
        thread.join()
        clock[0] += 1000
        # Half of 300 s and a quarter of 100 s are 175 of 400 s.
        assert bar.line().startswith("all steps, now detector, grader: 44 %")


def test_on_a_terminal_the_steps_bar_stands_below_the_overall_one() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system=None)
    with OverallBar(KNOWN, console=console) as bar:
        bar.begin("train")
        with new_bar() as step:
            step.update(step.add_task("axial detector", total=240), completed=120)
            bar._bar.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue()).replace("\r", "\n").splitlines()
    places = [number for number, line in enumerate(shown) if "all steps, now train" in line]
    assert any("axial detector" in shown[place + 1] and "120/240" in shown[place + 1] for place in places[:-1])
    assert max(map(len, shown)) <= 80
    assert progress.host is None


def test_a_failure_is_the_last_that_is_told() -> None:
    console, file = plain()
    with contextlib.suppress(ValueError), OverallBar(KNOWN, console=console) as bar:
        bar.begin("train")
        with new_bar() as step:
            step.add_task("axial detector", total=240)
            raise ValueError
    assert file.getvalue() == ""
    assert progress.host is None
