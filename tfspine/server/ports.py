"""The ports of a local server, without TensorFlow: whether they can be had is known before anything is loaded."""

import contextlib
import errno
import os
import socket
from dataclasses import dataclass

from tfspine.errors import ServerError


@dataclass(frozen=True)
class Ports:
    """Where the server listens."""

    host: str
    grpc: int
    rest: int


def require_free_ports(host: str, port: int, rest_port: int) -> None:
    """Bind and release both ports, so that a server that cannot start fails before it loads its models.

    Raises:
        ServerError: a port is in use, or the address is not this machine's.
    """
    with contextlib.closing(listen(host, port, "--port")):
        listen(host, rest_port, "--rest-api-port").close()


def listen(host: str, port: int, option: str) -> socket.socket:
    """Return a socket that listens at `port`, which `option` names; 0 takes a free one.

    Raises:
        ServerError: the port is in use or none, or the address is not this machine's.
    """
    if not 0 <= port < 2**16:
        raise ServerError(f"{option} {port}; expected 1 to 65535, or 0 for any free one")
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ServerError(
                f"port {port} on {host} is in use; stop what listens there, or name another {option} (0: any free one)"
            ) from None
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ServerError(f"{host}:{port}: cannot listen there: {reason}; name another --host") from None
