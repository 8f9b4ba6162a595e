"""Workers of a cluster wait for one another, and end together: with threads in place of processes, on loopback."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tfspine.errors import REQUEUE, ConfigError
from tfspine.training.cluster import Cluster
from tfspine.training.meeting import meeting

PATIENCE_S = 20.0


@pytest.fixture
def addresses() -> tuple[str, ...]:
    with ExitStack() as stack:
        free = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in free:
            each.bind(("127.0.0.1", 0))
        return tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in free)


class Worker(threading.Thread):
    """One process of the cluster; `die` ends its training with an error, `finish` ends it well."""

    def __init__(self, addresses: tuple[str, ...], rank: int, *, checkpoint: str = "", timeout_s: float = PATIENCE_S):
        super().__init__(daemon=True)
        self._cluster, self._checkpoint, self._timeout_s = Cluster(addresses, rank), checkpoint, timeout_s
        self.began, self._end, self._dies = threading.Event(), threading.Event(), False
        self.code: int | None = None
        self.error = ""
        self.start()

    def run(self) -> None:
        try:
            with meeting(
                self._cluster,
                checkpoint=lambda: self._checkpoint,
                timeout_s=self._timeout_s,
                go_on="start again",
                end=self._ended,
            ):
                self.began.set()
                self._end.wait(PATIENCE_S)
                if self._dies or self.code is not None:
                    raise InterruptedError  # as a process that ends closes its connections without a word
        except ConfigError as error:
            self.error = str(error)
        except InterruptedError:
            pass

    def _ended(self, code: int) -> None:
        self.code = code
        self._end.set()

    def die(self) -> None:
        self._dies = True
        self._end.set()

    def finish(self) -> None:
        self._end.set()


@pytest.fixture
def three(addresses: tuple[str, ...]) -> Iterator[list[Worker]]:
    workers = [Worker(addresses, rank) for rank in (2, 1, 0)][::-1]
    assert all(worker.began.wait(PATIENCE_S) for worker in workers)
    yield workers
    for worker in workers:
        worker.finish()
        worker.join(PATIENCE_S)


def test_nobody_begins_before_all_are_there(addresses: tuple[str, ...]) -> None:
    early = [Worker(addresses, 0), Worker(addresses, 2)]
    time.sleep(1.0)
    assert not any(worker.began.is_set() for worker in early)
    last = Worker(addresses, 1)
    assert all(worker.began.wait(PATIENCE_S) for worker in (*early, last))
    for worker in (*early, last):
        worker.finish()
    for worker in (*early, last):
        worker.join(PATIENCE_S)
        assert (worker.code, worker.error) == (None, "")


@pytest.mark.parametrize("dying", [0, 1, 2])
def test_when_one_dies_the_others_end_within_seconds(dying: int, three: list[Worker]) -> None:
    started = time.monotonic()
    three[dying].die()
    for worker in three:
        worker.join(PATIENCE_S)
    assert time.monotonic() - started < 5.0
    assert [worker.code for worker in three if worker is not three[dying]] == [REQUEUE, REQUEUE]
    assert os.EX_TEMPFAIL == REQUEUE


def test_those_who_finish_at_different_times_end_well(three: list[Worker]) -> None:
    for worker in (three[1], three[0]):
        worker.finish()
        worker.join(PATIENCE_S)
    time.sleep(0.5)
    assert three[2].is_alive()
    three[2].finish()
    three[2].join(PATIENCE_S)
    assert [worker.code for worker in three] == [None] * 3


def test_a_worker_that_does_not_come_is_named(addresses: tuple[str, ...]) -> None:
    chief, there = Worker(addresses, 0, timeout_s=1.5), Worker(addresses, 1, timeout_s=1.5)
    chief.join(PATIENCE_S)
    there.join(PATIENCE_S)
    assert chief.error.startswith(f"the worker 2 ({addresses[2]}) did not come within 2 s")
    assert there.error


def test_a_chief_that_does_not_come_is_named(addresses: tuple[str, ...]) -> None:
    worker = Worker(addresses, 1, timeout_s=1.0)
    worker.join(PATIENCE_S)
    assert worker.error.startswith(f"the chief, {addresses[0]}, did not answer within 1 s")


@pytest.mark.parametrize("rank", [0, 1])
def test_a_port_in_use_is_told_at_once(rank: int, addresses: tuple[str, ...]) -> None:
    host, _, port = addresses[rank].rpartition(":")
    with socket.create_server((host, int(port))):
        started = time.monotonic()
        worker = Worker(addresses, rank)
        worker.join(PATIENCE_S)
    assert time.monotonic() - started < 5.0
    assert f"cannot open port {port}" in worker.error


def test_workers_that_see_another_checkpoint_are_refused(addresses: tuple[str, ...]) -> None:
    chief = Worker(addresses, 0, checkpoint="ckpt-200")
    others = [Worker(addresses, 1, checkpoint="ckpt-200"), Worker(addresses, 2)]
    for worker in (chief, *others):
        worker.join(PATIENCE_S)
    assert f"the worker 2 ({addresses[2]}) sees the checkpoint none, the chief ckpt-200" in chief.error
    assert all(worker.error and not worker.began.is_set() for worker in others)


def test_a_stranger_at_the_port_changes_nothing(addresses: tuple[str, ...]) -> None:
    chief = Worker(addresses, 0)
    time.sleep(0.5)
    host, _, port = addresses[0].rpartition(":")
    with socket.create_connection((host, int(port))) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        workers = [Worker(addresses, rank) for rank in (1, 2)]
        assert all(worker.began.wait(PATIENCE_S) for worker in (chief, *workers))
    for worker in (chief, *workers):
        worker.finish()
        worker.join(PATIENCE_S)
        assert (worker.code, worker.error) == (None, "")
