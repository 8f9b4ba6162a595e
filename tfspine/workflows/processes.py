"""How processes end: this one when it is requested to, and those that it started."""

import signal
import subprocess
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SECONDS_TO_END = 30.0
"""How long a process may take to clean up after a request to end, before it is killed."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Treat the request to end (SIGTERM, as ``kill`` and ``timeout`` send it) as an interruption, like Ctrl-C.

    Otherwise this process would end at once, leaving half-written folders and running child processes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return

    def interrupt(number: int, frame: types.FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def end(process: subprocess.Popen[Any]) -> None:
    """Request a process to end, wait for it, and kill it if it does not end."""
    try:
        process.wait(0.5)  # Ctrl-C in a terminal reaches it as well; a second request would interrupt its cleanup
    except subprocess.TimeoutExpired:
        process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()


def how_it_ended(returncode: int) -> str:
    """Return a text about how a failed process ended; a negative code is the signal that killed it."""
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    name = signal.Signals(-returncode).name
    return f"was killed by {name}" + (", perhaps because memory ran out" if name == "SIGKILL" else "")
