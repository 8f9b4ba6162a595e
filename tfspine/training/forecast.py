"""A forecast of the training time, printed once soon after the start, because a progress bar leaves no record.

The first steps take longer than the others, because TensorFlow builds its graph during them.
"""

import time
from datetime import datetime, timedelta

from tfspine.compat import UTC

PATIENCE_S = 60.0
"""If the first steps take longer than this, an upper limit is printed at once, without waiting for the next steps."""

LONG_S = 3 * 24 * 3600.0
"""From three days on, a hint about shorter trainings is added."""

HINT = (
    "it may be stopped, and continues when run again; for fewer steps see experiments/own_data_gpu.toml, "
    "own_data_cpu.toml"
)


class Forecast:
    """Estimates the time to the end from the steps done so far, in one line, or at most two.

    Args:
        title: what is trained.
        total: total number of steps.
        done: steps done before this process started.
        now: seconds of a monotonic clock; the time of day shown in the line comes from the system clock.
    """

    def __init__(self, title: str, *, total: int, done: int, now: float | None = None) -> None:
        self._title = title
        self._total = total
        self._marks = [(done, time.monotonic() if now is None else now)]

    def line(self, done: int, now: float | None = None) -> str | None:
        """Return the line to print after `done` steps, or None if everything was printed or no step is left."""
        self._marks.append((done, time.monotonic() if now is None else now))
        (before, earlier), (_, later) = self._marks[-2:]
        if len(self._marks) > 3 or done >= self._total or done <= before:
            return None
        is_first = len(self._marks) == 2
        if is_first and later - earlier < PATIENCE_S:
            return None
        step_s = (later - earlier) / (done - before)
        left_s = step_s * (self._total - done)
        limit = "at most" if is_first else "about"
        line = (
            f"{self._title}: {step_s:.2g} s a step, {self._total - done:,} steps to go: {limit} {duration_text(left_s)}"
        )
        end = datetime.now(UTC) + timedelta(seconds=left_s) if left_s < 100 * 365 * 24 * 3600 else None
        until = f", until {end:%Y-%m-%d %H:%M} UTC" if end else ""
        return line + until + (f"; {HINT}" if left_s > LONG_S else "")


def duration_text(seconds: float) -> str:
    """Return a duration in its largest unit, to two digits: 90 is "90 seconds", 7,200 is "2 hours"."""
    for unit, length, enough in (("days", 86_400.0, 2), ("hours", 3_600.0, 2), ("minutes", 60.0, 2)):
        if seconds >= enough * length:
            amount = seconds / length
            return f"{amount:.0f} {unit}" if amount >= 10 else f"{amount:.2g} {unit}"
    return f"{seconds:.0f} seconds"
