"""A refused request: the same error for gRPC and for REST (docs/serving.md, URLs)."""

import grpc

from tfspine.errors import ServerError

_GRPC_MESSAGE_LIMIT = 1024
"""Longer gRPC messages are cut, as TensorFlow Serving does."""

_HTTP: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class RequestError(ServerError):
    """A request that cannot be answered; the message goes to whoever asked."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def http_status(self) -> int:
        """The status that a REST client sees."""
        return _HTTP.get(self.code, 500)

    @property
    def grpc_message(self) -> str:
        """The message, cut to what a gRPC status carries."""
        message = str(self).encode(errors="replace").decode()
        return message if len(message) <= _GRPC_MESSAGE_LIMIT else f"{message[:_GRPC_MESSAGE_LIMIT]}...TRUNCATED"


def invalid(message: str) -> RequestError:
    """Return the error of a request whose content is wrong."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)


def failed_precondition(message: str) -> RequestError:
    """Return the error of a request that does not fit what is served."""
    return RequestError(grpc.StatusCode.FAILED_PRECONDITION, message)


def not_found(message: str) -> RequestError:
    """Return the error of a request for what is not served."""
    return RequestError(grpc.StatusCode.NOT_FOUND, message)
