"""The processes of a cluster wait for one another before a training, and end together if one of them dies.

TensorFlow itself waits for peers without a limit, and notices minutes later that one is gone. Here every worker
connects to the chief's port before TensorFlow opens it. The connection stays open during the training: its end, without
a word that the training is done, means that the process or its machine died.
"""

import contextlib
import json
import logging
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfspine.errors import REQUEUE, ConfigError
from tfspine.training.cluster import Cluster

_log = logging.getLogger(__name__)

LONGEST_LINE = 4096
DONE = "done"

SILENT_S = 30
"""After so many seconds without an answer of a peer's machine, the connection ends (TCP keepalive)."""

RETRY_S = 0.5

HELLO_S = 10.0
"""How long the chief listens to whoever connects before it turns to the next: a worker speaks at once."""

NOTICE_S = 2.0

Peers = Mapping[socket.socket, str]
"""Open connections, each with the name of the peer for messages."""


@contextlib.contextmanager
def meeting(
    cluster: Cluster,
    *,
    checkpoint: Callable[[], str],
    timeout_s: float,
    go_on: str,
    end: Callable[[int], Any] = os._exit,
) -> Iterator[None]:
    """Wait for all processes of the cluster, and end this one with `REQUEUE` if another ends before its training.

    Args:
        cluster: the processes.
        checkpoint: returns the name of the newest checkpoint in the run folder, empty if there is none. It must be the
            same for all, because all restore it.
        timeout_s: how long to wait for the others.
        go_on: what to do to continue the training, for the message.
        end: ends the process.

    Raises:
        ConfigError: the port of this process is in use; a process did not come in time; the run folder is not shared.
    """
    if cluster.is_chief:
        peers = _wait_for_workers(cluster, checkpoint(), timeout_s)
    else:
        peers = _go_to_chief(cluster, checkpoint, timeout_s)
    watching = threading.Thread(target=_watch, args=(peers, go_on, end), daemon=True)
    watching.start()
    try:
        yield
        for peer in peers:
            _send(peer, DONE)
    except Exception:
        # An error inside TensorFlow may be the first sign of a peer that is gone, which `_watch` is about to notice.
        watching.join(NOTICE_S)
        raise
    finally:
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_WR)


def _wait_for_workers(cluster: Cluster, checkpoint: str, timeout_s: float) -> Peers:
    """Accept every worker, then tell all of them to begin."""
    until = time.monotonic() + timeout_s
    peers: dict[socket.socket, str] = {}
    ranks: set[int] = set()
    with _listener(cluster.addresses[0]) as listener:
        while len(peers) < len(cluster.addresses) - 1:
            listener.settimeout(max(0.01, until - time.monotonic()))
            try:
                peer, _ = listener.accept()
            except TimeoutError:
                missing = [_name(cluster, rank) for rank in range(1, len(cluster.addresses)) if rank not in ranks]
                raise ConfigError(
                    f"{', '.join(missing)} did not come within {timeout_s:.0f} s; start every worker, and check that "
                    f"{cluster.addresses[0]} can be reached from it (training.peer_timeout_s)"
                ) from None
            rank = _receive(peer, min(until, time.monotonic() + HELLO_S)).get("rank")
            if not isinstance(rank, int) or rank not in range(1, len(cluster.addresses)) or rank in ranks:
                peer.close()  # a port scan, or a worker of another cluster
                continue
            ranks.add(rank)
            _keep_alive(peer)
            peers[peer] = _name(cluster, rank)
        for peer in peers:
            _send(peer, {"checkpoint": checkpoint})
        for peer, name in peers.items():
            seen = _receive(peer, until).get("checkpoint")
            if seen != checkpoint:
                raise ConfigError(
                    f"{name} sees the checkpoint {seen or 'none'}, the chief {checkpoint or 'none'}; expected one "
                    "run folder (--out) that all workers share"
                )
        for peer in peers:
            _send(peer, {"begin": True})
    return peers


def _go_to_chief(cluster: Cluster, checkpoint: Callable[[], str], timeout_s: float) -> Peers:
    """Connect to the chief, tell it which checkpoint this process sees, and wait until it says that all are there."""
    _listener(cluster.addresses[cluster.rank]).close()  # reports a port in use before minutes of starting
    until = time.monotonic() + timeout_s
    chief = _called(cluster, until, timeout_s)
    _send(chief, {"checkpoint": checkpoint()})
    if not _receive(chief, until).get("begin"):
        raise ConfigError(f"the chief, {cluster.addresses[0]}, refused this worker; its own message says why")
    _keep_alive(chief)
    return {chief: _name(cluster, 0)}


def _called(cluster: Cluster, until: float, timeout_s: float) -> socket.socket:
    """Return a connection to the chief, once it has said that all workers are connected."""
    address = cluster.addresses[0]
    host, _, port = address.rpartition(":")
    reason = "it did not say that all workers are there"
    while time.monotonic() < until:
        try:
            chief = socket.create_connection((host, int(port)), timeout=max(0.01, until - time.monotonic()))
        except OSError as error:
            reason = str(error)
        else:
            _send(chief, {"rank": cluster.rank})
            if "checkpoint" in _receive(chief, until):
                return chief
            chief.close()  # the port of another process, perhaps of a chief that is ending
        time.sleep(RETRY_S)
    raise ConfigError(
        f"the chief, {address}, did not answer within {timeout_s:.0f} s ({reason}); start it, and check that this "
        "machine can reach it (training.peer_timeout_s)"
    )


def _watch(peers: Peers, go_on: str, end: Callable[[int], Any]) -> None:
    """Wait for the last word of every peer; end this process if a connection ends without it."""
    waiting = dict(peers)
    while waiting:
        for peer in select.select(list(waiting), [], [])[0]:
            name = waiting.pop(peer)
            if _read_line(peer) != DONE:
                # Not an exception: the main thread waits inside TensorFlow for the peer that is gone.
                _log.error("%s ended before the training was done; this process ends too; %s", name, go_on)
                sys.stderr.flush()
                end(REQUEUE)


def _listener(address: str) -> socket.socket:
    port = int(address.rpartition(":")[2])
    try:
        return socket.create_server(("", port))
    except OSError as error:
        raise ConfigError(
            f"{address}: this process cannot open port {port} ({error.strerror}); end the process that uses it, or "
            "name another port in TF_CONFIG"
        ) from None


def _name(cluster: Cluster, rank: int) -> str:
    return f"the {'chief' if rank == 0 else f'worker {rank}'} ({cluster.addresses[rank]})"


def _keep_alive(peer: socket.socket) -> None:
    """Let a machine that is gone, and therefore closes no connection, be noticed."""
    peer.settimeout(None)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        for option, seconds in (("TCP_KEEPIDLE", SILENT_S // 3), ("TCP_KEEPINTVL", SILENT_S // 6)):
            peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)


def _send(peer: socket.socket, content: Any) -> None:
    with contextlib.suppress(OSError):  # whoever does not hear it has ended, which `_watch` reports
        peer.sendall(json.dumps(content).encode() + b"\n")


def _receive(peer: socket.socket, until: float) -> Mapping[str, Any]:
    """Return the next line as a table; an empty one if the peer sends something else, or nothing in time."""
    peer.settimeout(max(0.01, until - time.monotonic()))
    content = _read_line(peer)
    return content if isinstance(content, dict) else {}


def _read_line(peer: socket.socket) -> Any:
    line = b""
    try:
        # One byte at a time: what follows the line belongs to the next call.
        while len(line) < LONGEST_LINE and (byte := peer.recv(1)) not in (b"", b"\n"):
            line += byte
        return json.loads(line)
    except (OSError, ValueError):
        return None
