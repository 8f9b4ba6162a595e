"""The REST side of the TensorFlow Serving protocol (docs/serving.md, URLs)."""

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow_serving.apis import get_model_metadata_pb2

from tfspine.server.catalogue import Asked, Catalogue, status_of
from tfspine.server.json_answer import write_outputs
from tfspine.server.json_request import parse_request, read_inputs
from tfspine.server.rapid_json import pretty
from tfspine.server.request_error import Reason, RequestError

_log = logging.getLogger(__name__)

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(_MODEL + r":(?P<method>predict|classify|regress)")
_LOOK = re.compile(_MODEL + r"(?P<metadata>/metadata)?")

_BODY_LIMIT = 2**31 - 1
_UNPACKED_LIMIT = 100 * 1024**2
"""Largest body after gzip is undone, in bytes (docs/serving.md, JSON)."""


@dataclass(frozen=True)
class HttpAnswer:
    """What goes back: HTTP status and JSON."""

    status: int
    body: bytes


def make_app(catalogue: Catalogue, *, timeout_s: float) -> web.Application:
    """Return the web application; a request that takes longer than `timeout_s` seconds is answered with 504."""

    async def handle(request: web.Request) -> web.Response:
        try:
            body = await _read_body(request)
            # In a thread: parsing and computing take seconds, during which others must be able to connect.
            work = asyncio.get_running_loop().run_in_executor(
                None, answer_request, catalogue, request.method, request.raw_path, body
            )
            reply = await asyncio.wait_for(work, timeout_s)
        except RequestError as error:
            reply = _refusal(error)
        except TimeoutError:
            reply = _refusal(RequestError(Reason.TIMEOUT, f"Timed out: no answer within {timeout_s:g} s"))
        return web.Response(status=reply.status, body=reply.body, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def answer_request(catalogue: Catalogue, method: str, target: str, body: bytes) -> HttpAnswer:
    """Answer one request.

    Args:
        catalogue: the models.
        method: of HTTP, upper case.
        target: path and query string as they came; the whole must be one of the known paths.
        body: JSON, unpacked.
    """
    try:
        return HttpAnswer(200, _answer(catalogue, method, target, body))
    except RequestError as error:
        return _refusal(error)
    except Exception as error:
        _log.exception("%s %s failed", method, target)
        return _refusal(RequestError(Reason.INTERNAL, f"{type(error).__name__}: see the server's log"))


def _answer(catalogue: Catalogue, method: str, target: str, body: bytes) -> bytes:
    if not target.startswith("/v1/"):
        raise RequestError(Reason.NOT_FOUND, f"Not found: {target}; expected /v1/models/NAME")
    call = _CALL.fullmatch(target) if method == "POST" else None
    if call:
        if call["method"] != "predict":
            raise RequestError(Reason.NOT_OFFERED, f"{call['method']} is not offered by tfspine serve; use predict")
        return _predict(catalogue, _asked(call), body)
    look = _LOOK.fullmatch(target) if method == "GET" else None
    if look:
        return _metadata(catalogue, _asked(look)) if look["metadata"] else _status(catalogue, _asked(look))
    if method == "GET" and target == "/v1/models":
        raise RequestError(Reason.INVALID, "Missing model name in request.")
    raise RequestError(Reason.INVALID, f"Malformed request: {method} {target}")


def _asked(match: re.Match[str]) -> Asked:
    version = None if match["version"] is None else int(match["version"])
    if version is not None and version >= 2**63:
        raise RequestError(Reason.INVALID, f"Failed to convert version: {version} to numeric.")
    return Asked(unquote(match["name"]), version, None if match["label"] is None else unquote(match["label"]))


def _predict(catalogue: Catalogue, asked: Asked, body: bytes) -> bytes:
    request = parse_request(body)
    servable = catalogue.find(asked)
    inputs = read_inputs(request, servable.definition(request.signature))
    return write_outputs(servable.call(request.signature, inputs), in_rows=request.in_rows)


def _metadata(catalogue: Catalogue, asked: Asked) -> bytes:
    servable = catalogue.find(asked)
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.definitions)
    return _encode(
        {
            "model_spec": {"name": servable.name, "signature_name": "", "version": str(servable.version)},
            "metadata": {"signature_def": _as_dict(signatures)},
        }
    )


def _status(catalogue: Catalogue, asked: Asked) -> bytes:
    return _encode(_as_dict(status_of(catalogue.listed(asked))))


def _as_dict(message: Message) -> dict[str, Any]:
    """Return a message as JSON values, absent ones included, as the C++ server prints it."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _refusal(error: RequestError) -> HttpAnswer:
    return HttpAnswer(error.reason.http_status, _encode({"error": str(error)}))


def _encode(content: Any) -> bytes:
    return pretty(content).encode(errors="surrogateescape")


async def _read_body(request: web.Request) -> bytes:
    """Return the body; aiohttp undoes gzip while it reads, so that a small bomb is stopped at the limit."""
    limit = _UNPACKED_LIMIT if "Content-Encoding" in request.headers else _BODY_LIMIT
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise RequestError(Reason.INVALID, f"The body unpacks to more than {limit} bytes; send fewer images")
    except web.RequestPayloadError as error:
        raise RequestError(Reason.INVALID, f"The body cannot be unpacked: {' '.join(str(error).split())}") from None
    return bytes(body)
