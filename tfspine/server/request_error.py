"""A refused request: the same error for gRPC and for REST (docs/serving.md, URLs)."""

from enum import Enum

import grpc

from tfspine.errors import ServerError

_GRPC_MESSAGE_LIMIT = 1024
"""Longer gRPC messages are cut, as TensorFlow Serving does."""


class Reason(Enum):
    """Why a request is refused: gRPC status, HTTP status."""

    NOT_FOUND = (grpc.StatusCode.NOT_FOUND, 404)
    INVALID = (grpc.StatusCode.INVALID_ARGUMENT, 400)
    NO_SIGNATURE = (grpc.StatusCode.FAILED_PRECONDITION, 400)
    NOT_OFFERED = (grpc.StatusCode.UNIMPLEMENTED, 400)
    UNIMPLEMENTED = (grpc.StatusCode.UNIMPLEMENTED, 501)
    TIMEOUT = (grpc.StatusCode.DEADLINE_EXCEEDED, 504)
    INTERNAL = (grpc.StatusCode.INTERNAL, 500)

    @property
    def grpc_code(self) -> grpc.StatusCode:
        """The status a gRPC client sees."""
        return self.value[0]

    @property
    def http_status(self) -> int:
        """The status a REST client sees."""
        return self.value[1]


class RequestError(ServerError):
    """A request that cannot be answered; the message goes to whoever asked."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def grpc_message(self) -> str:
        """The message, cut to what a gRPC status carries."""
        message = str(self)
        return message if len(message) <= _GRPC_MESSAGE_LIMIT else f"{message[:_GRPC_MESSAGE_LIMIT]}...TRUNCATED"
