"""Progress if standard error is a file or pipe, and together with a bar on a terminal."""

import contextlib
import io
import itertools
import logging
import os
import pty
import re
import subprocess
import sys
import time

import pytest
from rich.console import Console
from waiting import wait_until

from tfspine import progress
from tfspine.progress import new_bar

LINE = r"[^:]+: \d+ of \d+, \d+:\d\d:\d\d elapsed(, \d+:\d\d:\d\d left)?"


def plain() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=80), file


def test_a_pipe_is_told_again_and_again_while_nothing_moves() -> None:
    console, file = plain()
    with new_bar(console=console, every_s=0.02) as bar:
        task = bar.add_task("axial detector", total=200)
        bar.update(task, completed=50)
        wait_until(lambda: file.getvalue().count("\n") >= 3)
        assert set(re.findall(r"(\d+) of 200", file.getvalue())) <= {"0", "50"}
        bar.update(task, completed=200)
    lines = file.getvalue().splitlines()
    assert all(re.fullmatch(LINE, line) for line in lines), lines
    assert lines[-1].startswith("axial detector: 200 of 200, ")
    assert "\x1b" not in file.getvalue()


def test_it_is_every_thirty_seconds_and_once_at_the_end() -> None:
    assert progress.LINE_EVERY_S == 30
    console, file = plain()
    with new_bar(console=console) as bar:
        bar.add_task("records", total=1)
    assert file.getvalue().count("\n") == 1


def test_what_fails_ends_with_its_error_and_no_line_behind_it() -> None:
    console, file = plain()
    with contextlib.suppress(ValueError), new_bar(console=console) as bar:
        bar.add_task("records", total=4)
        raise ValueError
    assert file.getvalue() == ""


def test_the_time_left_follows_from_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    console, _ = plain()
    clock = itertools.count(0, 10).__next__
    with new_bar(console=console) as bar:
        monkeypatch.setattr(bar, "get_time", clock)
        task = bar.add_task("x", total=100)
        bar.tasks[0].start_time = 0.0
        for completed in range(1, 11):
            bar.update(task, completed=completed)
        left = bar.tasks[0].time_remaining
    # A step in ten seconds, 90 of them to go.
    assert left == pytest.approx(900, rel=0.15)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)


def test_every_item_that_is_tracked_counts(quick: None) -> None:
    seen = []
    with contextlib.redirect_stderr(io.StringIO()) as piped:
        for item in progress.track([1, 2, 3], "studies"):
            if item == 3:
                wait_until(lambda: "studies: 2 of 3" in piped.getvalue())
            seen.append(item)
    assert seen == [1, 2, 3]
    assert piped.getvalue().splitlines()[-1].startswith("studies: 3 of 3, ")


def test_a_stage_that_takes_long_is_named(quick: None) -> None:
    with contextlib.redirect_stderr(io.StringIO()) as piped, progress.stage_bar(2) as begin:
        begin("building")
        begin("verifying")
        wait_until(lambda: "verifying: 1 of 2" in piped.getvalue())
    assert piped.getvalue().splitlines()[-1].startswith("verifying: 2 of 2, ")


def test_only_one_of_several_workers_tells_anything() -> None:
    console, file = plain()
    with new_bar(is_shown=False, console=console, every_s=0.01) as bar:
        bar.add_task("x", total=2)
        time.sleep(0.05)
    assert file.getvalue() == ""


def test_on_a_terminal_of_80_columns_nothing_is_cut() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system=None)
    with new_bar(console=console) as bar:
        task = bar.add_task("central_canal grader: validation loss 3.675, AC1 0.73", total=1_500_000)
        bar.update(task, completed=750_000)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue()).replace("\r", "\n").splitlines()
    assert max(map(len, shown)) <= 80
    assert "750000/1500000" in "".join(shown)
    assert "…" not in "".join(shown)
    words = " ".join(shown).split()
    assert [word for word in ("central_canal", "validation", "3.675,", "AC1", "0.73") if word not in words] == []


ON_A_TERMINAL = """
import contextlib, io, logging, sys
from tfspine.cli.main import _prepare
from tfspine.progress import new_bar
import argparse
_prepare(argparse.Namespace(verbose=False))
with contextlib.redirect_stdout(io.StringIO()), new_bar() as bar:
    task = bar.add_task("axial detector", total=2)
    print("FOREIGN")
    logging.getLogger("tfspine").warning("a warning of ours")
    bar.update(task, completed=2)
print("the result")
"""


def test_on_a_terminal_what_is_printed_elsewhere_stays_there() -> None:
    """Rich would redirect standard output again, and show at its bar what was redirected away from the terminal."""
    shown = in_terminal([sys.executable, "-c", ON_A_TERMINAL])
    assert "FOREIGN" not in shown
    assert "axial detector" in shown
    assert "2/2" in shown
    # A warning stands on a line of its own above the bar.
    assert re.search(r"^a warning of ours\s*$", shown, re.MULTILINE)
    assert "the result" in shown


def in_terminal(command: list[str]) -> str:
    """Return what a command shows on a terminal of 80 columns, without the codes that move the cursor."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # what the end of a terminal looks like
            while part := os.read(ours, 65536):
                shown += part
        assert process.wait() == 0, shown.decode()
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "\n")


def test_a_log_line_goes_where_standard_error_is_now() -> None:
    from tfspine.cli.main import _StandardError

    handler = _StandardError()
    with contextlib.redirect_stderr(io.StringIO()) as file:
        handler.emit(logging.LogRecord("x", logging.WARNING, "x.py", 1, "told", None, None))
    assert file.getvalue() == "told\n"
