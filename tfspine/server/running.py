"""Both ports of a local server: opened together, drained together."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from aiohttp import web

from tfspine.errors import ServerError
from tfspine.server.catalogue import Catalogue
from tfspine.server.grpc_service import make_handlers
from tfspine.server.ports import Ports, listen
from tfspine.server.rest_service import make_app

_log = logging.getLogger(__name__)

DRAIN_S = 30.0
"""How long requests in progress may take to end after the ports have closed, in seconds."""

REST_TIMEOUT_S = 30.0
"""TensorFlow Serving's own default of `--rest_api_timeout_in_ms`."""

_GRPC_OPTIONS = (
    # Two servers must not share a port: by default gRPC lets them, and requests go to either.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 2**31 - 1),
    ("grpc.max_send_message_length", 2**31 - 1),
)
_GRPC_THREADS = 8


@contextlib.contextmanager
def running(
    catalogue: Catalogue,
    *,
    host: str = "127.0.0.1",
    port: int = 8500,
    rest_port: int = 8501,
    rest_timeout_s: float = REST_TIMEOUT_S,
) -> Iterator[Ports]:
    """Serve both protocols while the block runs, then stop listening and end the requests in progress.

    Args:
        catalogue: loaded models.
        host: the address to listen on; the protocol has no authentication, so only this machine is a safe choice.
        port: for gRPC; 0 takes a free one.
        rest_port: for REST; 0 takes a free one.
        rest_timeout_s: a REST request that takes longer is answered with 504.

    Raises:
        ServerError: a port is in use, or the address is not this machine's.
    """
    with contextlib.ExitStack() as stack:
        # Both are bound before either answers, so that a port in use stops the start and nothing else.
        listener = stack.enter_context(contextlib.closing(listen(host, rest_port, "--rest-api-port")))
        server, bound = _bind_grpc(catalogue, host, port)
        stack.callback(lambda: server.stop(DRAIN_S).wait())
        stack.enter_context(_rest_running(catalogue, listener, rest_timeout_s))
        server.start()
        ports = Ports(host, bound, listener.getsockname()[1])
        _log.info("ready: grpc://%s:%d and http://%s:%d", host, ports.grpc, host, ports.rest)
        yield ports
        _log.info("draining: requests in progress have %d s to end", DRAIN_S)


def _bind_grpc(catalogue: Catalogue, host: str, port: int) -> tuple[grpc.Server, int]:
    # gRPC does not say why it cannot bind; a plain socket does.
    listen(host, port, "--port").close()
    server = grpc.server(ThreadPoolExecutor(_GRPC_THREADS), options=_GRPC_OPTIONS)
    server.add_generic_rpc_handlers(make_handlers(catalogue))
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise ServerError(f"{host}:{port}: cannot listen there: {error}; name another --port") from None
    return server, bound


@contextlib.contextmanager
def _rest_running(catalogue: Catalogue, listener: socket.socket, timeout_s: float) -> Iterator[None]:
    """Run the web application in a thread with its own event loop."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(make_app(catalogue, timeout_s=timeout_s), access_log=None, shutdown_timeout=DRAIN_S)
    thread = threading.Thread(target=loop.run_forever, name="rest", daemon=True)
    try:
        loop.run_until_complete(_start_site(runner, listener))
        thread.start()
        yield
    finally:
        if thread.is_alive():
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        loop.close()


async def _start_site(runner: web.AppRunner, listener: socket.socket) -> None:
    await runner.setup()
    await web.SockSite(runner, listener).start()
