"""Child processes: they end when the parent is told to end, and the text about how they ended."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from tfspine.workflows import processes
from tfspine.workflows.processes import end, how_it_ended, interruptible

SLEEPING = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def test_a_request_to_end_reaches_the_child() -> None:
    """As ``kill`` sends it to the parent alone; without the handler the parent would be gone and the child work on."""
    before = signal.getsignal(signal.SIGTERM)
    with subprocess.Popen(SLEEPING, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "up\n"
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(KeyboardInterrupt), interruptible(), ExitStack() as stack:
            stack.callback(end, child)  # as `own_process` leaves its block
            child.wait(30)
        assert child.poll() == -signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_child_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SECONDS_TO_END", 0.2)
    deaf = [sys.executable, "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPING[-1]]
    with subprocess.Popen(deaf, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "up\n"
        processes.end(child)
        assert child.wait(30) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "ended with exit code 1"),
        (-signal.SIGKILL, "was killed by SIGKILL, perhaps because memory ran out"),
        (-signal.SIGSEGV, "was killed by SIGSEGV"),
    ],
)
def test_how_it_ended(code: int, words: str) -> None:
    assert how_it_ended(code) == words
