"""Items shared among processes of this machine: in order, or so that an item that kills its process costs no other.

The processes share no state with this one. They are forked from a server that has imported what the work needs, and
keep NumPy to one thread of linear algebra each.
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
    """Keep NumPy, here and in processes started from here, to one thread of linear algebra; before it is imported.

    Its threads spin over matrices too small to share, at the expense of the other processes.
    """
    os.environ.setdefault(BLAS_THREADS, "1")


def each(function: Callable[[Item], Result], items: Sequence[Item], *, workers: int) -> Iterator[Result]:
    """Yield the result of each item, in order, whatever the number of processes that share them; 1: this one alone."""
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

    A worker that dies, as one may over a damaged file in a decoder written in C, takes its own item with it and no
    other: what was under way beside it is done again, each in a process of its own. One worker alone is a process
    too, for that reason. A worker that is not done with an item after `longest_s` seconds dies, see `limited`.

    Args:
        function: of a module; what it raises ends everything.
        items: to work on.
        workers: processes at once.
        longest_s: of one item.
        lost: gives the result of an item whose process died; it is told whether that was for want of time.
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
    """Return the function's result, or have this process die when `longest_s` seconds have passed.

    The kernel ends it, by the alarm that nobody handles: a loop in a decoder written in C would not let Python do so.
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

    Python would import it there for functions defined in it, and a script without ``if __name__ == "__main__"`` would
    begin anew in every worker. Ours are functions of modules.
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
