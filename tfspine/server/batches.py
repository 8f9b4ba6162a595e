"""Requests that arrive together are computed as one batch, as TensorFlow Serving's batching does.

Every combination of tensors has its own queue. A batch is computed once it is full or its first request has waited for
the time-out. Requests whose caller has given up leave the queue and are not computed.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from tfspine.server.batch_tensors import merged, row_count, split_outputs
from tfspine.server.batching_file import BatchingOptions
from tfspine.server.graph_session import Caller, Feeds, Run
from tfspine.server.request_error import RequestError, invalid

_LOOK_S = 0.02
"""How often a waiting request asks whether its caller is still there, in seconds."""

_IDLE_S = 5.0
"""How long a thread without work stays, in seconds."""


def batched(run: Run, options: BatchingOptions) -> Run:
    """Return a function like `run` that merges simultaneous calls."""
    return _Batcher(run, options)


@dataclass
class _Task:
    """Rows of one request, and who waits for their result."""

    feeds: Feeds
    size: int
    caller: Caller
    result: "Future[list[NDArray[Any]]]" = field(default_factory=Future)

    def is_wanted(self) -> bool:
        try:
            self.caller.require_waiting()
        except RequestError as error:
            if not self.result.done():
                self.result.set_exception(error)
            return False
        return True


@dataclass
class _Batch:
    """Tasks that are computed together."""

    tasks: list[_Task] = field(default_factory=list)
    opened: float = 0.0

    @property
    def size(self) -> int:
        return sum(task.size for task in self.tasks)


_Key = tuple[Any, ...]


class _Batcher:
    """The queues of one version, and the threads that compute their batches."""

    def __init__(self, run: Run, options: BatchingOptions) -> None:
        self._run = run
        self._options = options
        self._queues: dict[_Key, deque[_Batch]] = {}
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0

    def __call__(self, feeds: Feeds, fetches: Sequence[str], caller: Caller) -> list[NDArray[Any]]:
        size = row_count(feeds)
        if size > self._options.max_batch_size:
            raise invalid(f"Task size {size} is larger than maximum input batch size {self._options.max_batch_size}")
        step = self._options.max_execution_size if self._options.split_large else max(size, 1)
        tasks = [
            _Task({name: array[at : at + step] for name, array in feeds.items()}, min(step, size - at), caller)
            for at in range(0, max(size, 1), step)
        ]
        self._enqueue(tasks, (tuple((name, array.dtype) for name, array in feeds.items()), tuple(fetches)))
        results = [_wait(task) for task in tasks]
        return results[0] if len(results) == 1 else [np.concatenate(parts) for parts in zip(*results, strict=True)]

    def _enqueue(self, tasks: Sequence[_Task], key: _Key) -> None:
        options = self._options
        with self._changed:
            queue = self._queues.setdefault(key, deque([_Batch()]))
            for batch in queue:
                batch.tasks = [task for task in batch.tasks if task.is_wanted()]
            for task in tasks:
                if queue[-1].size + task.size > options.max_execution_size:
                    if len(queue) >= options.max_enqueued_batches:
                        raise RequestError(
                            grpc.StatusCode.UNAVAILABLE,
                            "The batch scheduling queue to which this task was submitted is full; currently "
                            f"{len(queue)} batches enqueued and max_enqueued_batches is {options.max_enqueued_batches}",
                        )
                    queue.append(_Batch())
                if not queue[-1].tasks:
                    queue[-1].opened = time.monotonic()
                queue[-1].tasks.append(task)
            if self._threads < options.threads and not self._idle:
                self._threads += 1
                threading.Thread(target=self._work, name="batches", daemon=True).start()
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                found = self._next_batch()
                if found is None:
                    self._threads -= 1
                    return
            key, batch = found
            self._compute(batch, key[1])

    def _next_batch(self) -> tuple[_Key, _Batch] | None:
        """Wait for a batch that is due, and take it out; None after a while without any. The lock is held."""
        idle_until = time.monotonic() + _IDLE_S
        while True:
            now = time.monotonic()
            due = [(queue[0].opened, key) for key, queue in self._queues.items() if self._is_due(queue, now)]
            if due:
                _, key = min(due, key=lambda item: item[0])
                queue = self._queues[key]
                batch = queue.popleft()
                if not queue:
                    queue.append(_Batch())
                return key, batch
            opened = [queue[0].opened for queue in self._queues.values() if queue[0].tasks]
            until = min(opened) + self._options.timeout_s if opened else idle_until
            if not opened and now >= idle_until:
                return None
            self._idle += 1
            self._changed.wait(max(until - now, 0.0001))
            self._idle -= 1

    def _is_due(self, queue: deque[_Batch], now: float) -> bool:
        first = queue[0]
        return len(queue) > 1 or bool(
            first.tasks
            and (first.size >= self._options.max_execution_size or now >= first.opened + self._options.timeout_s)
        )

    def _compute(self, batch: _Batch, fetches: Sequence[str]) -> None:
        tasks = [task for task in batch.tasks if task.is_wanted()]
        if not tasks:
            return
        try:
            feeds, sizes = merged([task.feeds for task in tasks], self._options)
            outputs = self._run(feeds, fetches, _together(tasks))
            for task, result in zip(tasks, split_outputs(outputs, sizes), strict=True):
                task.result.set_result(result)
        except Exception as error:
            for task in tasks:
                if not task.result.done():
                    task.result.set_exception(error)


def _together(tasks: Sequence[_Task]) -> Caller:
    """A batch is computed as long as one of its callers waits."""
    deadlines = [task.caller.deadline for task in tasks]
    latest = None if None in deadlines else max(deadline for deadline in deadlines if deadline is not None)
    return Caller(latest, lambda: all(task.caller.has_left() for task in tasks))


def _wait(task: _Task) -> list[NDArray[Any]]:
    while True:
        try:
            return task.result.result(_LOOK_S)
        except NotYet:
            if task.result.done():
                raise
            task.caller.require_waiting()
