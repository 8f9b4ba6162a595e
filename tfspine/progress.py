"""Progress on standard error: a bar on a terminal, and plain lines, one every half minute, where it is a file or pipe.

A log, of Slurm for one, has no use for a bar that moves, and none for silence.
"""

import threading
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

LINE_EVERY_S = 30.0
"""How often a file or pipe is told how far things are, in seconds."""

BAR_COLUMNS = 20

SPEED_OVER_S = 600.0
"""The time left follows from the speed over so many seconds: steps come in rounds with pauses between them."""


def new_bar(*, is_shown: bool = True, console: Console | None = None, every_s: float | None = None) -> Progress:
    """Return what counts steps, time gone and time left, to be used in a `with` block.

    Args:
        is_shown: only one of several workers shows it.
        console: standard error if None.
        every_s: seconds between two plain lines; None is `LINE_EVERY_S`.
    """
    console = console or Console(stderr=True)
    if is_shown and (not console.is_terminal or console.is_dumb_terminal):
        return _Lines(console, LINE_EVERY_S if every_s is None else every_s)
    # Where it is narrow the words fold, and the numbers stay whole.
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column()),
        BarColumn(bar_width=BAR_COLUMNS, table_column=Column(no_wrap=True)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
    )
    # What is printed on standard output belongs there, and not beside the bar on standard error; whoever sends it
    # elsewhere while the bar is shown is not overruled.
    return Progress(
        *columns,
        console=console,
        disable=not is_shown,
        redirect_stdout=False,
        speed_estimate_period=SPEED_OVER_S,
    )


class _Lines(Progress):
    """Counts as its base does, and writes a line now and then, one more at the end, and none after a failure."""

    def __init__(self, console: Console, every_s: float) -> None:
        # Disabled it draws nothing, and counts all the same; with auto_refresh `track` would count in a thread that
        # ends with the drawing.
        super().__init__(console=console, disable=True, auto_refresh=False, speed_estimate_period=SPEED_OVER_S)
        self._every_s = every_s
        self._is_over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)

    def start(self) -> None:
        self._ticker.start()

    def stop(self) -> None:
        self._is_over.set()
        if self._ticker.is_alive():
            self._ticker.join()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind is None:
            self._write()

    def _tick(self) -> None:
        while not self._is_over.wait(self._every_s):
            self._write()

    def _write(self) -> None:
        for task in self.tasks:
            if task.total != 0:
                self.console.print(Text(_line(task)), soft_wrap=True)


def _line(task: Task) -> str:
    """Return for example ``axial detector: 120 of 2000, 0:01:10 gone, 0:18:20 left``."""
    total = f" of {task.total:g}" if task.total is not None else ""
    parts: list[Any] = [f"{task.completed:g}{total}", f"{_clock(task.elapsed)} gone"]
    if task.time_remaining and not task.finished:
        parts.append(f"{_clock(task.time_remaining)} left")
    return f"{task.description}: {', '.join(parts)}"


def _clock(seconds: float | None) -> str:
    minutes, second = divmod(round(seconds or 0), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"
