"""The REST side of the TensorFlow Serving protocol: paths, and what answers each (docs/serving.md, URLs)."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow_serving.apis import get_model_metadata_pb2

from tfspine.server import json_text
from tfspine.server.catalogue import Asked
from tfspine.server.examples import classify, example_count, regress
from tfspine.server.graph_session import Caller
from tfspine.server.json_examples import read_examples, write_classifications, write_regressions
from tfspine.server.json_tensors import parse_request, read_inputs, write_outputs
from tfspine.server.request_error import RequestError, invalid
from tfspine.server.service import Service
from tfspine.signatures import DEFAULT_SIGNATURE

_log = logging.getLogger(__name__)

_WHICH = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(rf"(?is)/v1/models/(?P<name>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)")
_LOOK = re.compile(rf"(?is)/v1/models(?:/(?P<name>[^/:]+))?{_WHICH}(?:/(?P<metadata>metadata))?")
_KNOWN = re.compile(r"(?is)/v1/.*")

NOT_FOUND_PAGE = "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"
"""What libevent, the web server in TensorFlow Serving, answers outside the known paths."""


@dataclass(frozen=True)
class HttpAnswer:
    """What goes back: HTTP status, body and its type."""

    status: int
    body: bytes
    content_type: str = "application/json"


def answer_request(service: Service, method: str, target: str, body: bytes, caller: Caller) -> HttpAnswer:
    """Answer one request.

    Args:
        service: the models and what they share.
        method: of HTTP, upper case.
        target: path and query string as they came; the whole must be one of the known paths.
        body: JSON, unpacked.
        caller: who waits for the answer.
    """
    if not _KNOWN.fullmatch(target):
        return HttpAnswer(404, NOT_FOUND_PAGE.encode(), "text/html")
    try:
        return HttpAnswer(200, _answer(service, method, target, body, caller))
    except RequestError as error:
        return refusal(error)
    except Exception as error:
        _log.exception("%s %s failed", method, target)
        return refusal(RequestError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: see the server's log"))


def refusal(error: RequestError) -> HttpAnswer:
    """Return the answer to a request that is refused."""
    return HttpAnswer(error.http_status, json_text.error_body(str(error)))


def _answer(service: Service, method: str, target: str, body: bytes, caller: Caller) -> bytes:
    call = _CALL.fullmatch(target) if method == "POST" else None
    if call:
        asked = _asked(call)
        api, answer = _CALLS[call["method"].lower()]
        with service.inference(asked.name, api, "REST", caller):
            return answer(service, asked, body, caller)
    look = _LOOK.fullmatch(target) if method == "GET" else None
    if look is None:
        raise invalid(f"Malformed request: {method} {target}")
    asked = _asked(look)
    if look["metadata"]:
        return _metadata(service, asked)
    if not asked.name:
        raise invalid("Missing model name in request.")
    return _json(_as_dict(service.catalogue.status(asked)))


def _asked(match: re.Match[str]) -> Asked:
    version = None if match["version"] is None else int(match["version"][:400])
    if version is not None and version >= 2**63:
        raise invalid(f"Failed to convert version: {match['version']} to numeric.")
    label = None if match["label"] is None else _decoded(match["label"])
    return Asked(_decoded(match["name"] or ""), version, label)


def _decoded(segment: str) -> str:
    return unquote_to_bytes(segment).decode(errors="surrogateescape")


def _predict(service: Service, asked: Asked, body: bytes, caller: Caller) -> bytes:
    request = parse_request(body)
    servable = service.catalogue.find(asked)
    name = request.signature or DEFAULT_SIGNATURE
    if name not in servable.definitions:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    inputs = read_inputs(request, servable.definitions[name])
    with service.computing(asked.name, "Predict"):
        outputs = servable.call(request.signature, inputs, caller=caller)
    return write_outputs(request, outputs)


def _classify(service: Service, asked: Asked, body: bytes, caller: Caller) -> bytes:
    request = parse_request(body)
    examples = read_examples(request)
    servable = service.catalogue.find(asked)
    with service.computing(asked.name, "Classify"):
        result = classify(servable, request.signature, examples, caller)
    service.metrics.add_examples(asked.name, example_count(examples))
    return write_classifications(result)


def _regress(service: Service, asked: Asked, body: bytes, caller: Caller) -> bytes:
    request = parse_request(body)
    examples = read_examples(request)
    servable = service.catalogue.find(asked)
    with service.computing(asked.name, "Regress"):
        result = regress(servable, request.signature, examples, caller)
    service.metrics.add_examples(asked.name, example_count(examples))
    return write_regressions(result)


_CALLS: dict[str, tuple[str, Callable[[Service, Asked, bytes, Caller], bytes]]] = {
    "predict": ("Predict", _predict),
    "classify": ("Classify", _classify),
    "regress": ("Regress", _regress),
}


def _metadata(service: Service, asked: Asked) -> bytes:
    servable = service.catalogue.find(asked)
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.definitions)
    return _json(
        {
            "model_spec": {"name": servable.name, "signature_name": "", "version": str(servable.version)},
            "metadata": {"signature_def": _as_dict(signatures)},
        }
    )


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(errors="surrogateescape")


def _as_dict(message: Message) -> dict[str, Any]:
    """Return a message as JSON values, absent ones included, as the C++ server prints it."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
