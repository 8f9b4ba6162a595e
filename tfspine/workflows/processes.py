"""Commands of tfspine in processes of their own, which end when this one is told to."""

import signal
import subprocess
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

SECONDS_TO_END = 30.0
"""A process that was asked to end has so long to clear up before it is killed."""


def command_line(words: Sequence[str]) -> list[str]:
    """Return the command line of ``tfspine WORDS`` under this very interpreter."""
    return [sys.executable, "-m", "tfspine", *words]


@contextmanager
def interruptible() -> Iterator[None]:
    """Take the request to end (SIGTERM, as ``kill`` and ``timeout`` send it) for an interruption, as Ctrl-C is.

    Otherwise this process would be gone at once, with its half-written folders left and its children working on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread
        return

    def interrupt(number: int, frame: types.FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


@contextmanager
def ended_with_us(process: subprocess.Popen[Any]) -> Iterator[None]:
    """End a process when an exception, an interruption for one, leaves the block."""
    try:
        yield
    except BaseException:
        end(process)
        raise


def end(process: subprocess.Popen[Any]) -> None:
    """Ask a process to end, wait for it, and kill it where it does not."""
    try:
        process.wait(0.5)  # Ctrl-C in a terminal reaches it as well; a second request would cut its clearing up short
    except subprocess.TimeoutExpired:
        process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()


def how_it_ended(returncode: int) -> str:
    """Return in words how a process ended that did not end well; a negative code is the signal that killed it."""
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    name = signal.Signals(-returncode).name
    return f"was killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
