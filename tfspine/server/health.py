"""The gRPC health service, which load balancers and Kubernetes ask (grpc.health.v1)."""

import threading
from collections.abc import Iterator
from typing import Any

import grpc

from tfspine.server.text_protos import message_class

SERVICES = ("", "ModelService", "PredictionService")
"""The names that TensorFlow Serving registers."""

_SERVING, _SERVICE_UNKNOWN = 1, 3

_Request = message_class("HealthCheckRequest")
_Response = message_class("HealthCheckResponse")


def health_handler() -> grpc.GenericRpcHandler:
    """Return the handler of the health service: models are loaded before a port opens, so all is well."""

    def serializer(response: Any) -> bytes:
        return bytes(response.SerializeToString())

    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {
            "Check": grpc.unary_unary_rpc_method_handler(_check, _Request.FromString, serializer),
            "Watch": grpc.unary_stream_rpc_method_handler(_watch, _Request.FromString, serializer),
        },
    )


def _check(request: Any, context: grpc.ServicerContext) -> Any:
    if request.service not in SERVICES:
        context.abort(grpc.StatusCode.NOT_FOUND, "service name unknown")
    return _Response(status=_SERVING)


def _watch(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
    """Say once how it is, since that does not change, and keep the stream open."""
    ended = threading.Event()
    context.add_callback(ended.set)
    yield _Response(status=_SERVING if request.service in SERVICES else _SERVICE_UNKNOWN)
    ended.wait()
