"""Patients by the hundred, shared among processes."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

BLAS_THREADS = "OPENBLAS_NUM_THREADS"


def one_blas_thread() -> None:
    """Keep NumPy, here and in processes started from here, to one thread of linear algebra; before it is imported.

    Its threads spin over matrices too small to share, at the expense of the other processes.
    """
    os.environ.setdefault(BLAS_THREADS, "1")


def each(function: Callable[[Job], Result], jobs: Sequence[Job], *, workers: int) -> Iterator[Result]:
    """Yield the result of each job, in order, whatever the number of processes that share them; 1: this one alone."""
    if workers == 1:
        yield from map(function, jobs)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(function, jobs)
