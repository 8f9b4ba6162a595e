"""Items shared among processes: every result once, in order where that is promised, and errors as they are."""

import functools
import math
import os

import pytest

from tfspine.process_pool import BLAS_THREADS, each, each_guarded


def about(number: int) -> tuple[int, int, str]:
    return number, os.getpid(), os.environ[BLAS_THREADS]


def root(number: float, *, scale: float = 1.0) -> float:
    return math.sqrt(number) * scale


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_from_processes_of_their_own(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BLAS_THREADS, "1")
    found = list(each(about, range(12), workers=workers))
    assert [number for number, _, _ in found] == list(range(12))
    assert {threads for _, _, threads in found} == {"1"}
    assert ({process for _, process, _ in found} == {os.getpid()}) == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_function_raises_is_raised_here(workers: int) -> None:
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        list(each(root, [4.0, -1.0], workers=workers))
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        list(each_guarded(root, [-1.0], workers=workers, longest_s=60.0, lost=lambda is_late: math.nan))


def test_each_item_has_its_result_whatever_the_order() -> None:
    doubled = functools.partial(root, scale=2.0)
    found = dict(each_guarded(doubled, [1.0, 4.0, 9.0], workers=2, longest_s=60.0, lost=lambda is_late: math.nan))
    assert found == {1.0: 2.0, 4.0: 4.0, 9.0: 6.0}
