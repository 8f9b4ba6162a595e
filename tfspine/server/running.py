"""Both ports of a local server: opened together, drained together."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
from aiohttp import web

from tfspine.errors import ServerError
from tfspine.server.grpc_service import make_handlers
from tfspine.server.health import health_handler
from tfspine.server.ports import Ports, listen
from tfspine.server.service import Service
from tfspine.server.web_app import make_app

_log = logging.getLogger(__name__)

DRAIN_S = 30.0
"""How long requests in progress may take to end after the ports have closed, in seconds."""

_GRPC_OPTIONS = (
    # Two servers must not share a port: by default gRPC lets them, and requests go to either.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 2**31 - 1),
    ("grpc.max_send_message_length", 2**31 - 1),
)

_THREADS = 512
"""Of each protocol. They are made as needed; more than `gate.Gate` lets in and keeps waiting, so that it decides."""


@dataclass(frozen=True)
class RunningOptions:
    """How the ports behave.

    Attributes:
        rest_timeout_s: after which REST gives up, in seconds; TensorFlow Serving's own default.
        metrics_path: of the page for Prometheus, on the REST port; None: nowhere.
        health: whether the gRPC health service answers.
        credentials: TLS of the gRPC port; None: none.
        grpc_arguments: further options of the gRPC server.
    """

    rest_timeout_s: float = 30.0
    metrics_path: str | None = None
    health: bool = False
    credentials: grpc.ServerCredentials | None = None
    grpc_arguments: Sequence[tuple[str, int | str]] = ()


@contextlib.contextmanager
def running(
    service: Service,
    *,
    host: str = "127.0.0.1",
    port: int = 8500,
    rest_port: int = 8501,
    options: RunningOptions = RunningOptions(),
) -> Iterator[Ports]:
    """Serve both protocols while the block runs, then stop listening and end the requests in progress.

    Args:
        service: loaded models and what they share.
        host: the address to listen on; the protocol has no authentication, so only this machine is a safe choice.
        port: for gRPC; 0 takes a free one.
        rest_port: for REST; 0 takes a free one.
        options: time-out, metrics, health, TLS.

    Raises:
        ServerError: a port is in use, or the address is not this machine's.
    """
    with contextlib.ExitStack() as stack:
        # Both are bound before either answers, so that a port in use stops the start and nothing else.
        listener = stack.enter_context(contextlib.closing(listen(host, rest_port, "--rest-api-port")))
        server, bound = _bind_grpc(service, host, port, options)
        stack.callback(lambda: server.stop(DRAIN_S).wait())
        stack.enter_context(_rest_running(service, listener, options))
        server.start()
        ports = Ports(host, bound, listener.getsockname()[1])
        _log.info("ready: grpc://%s:%d and http://%s:%d", host, ports.grpc, host, ports.rest)
        yield ports
        _log.info("draining: requests in progress have %d s to end", DRAIN_S)


def _bind_grpc(service: Service, host: str, port: int, options: RunningOptions) -> tuple[grpc.Server, int]:
    # gRPC does not say why it cannot bind; a plain socket does.
    listen(host, port, "--port").close()
    arguments = [*_GRPC_OPTIONS, *options.grpc_arguments]
    server = grpc.server(ThreadPoolExecutor(_THREADS, "grpc"), options=arguments)
    server.add_generic_rpc_handlers(make_handlers(service))
    if options.health:
        server.add_generic_rpc_handlers((health_handler(),))
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if options.credentials is None:
            bound = server.add_insecure_port(address)
        else:
            bound = server.add_secure_port(address, options.credentials)
    except RuntimeError as error:
        raise ServerError(f"{host}:{port}: cannot listen there: {error}; name another --port") from None
    return server, bound


@contextlib.contextmanager
def _rest_running(service: Service, listener: socket.socket, options: RunningOptions) -> Iterator[None]:
    """Run the web application in a thread with its own event loop."""
    loop = asyncio.new_event_loop()
    workers = ThreadPoolExecutor(_THREADS, "rest")
    app = make_app(service, timeout_s=options.rest_timeout_s, workers=workers, metrics_path=options.metrics_path)
    # Without it a request whose caller has hung up would be computed to its end.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_S, handler_cancellation=True)
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
        workers.shutdown(wait=False, cancel_futures=True)


async def _start_site(runner: web.AppRunner, listener: socket.socket) -> None:
    await runner.setup()
    await web.SockSite(runner, listener).start()
