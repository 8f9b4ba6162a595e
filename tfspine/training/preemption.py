"""Requests to end a training: SIGTERM, as Slurm, Kubernetes and spot machines send it some time before they kill.

A training notes the request, ends at its next opportunity with what it has learned on disk, and exits with `REQUEUE`,
which asks the scheduler to start it again.
"""

import signal
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tfspine.errors import StoppedError


@dataclass
class StopRequest:
    """Whether this process has been asked to end."""

    is_made: bool = False

    def obey(self, where: str) -> None:
        """Raise `StoppedError` if a request was made; `where` says what the training has reached.

        Raises:
            StoppedError: the process has been asked to end.
        """
        if self.is_made:
            raise StoppedError(f"{where}: stopped on request (SIGTERM); the same command continues")


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Note the first SIGTERM in the block, instead of being interrupted; a second one interrupts, as Ctrl-C does."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # only the main thread may handle signals
        return

    def note(number: int, frame: types.FrameType | None) -> None:
        if request.is_made:
            raise KeyboardInterrupt
        request.is_made = True

    former = signal.signal(signal.SIGTERM, note)
    try:
        yield request
    finally:
        signal.signal(signal.SIGTERM, former)
