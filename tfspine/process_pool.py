"""Items processed in parallel processes: in order, or so that an item that kills its process affects no other item.

The processes share no state with this one. They are forked from a server that has imported what the work needs, and
limit NumPy to one thread for linear algebra each.
"""

import functools
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

BLAS_THREADS = "OPENBLAS_NUM_THREADS"


def one_blas_thread() -> None:
    """Limit NumPy to one thread for linear algebra, in this process and its children; to call before NumPy is imported.

    On small matrices its threads busy-wait, which slows the other processes down.
    """
    os.environ.setdefault(BLAS_THREADS, "1")


def each(function: Callable[[Item], Result], items: Sequence[Item], *, workers: int) -> Iterator[Result]:
    """Yield the result of each item, in order; with one worker the items are processed in this process."""
    if workers == 1:
        yield from map(function, items)
        return
    with _pool(workers, function) as pool:
        yield from pool.map(function, items)


def each_guarded(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    longest_s: float,
    lost: Callable[[bool], Result],
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with its result, in the order in which they finish.

    If a worker dies, for example in a C decoder because of a damaged file, only its own item is lost: the other items
    in progress are repeated, each in a separate process. For the same reason, a single worker is a separate process
    too. A worker that has not finished an item after `longest_s` seconds dies, see `limited`.

    Args:
        function: a function of a module; an exception in it ends everything.
        items: the items to process.
        workers: number of parallel processes.
        longest_s: time limit for one item, in seconds.
        lost: returns the result of an item whose process died; its argument says whether the time limit was the cause.
    """
    work = functools.partial(limited, function, longest_s=longest_s)
    left = deque(items)
    while left:
        suspects: dict[Future[Result], Item] = {}
        with _pool(min(workers, len(left)), function) as pool:
            try:
                while left or suspects:
                    while left and len(suspects) < workers:
                        suspects[pool.submit(work, left[0])] = left[0]
                        left.popleft()
                    done, _ = wait(suspects, return_when=FIRST_COMPLETED)
                    for future in sorted(done, key=list(suspects).index):
                        result = future.result()
                        yield suspects.pop(future), result
            except BrokenProcessPool:
                pass
        for item in suspects.values():
            yield item, _alone(work, item, longest_s=longest_s, lost=lost)


def limited(function: Callable[[Item], Result], item: Item, *, longest_s: float) -> Result:
    """Return the function's result, or end this process when `longest_s` seconds have passed.

    The kernel ends it with an unhandled alarm signal, because Python cannot interrupt a loop in a C decoder.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, longest_s)
    try:
        return function(item)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _alone(work: Callable[[Item], Result], item: Item, *, longest_s: float, lost: Callable[[bool], Result]) -> Result:
    begun = time.monotonic()
    with _pool(1, work) as pool:
        try:
            return pool.submit(work, item).result()
        except BrokenProcessPool:
            return lost(time.monotonic() - begun >= longest_s)


def _pool(workers: int, function: Callable[[Item], Result]) -> ProcessPoolExecutor:
    """Return worker processes that are forked from a server with the imports of the function's module."""
    one_blas_thread()
    context = _Context()
    while isinstance(function, functools.partial):
        function = function.args[0] if function.args and callable(function.args[0]) else function.func
    context.set_forkserver_preload([function.__module__])
    return ProcessPoolExecutor(workers, mp_context=context)


class _Process(ForkServerProcess):
    """A process that does not run the caller's script again.

    By default Python imports the script in every worker, so that one without ``if __name__ == "__main__"`` would start
    again. That import is not needed here, because the functions belong to modules.
    """

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802 - the base calls it so
        main = sys.modules["__main__"]
        names = ("__file__", "__spec__")
        hidden: dict[str, Any] = {name: main.__dict__.pop(name) for name in names if name in main.__dict__}
        main.__spec__ = None
        try:
            return ForkServerProcess._Popen(process_obj)
        finally:
            main.__dict__.update(hidden)


class _Context(ForkServerContext):
    Process = _Process
