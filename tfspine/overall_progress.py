"""One bar over all steps of a chain, with the time left, and below it the bars of the current step.

The time left is estimated from the seconds that each step took in a reference run, and from how much faster or slower
this run is so far.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed
from rich.text import Text

from tfspine import progress
from tfspine.compat import Self
from tfspine.progress import BAR_COLUMNS, clock, line_of

EQUAL_WEIGHT_S = 60.0
"""After so many seconds, the measured speed of this run has the same weight as that of the reference run."""


@dataclass
class _Current:
    """A step at work: its reference seconds, the thread that runs it, and the bar that it opened last."""

    known_s: float
    thread: int
    bar: Progress | None = None
    since: float = field(default_factory=lambda: time.monotonic())
    inside: float = 0.0

    def share(self) -> float:
        """Return the share of the step that is done, 0 to 1, according to its bar.

        A step may have several bars, so that a full one is weak evidence: the share is limited to twice the speed of
        the reference run. The value never decreases.
        """
        task = self.bar.tasks[-1] if self.bar and self.bar.tasks else None
        if task and task.total:
            most = 2.0 * (time.monotonic() - self.since) / (self.known_s or EQUAL_WEIGHT_S)
            self.inside = max(self.inside, min(1.0, most, task.completed / task.total))
        return self.inside


class OverallBar:
    """The bar over all steps; within its `with` block, `progress.new_bar` shows what it counts below it.

    Args:
        seconds: how long each step took in the reference run, by its name.
        console: standard error if None.
        every_s: seconds between two plain lines, if standard error is a file or pipe.
    """

    def __init__(
        self, seconds: Mapping[str, float], *, console: Console | None = None, every_s: float | None = None
    ) -> None:
        self._seconds = dict(seconds)
        self._waiting = dict(seconds)
        self._current: dict[str, _Current] = {}
        self._worked_s = 0.0  # reference seconds of the steps that were done in this run
        self._since = time.monotonic()
        self._guests: list[Progress] = []
        self.console = console or Console(stderr=True)
        self._is_drawn = self.console.is_terminal and not self.console.is_dumb_terminal
        self._every_s = progress.LINE_EVERY_S if every_s is None else every_s
        self._is_over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._bar = _Stack(self)
        self._task = self._bar.add_task("all steps", total=sum(self._seconds.values()) or 1.0)

    def begin(self, step: str) -> None:
        """Begin a step in this thread: the bars that the thread opens are those of the step."""
        self._current[step] = _Current(self._waiting.get(step, 0.0), threading.get_ident())
        self.update()

    def finish(self, step: str, *, is_new: bool = True) -> None:
        """Mark a step as done: now, or in an earlier run, which does not affect the estimated speed of this one."""
        known_s = self._waiting.pop(step, 0.0)
        self._worked_s += known_s if is_new else 0.0
        self._current.pop(step, None)
        self.update()

    def left_s(self) -> float:
        """Return the estimated number of seconds left."""
        inside = self._inside_s()
        worked = self._worked_s + inside
        pace = (time.monotonic() - self._since + EQUAL_WEIGHT_S) / (worked + EQUAL_WEIGHT_S)
        return pace * (sum(tuple(self._waiting.values())) - inside)

    def update(self) -> None:
        """Update the progress."""
        done = sum(self._seconds.values()) - sum(tuple(self._waiting.values()))
        names = ", ".join(tuple(self._current))
        words = f"all steps, now {names}" if names else "all steps"
        self._bar.update(self._task, description=words, completed=done + self._inside_s())

    def line(self) -> str:
        """Return for example ``all steps, now predict: 83 %, 0:08:10 elapsed, 0:01:50 left``."""
        self.update()
        (task,) = self._bar.tasks
        left = f", {clock(self.left_s())} left" if self._waiting else ""
        return f"{task.description}: {task.percentage:.0f} %, {clock(task.elapsed)} elapsed{left}"

    def opened(self, bar: Progress) -> None:
        """Show a bar below this one (`progress.GuestBar`)."""
        self._guests.append(bar)
        for step in tuple(self._current.values()):
            if step.thread == threading.get_ident():
                step.bar = bar

    def closed(self, bar: Progress, *, is_well: bool) -> None:
        """Remove a bar; in a file or pipe, write a last line about it."""
        if bar in self._guests:
            self.update()
            self._guests.remove(bar)
        if is_well and not self._is_drawn:
            self.tell(line_of(task) for task in bar.tasks if task.total != 0)

    def tell(self, lines: Iterable[str]) -> None:
        """Write plain lines, above the bars if there are any."""
        for line in lines:
            self.console.print(Text(line), soft_wrap=True)

    def tables(self) -> Iterator[RenderableType]:
        """Yield the bars of the current step, as they are drawn."""
        for bar in tuple(self._guests):
            yield bar.make_tasks_table(bar.tasks)

    def __enter__(self) -> Self:
        self._since = time.monotonic()
        self._former, progress.host = progress.host, self
        if self._is_drawn:
            self._bar.start()
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        progress.host = self._former
        self._is_over.set()
        self._ticker.join()
        if self._is_drawn:
            self.update()
            self._bar.stop()
        elif kind is None:
            self.tell([self.line()])

    def _inside_s(self) -> float:
        """Return the reference seconds of the current steps that are done."""
        return sum(step.known_s * step.share() for step in tuple(self._current.values()))

    def _tick(self) -> None:
        while not self._is_over.wait(1.0 if self._is_drawn else self._every_s):
            if self._is_drawn:
                self.update()
                continue
            self.tell(line_of(task) for bar in tuple(self._guests) for task in bar.tasks if task.total != 0)
            self.tell([self.line()])


class _Stack(Progress):
    """The overall bar and, below it, the bars of the current step."""

    def __init__(self, overall: OverallBar) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=BAR_COLUMNS),
            TaskProgressColumn(),
            Elapsed(),
            _LeftColumn(overall),
        )
        self._overall = overall
        super().__init__(*columns, console=overall.console, redirect_stdout=False)

    def get_renderables(self) -> Iterator[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield from self._overall.tables()


class _LeftColumn(ProgressColumn):
    """The time left of all steps."""

    def __init__(self, overall: OverallBar) -> None:
        super().__init__()
        self._overall = overall

    def render(self, task: Task) -> Text:
        return Text("" if task.finished else f"{clock(self._overall.left_s())} left", style="progress.remaining")
