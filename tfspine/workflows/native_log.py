"""Removes the log lines of TensorFlow's C++ code from standard error; all other output there is passed on.

Some of this code ignores TF_CPP_MIN_LOG_LEVEL, and writes directly to file descriptor 2, into the bars. Therefore a
small process reads that output and drops its log lines except fatal ones. It is a separate process so that the last
output of a process that aborts is passed on as well.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

VERBS = frozenset({"records", "train", "tune", "export", "serve", "predict", "explain"})
"""The commands that import TensorFlow."""

SECONDS_TO_END = 2.0

LOG_LINE = re.compile(
    rb"[IWE]\d{4} \d\d:\d\d:\d\d|[IWE]0000 00:00:\d+\.\d+|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] "
    rb"|WARNING: All log messages before absl::InitializeLog"
)
"""Start of an information, warning or error line in Abseil's log and in TensorFlow's own."""


@contextlib.contextmanager
def without_native_log() -> Iterator[None]:
    """Drop the log lines of C++ code while the block runs; Python's output is not affected, on a terminal as well."""
    errors = sys.stderr
    if errors is None:
        yield  # the shell has closed it (2>&-), so nothing can be written
        return
    errors.flush()
    former = os.dup(2)
    reading, writing = os.pipe()
    # In a separate session, so that Ctrl-C does not end it before the processes that write to it.
    process = subprocess.Popen([sys.executable, "-I", __file__], stdin=reading, stderr=former, start_new_session=True)
    os.close(reading)
    try:
        with os.fdopen(os.dup(former), "w", buffering=1, encoding=errors.encoding, errors=errors.errors) as python_s:
            sys.stderr = python_s
            os.dup2(writing, 2)
            os.close(writing)
            try:
                yield
            finally:
                os.dup2(former, 2)
                sys.stderr = errors
    finally:
        os.close(former)
        # It does not end while a child process that inherited the descriptor is still running.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_END)


def pass_on() -> None:
    """Copy standard input to standard error without log lines, each line as soon as it arrives."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    begun = b""
    while part := os.read(0, 65536):
        *lines, begun = (begun + part).split(b"\n")
        passed = b"".join(line + b"\n" for line in lines if not LOG_LINE.match(line))
        if passed:
            os.write(2, passed)
    if begun and not LOG_LINE.match(begun):
        os.write(2, begun)


if __name__ == "__main__":
    pass_on()
