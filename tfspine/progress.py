"""Progress on standard error: a bar on a terminal, or a plain line every half minute in a file or pipe.

Plain lines suit logs, for example those of Slurm, in which a moving bar cannot be shown.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

LINE_EVERY_S = 30.0
"""Seconds between two progress lines in a file or pipe."""

BAR_COLUMNS = 20

SPEED_OVER_S = 600.0
"""The time left is estimated from the speed over so many seconds, because steps come in rounds with pauses."""


T = TypeVar("T")


class Track(Protocol):
    """How a workflow reports its progress: it counts the items that it yields; `track` and `silent` implement it."""

    def __call__(self, items: Iterable[T], words: str, total: int | None = None) -> Iterator[T]:
        """Yield `items`, `total` in number if that is known; `words` describe what is done with them."""


def track(items: Iterable[T], words: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` under a progress bar with time left, on standard error."""
    with new_bar() as bar:
        yield from bar.track(items, description=words, total=total)


def silent(items: Iterable[T], words: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` without showing progress."""
    yield from items


class Counter:
    """A bar whose work is counted by callbacks, such as the steps of a training."""

    def __init__(self, bar: Progress, words: str, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task(words, total=total)

    def at(self, done: int | None = None, *, words: str | None = None) -> None:
        """Set how many are done and what is written beside the bar; None leaves either as it is."""
        self._bar.update(self._task, completed=done, description=words)

    def advance(self) -> None:
        """Count one more."""
        self._bar.advance(self._task)

    def tell(self, line: str | None) -> None:
        """Print a line, if there is one, above the bar, where it stays."""
        if line:
            self._bar.console.print(Text(line), soft_wrap=True)


@contextmanager
def counted(words: str, total: int, *, is_shown: bool = True) -> Iterator[Counter]:
    """Yield the counter of a bar with time left, on standard error, for work that is not a loop over items (`track`).

    Args:
        words: what is counted.
        total: how many there are.
        is_shown: only one of several workers shows it.
    """
    with new_bar(is_shown=is_shown) as bar:
        yield Counter(bar, words, total)


def ignore(_: object) -> None:
    """Do nothing: what a callback of a workflow does if none is given."""


@contextmanager
def stage_bar(stages: int | None = None) -> Iterator[Callable[[str], None]]:
    """Yield a function that starts the next named stage, under a bar with time left, on standard error.

    Args:
        stages: number of stages; None if it is unknown.
    """
    with new_bar() as bar:
        task = bar.add_task("", total=stages)
        begun = 0

        def begin(stage: str) -> None:
            nonlocal begun
            bar.update(task, description=stage, completed=begun)
            begun += 1

        yield begin
        bar.update(task, completed=begun, total=begun)


class Host(Protocol):
    """What shows the bars of this process instead of itself: an overall bar, or the process that started this one."""

    console: Console

    def opened(self, bar: Progress) -> None:
        """Show a bar from now on."""

    def closed(self, bar: Progress, *, is_well: bool) -> None:
        """Remove a bar."""


host: Host | None = None
"""None if every bar shows itself."""


def new_bar(*, is_shown: bool = True, console: Console | None = None, every_s: float | None = None) -> Progress:
    """Return a bar that counts steps, elapsed time and time left, for use in a `with` block.

    Args:
        is_shown: only one of several workers shows it.
        console: standard error, or where `host` shows it, if None.
        every_s: seconds between two plain lines; None is `LINE_EVERY_S`.
    """
    if is_shown and host is not None and console is None:
        return _Guest(host)
    console = console or Console(stderr=True)
    if is_shown and (not console.is_terminal or console.is_dumb_terminal):
        return _Lines(console, LINE_EVERY_S if every_s is None else every_s)
    # Output printed to standard output stays there, and is not moved to standard error beside the bar; a redirection
    # that is set up while the bar is shown is respected.
    return Progress(
        *_columns(),
        console=console,
        disable=not is_shown,
        redirect_stdout=False,
        speed_estimate_period=SPEED_OVER_S,
    )


def _columns() -> tuple[ProgressColumn, ...]:
    """Return the columns of a bar. In a narrow terminal the words wrap, and the numbers are not cut."""
    return (
        TextColumn("{task.description}", markup=False, table_column=Column()),
        BarColumn(bar_width=BAR_COLUMNS, table_column=Column(no_wrap=True)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
    )


class _Guest(Progress):
    """Counts like its base class, and leaves the drawing to the host."""

    def __init__(self, shown_by: Host) -> None:
        super().__init__(
            *_columns(),
            console=shown_by.console,
            disable=True,
            auto_refresh=False,
            speed_estimate_period=SPEED_OVER_S,
        )
        self._host = shown_by

    def start(self) -> None:
        self._host.opened(self)

    def stop(self) -> None:
        self._host.closed(self, is_well=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._host.closed(self, is_well=kind is None)


class _Lines(Progress):
    """Counts like its base class, and writes a line at intervals and one at the end, but none after a failure."""

    def __init__(self, console: Console, every_s: float) -> None:
        # A disabled bar draws nothing, but still counts; with auto_refresh `track` would count in a thread that ends
        # with the drawing.
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
                self.console.print(Text(line_of(task)), soft_wrap=True)


def line_of(task: Task) -> str:
    """Return for example ``axial detector: 120 of 2000, 0:01:10 elapsed, 0:18:20 left``."""
    total = f" of {task.total:g}" if task.total is not None else ""
    parts: list[Any] = [f"{task.completed:g}{total}", f"{clock(task.elapsed)} elapsed"]
    if task.time_remaining and not task.finished:
        parts.append(f"{clock(task.time_remaining)} left")
    return f"{task.description}: {', '.join(parts)}"


def clock(seconds: float | None) -> str:
    """Return seconds as hours, minutes and seconds, for example ``0:01:10``."""
    minutes, second = divmod(round(seconds or 0), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"
