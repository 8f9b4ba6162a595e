"""Runs a workflow function in a separate process, which ends with this one; its bars and output are shown here.

A training needs one, and so does a function that starts TensorFlow before another one that must choose its devices. The
function, its arguments and its result are sent by `pickle`: a function of a module, frozen dataclasses, paths.
"""

import contextlib
import functools
import inspect
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Generic, TypeVar

from tfspine.compat import StrEnum
from tfspine.disk import disk_refusal
from tfspine.errors import OutputError, TfspineError
from tfspine.progress import stage_bar, track
from tfspine.sent_bars import RemoteBars, send_bars
from tfspine.workflows.native_log import LOG_LINE
from tfspine.workflows.processes import SECONDS_TO_END, end, how_it_ended, interruptible

Result = TypeVar("Result")

ENTRY = "from tfspine.workflows.own_process import answer; answer()"
LOGGERS = ("", "absl", "tensorflow")
"""Loggers whose levels are copied to the separate process."""

SECONDS_OF_LAST_WORDS = 2.0
"""How long to wait for the last output of a process that ended; its child processes may keep the pipe open."""

INTERRUPTED = 130

THREADS_VARIABLE = "TF_NUM_INTRAOP_THREADS"
"""How many cores an operation of TensorFlow may use; without it, each of several processes would use all cores."""

_running: "set[subprocess.Popen[bytes]]" = set()
"""The separate processes at work, for `process_threads`."""


class _Kind(StrEnum):
    """Kind of a message: the bars changed, or the function reported a value, returned, or refused its input."""

    BARS = "bars"
    TOLD = "told"
    RESULT = "result"
    ERROR = "error"


@dataclass(frozen=True)
class _Order:
    """What the separate process needs at its start; `call` is pickled separately, because `path` must be set first."""

    path: tuple[str, ...]
    levels: Mapping[str, int]
    call: bytes
    tells: str


def run_in_own_process(call: "functools.partial[Result]", *, environment: Mapping[str, str] | None = None) -> Result:
    """Call a function in a separate process and return its result.

    Args:
        call: a function of a module, with its arguments.
        environment: additional environment variables of the process.

    Raises:
        TfspineError: as the function raised it; or the process ended abnormally, and the message says how.
    """
    with own_process(call, environment=environment) as process:
        return process.result()


@contextlib.contextmanager
def own_process(
    call: "functools.partial[Result]", *, environment: Mapping[str, str] | None = None, tells: str = ""
) -> "Iterator[OwnProcess[Result]]":
    """Yield a function that runs in a separate process, which ends with the block at the latest.

    Args:
        call: a function of a module, with its arguments.
        environment: additional environment variables of the process.
        tells: the function's keyword for a callback whose values `OwnProcess.told` returns, such as a server's ports.
    """
    order = _Order(
        tuple(sys.path), {name: logging.getLogger(name).level for name in LOGGERS}, pickle.dumps(call), tells
    )
    # A process that outlives this one keeps its folder locked (`outputs.held`), so that the next call cannot interfere.
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY],
        env=os.environ | (environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        close_fds=False,
    )
    with process, _words_passed_on(process), RemoteBars() as bars:
        _running.add(process)
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended already, which is reported below
                pickle.dump(order, _pipe(process.stdin))
                _pipe(process.stdin).flush()
            yield OwnProcess(process, bars)
        finally:
            _running.discard(process)
            if process.poll() is None:
                end(process)


@contextlib.contextmanager
def process_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads, each of which waits for a separate process; if the block fails, all processes are ended."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in tuple(_running):
            end(process)
        raise
    finally:
        pool.shutdown()


class OwnProcess(Generic[Result]):
    """A function that runs in a separate process."""

    def __init__(self, process: "subprocess.Popen[bytes]", bars: RemoteBars) -> None:
        self._process = process
        self._bars = bars

    def told(self) -> Any:
        """Wait until the function reports a value, and return it.

        Raises:
            TfspineError: it ended before that.
        """
        return self._wait_for(_Kind.TOLD)

    def result(self) -> Result:
        """Wait until the function returns.

        Raises:
            TfspineError: as the function raised it, or with the way in which the process ended without a result.
        """
        result: Result = self._wait_for(_Kind.RESULT)
        with contextlib.suppress(subprocess.TimeoutExpired):  # it gets time to clean up
            self._process.wait(SECONDS_TO_END)
        return result

    def end(self) -> None:
        """Request its end, wait for it, and kill it if it does not end."""
        end(self._process)

    def _wait_for(self, wanted: _Kind) -> Any:
        for kind, content in self._messages():
            if kind is wanted:
                return content
            if kind is _Kind.BARS:
                self._bars.show(content)
            elif kind is _Kind.ERROR:
                raise content
        code = self._process.wait()
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        more = "run the same command again to continue" if code < 0 else "see its message above"
        raise TfspineError(f"{how_it_ended(code)}; {more}")

    def _messages(self) -> Iterator[tuple[_Kind, Any]]:
        with contextlib.suppress(EOFError, pickle.UnpicklingError):  # the end, possibly in the middle of a message
            while True:
                yield pickle.load(_pipe(self._process.stdout))  # noqa: S301 - our own process


def answer() -> None:
    """Run, as the separate process, the call read from standard input; messages go to the original standard output."""
    messages = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # anything printed goes to standard error, apart from the messages
    order: _Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
    sys.path[:] = order.path
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _log_as(order.levels)
    lock = threading.Lock()

    def send(kind: _Kind, content: Any) -> None:
        with lock:
            pickle.dump((kind, content), messages)
            messages.flush()

    try:
        with interruptible(), send_bars(functools.partial(send, _Kind.BARS)):
            call = pickle.loads(order.call)  # noqa: S301 - as above
            tell = {order.tells: functools.partial(send, _Kind.TOLD)} if order.tells else {}
            result = call_with_progress(call, **tell)
        send(_Kind.RESULT, result)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except TfspineError as error:
        send(_Kind.ERROR, error)
    except Exception as error:
        reason = disk_refusal(error)
        if reason is None:
            traceback.print_exc()
            raise SystemExit(1) from None
        send(_Kind.ERROR, OutputError(f"an output cannot be written: {reason}; free space and run it again"))


def call_with_progress(call: "functools.partial[Result]", **more: Any) -> Result:
    """Call a function with progress bars, if it has a callback for items (`track`) or stages (`begin`)."""
    callbacks = inspect.signature(call.func).parameters
    if "track" in callbacks:
        more["track"] = track
    if "begin" not in callbacks:
        return call(**more)
    with stage_bar() as begin:
        return call(begin=begin, **more)


def _end_with_parent() -> None:
    """Request this process's end when its standard input is closed: the process that wanted its result has ended."""
    # A thread that holds the lock of `sys.stdin` would prevent the interpreter from exiting.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _log_as(levels: Mapping[str, int]) -> None:
    logging.basicConfig(format="%(message)s", force=True)
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)


@contextlib.contextmanager
def _words_passed_on(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Copy a process's standard error to ours without TensorFlow's own log lines, above the bars if there are any."""

    def pass_on() -> None:
        for line in _pipe(process.stderr):
            if not LOG_LINE.match(line):
                sys.stderr.write(line.decode(errors="backslashreplace"))
                sys.stderr.flush()

    thread = threading.Thread(target=pass_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(SECONDS_OF_LAST_WORDS)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - every stream is a pipe
    return stream
