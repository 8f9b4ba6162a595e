"""The bars of a separate process (`workflows.own_process`), sent to the process that started it and drawn there.

Two processes cannot draw on one terminal.
"""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, TaskID

from tfspine import progress
from tfspine.compat import Self

SENT_EVERY_S = 0.25
"""How often a separate process sends its bars."""


@dataclass(frozen=True)
class BarState:
    """One task of a bar: `total` is None if it is unknown; `bar` and `task` identify it."""

    bar: int
    task: int
    description: str
    completed: float
    total: float | None


class RemoteBars:
    """Shows the bars that a separate process sends; without an `OverallBar`, as bars of this process."""

    def __init__(self) -> None:
        self._bars: dict[int, Progress] = {}
        self._tasks: dict[tuple[int, int], TaskID] = {}

    def show(self, states: Sequence[BarState]) -> None:
        """Show the latest bars; a bar that is missing from them has ended normally."""
        numbers = {state.bar for state in states}
        for number in numbers - set(self._bars):
            self._bars[number] = progress.new_bar()
            self._bars[number].start()
        for state in states:
            self._update(state)
        for number in set(self._bars) - numbers:
            self._close(number, is_well=True)

    def _update(self, state: BarState) -> None:
        bar, key = self._bars[state.bar], (state.bar, state.task)
        if key not in self._tasks:
            self._tasks[key] = bar.add_task(state.description, total=state.total)
        task = self._tasks[key]
        bar.update(task, description=state.description, completed=state.completed, total=state.total)

    def _close(self, number: int, *, is_well: bool) -> None:
        bar = self._bars.pop(number)
        if is_well:
            bar.__exit__(None, None, None)
        else:
            bar.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number in tuple(self._bars):
            self._close(number, is_well=False)


@contextlib.contextmanager
def send_bars(send: Callable[[tuple[BarState, ...]], None]) -> Iterator[None]:
    """Send every bar of this process, instead of drawing it, while the block runs.

    Args:
        send: passes the state of all bars to the process that shows them; also called from a thread.
    """
    former, sender = progress.host, _Sender(send)
    progress.host = sender
    try:
        yield
    finally:
        progress.host = former
        sender.end()


class _Sender:
    """Sends the bars of this process, at regular intervals and whenever one begins or ends."""

    def __init__(self, send: Callable[[tuple[BarState, ...]], None]) -> None:
        self.console = Console(stderr=True)
        self._send = send
        self._bars: dict[int, Progress] = {}
        self._numbers = itertools.count(1)
        self._last: tuple[BarState, ...] = ()
        self._is_over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._ticker.start()

    def opened(self, bar: Progress) -> None:
        self._bars[next(self._numbers)] = bar
        self._tell()

    def closed(self, bar: Progress, *, is_well: bool) -> None:
        self._tell()
        self._bars = {number: other for number, other in self._bars.items() if other is not bar}
        if is_well:  # after a failure the error is the last message
            self._tell()

    def end(self) -> None:
        self._is_over.set()
        self._ticker.join()

    def _tick(self) -> None:
        while not self._is_over.wait(SENT_EVERY_S):
            self._tell()

    def _tell(self) -> None:
        states = tuple(
            BarState(number, int(task.id), task.description, task.completed, task.total)
            for number, bar in self._bars.items()
            for task in bar.tasks
        )
        if states != self._last:
            self._last = states
            self._send(states)
