"""How many requests are computed at once and how many may wait, so that overload is refused at once."""

import contextlib
import os
import threading
from collections.abc import Iterator

import grpc

from tfspine.server.graph_session import Caller
from tfspine.server.request_error import RequestError

_LOOK_S = 0.05
"""How often a waiting request asks whether its caller is still there, in seconds."""


class Gate:
    """Lets a number of requests in, and keeps a number waiting; others are refused."""

    def __init__(self, at_once: int = 2 * (os.cpu_count() or 1) + 2, waiting: int = 128) -> None:
        self._at_once = at_once
        self._waiting = waiting
        self._inside = 0
        self._outside = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def admitted(self, caller: Caller) -> Iterator[None]:
        """Wait for a place, and hold it while the block runs.

        Raises:
            RequestError: too many wait already, or the caller has given up meanwhile.
        """
        with self._changed:
            self._wait_for_place(caller)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify()

    def _wait_for_place(self, caller: Caller) -> None:
        caller.require_waiting()
        if self._inside < self._at_once:
            return
        if self._outside >= self._waiting:
            raise RequestError(
                grpc.StatusCode.UNAVAILABLE,
                f"The server is busy: {self._inside} requests are computed and {self._outside} wait; try again later",
            )
        self._outside += 1
        try:
            while self._inside >= self._at_once:
                caller.require_waiting()
                self._changed.wait(_LOOK_S)
            caller.require_waiting()
        finally:
            self._outside -= 1
