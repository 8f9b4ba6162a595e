"""The web server under the REST side: bodies, time-outs, callers that hang up, and the page of metrics."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from tfspine.server.graph_session import Caller, timed_out
from tfspine.server.request_error import RequestError, invalid
from tfspine.server.rest_service import HttpAnswer, answer_request, refusal
from tfspine.server.service import Service

_BODY_LIMIT = 2**31 - 1
_UNPACKED_LIMIT = 100 * 1024**2
"""Largest body after gzip is undone, in bytes (docs/serving.md, JSON)."""


def make_app(
    service: Service, *, timeout_s: float, workers: ThreadPoolExecutor, metrics_path: str | None = None
) -> web.Application:
    """Return the web application.

    Args:
        service: the models and what they share.
        timeout_s: a request that takes longer, in seconds, is answered with 504 and no longer computed.
        workers: threads that parse and compute, during which others must be able to connect.
        metrics_path: where the page for Prometheus is; None: nowhere.
    """

    async def handle(request: web.Request) -> web.Response:
        if request.raw_path == metrics_path:
            return web.Response(text=service.metrics.page(), content_type="text/plain")
        reply = await _reply(service, request, timeout_s, workers)
        return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    app.on_response_prepare.append(_without_server_name)
    return app


async def _reply(service: Service, request: web.Request, timeout_s: float, workers: ThreadPoolExecutor) -> HttpAnswer:
    left = threading.Event()
    try:
        body = await _read_body(request)
        caller = Caller(time.monotonic() + timeout_s, left.is_set)
        work = asyncio.get_running_loop().run_in_executor(
            workers, answer_request, service, request.method, request.raw_path, body, caller
        )
        return await asyncio.wait_for(work, timeout_s)
    except RequestError as error:
        return refusal(error)
    except asyncio.TimeoutError:
        return refusal(timed_out())
    finally:
        # Also where the caller has hung up, which cancels this function.
        left.set()


async def _without_server_name(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)


async def _read_body(request: web.Request) -> bytes:
    """Return the body; aiohttp undoes gzip while it reads, so that a small bomb is stopped at the limit."""
    limit = _UNPACKED_LIMIT if "Content-Encoding" in request.headers else _BODY_LIMIT
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise invalid(f"The body unpacks to more than {limit} bytes; send fewer images")
    except web.RequestPayloadError as error:
        raise invalid(f"The body cannot be unpacked: {' '.join(str(error).split())}") from None
    return bytes(body)
