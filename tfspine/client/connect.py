"""The right client for a URL."""

from urllib.parse import urlsplit

from tfspine.client.grpc_client import GrpcPredictor
from tfspine.client.predictor import Predictor
from tfspine.client.rest_client import RestPredictor
from tfspine.errors import ServerError


def connect(url: str, model: str, *, timeout_s: float = 60) -> Predictor:
    """Return a predictor of `model` behind `url`; nothing is sent yet.

    Args:
        url: ``grpc://host:port``, ``http://host:port`` or ``https://host:port``.
        model: the name in the server's `models.config`.
        timeout_s: how long to wait for each answer, in seconds.

    Raises:
        ServerError: the URL is of another kind.
    """
    try:
        parts = urlsplit(url)
        complete = parts.hostname is not None and (parts.port is not None or parts.scheme != "grpc")
    except ValueError:
        complete = False
    if not complete or parts.scheme not in ("grpc", "http", "https"):
        raise ServerError(f'server "{url}"; expected grpc://HOST:PORT or http://HOST:PORT')
    if parts.scheme == "grpc":
        return GrpcPredictor(parts.netloc, model, timeout_s=timeout_s)
    return RestPredictor(url, model, timeout_s=timeout_s)
