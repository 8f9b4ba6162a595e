"""What both protocols share: the models, how they are reloaded, the limits, and what is counted."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tensorflow_serving.config import model_server_config_pb2

from tfspine.server.catalogue import Catalogue
from tfspine.server.gate import Gate
from tfspine.server.graph_session import Caller
from tfspine.server.metrics import Metrics
from tfspine.server.request_error import RequestError, failed_precondition


def _no_reload(config: model_server_config_pb2.ModelServerConfig) -> None:
    raise failed_precondition("This server serves a fixed set of models")


@dataclass(frozen=True)
class Service:
    """A running server's parts.

    Attributes:
        catalogue: the models.
        reload: replaces the configuration.
        gate: how many requests are computed at once.
        metrics: what was asked for and how long it took.
    """

    catalogue: Catalogue
    reload: Callable[[model_server_config_pb2.ModelServerConfig], None] = _no_reload
    gate: Gate = field(default_factory=Gate)
    metrics: Metrics = field(default_factory=Metrics)

    @contextlib.contextmanager
    def inference(self, model: str, api: str, entrypoint: str, caller: Caller) -> Iterator[None]:
        """Admit a request that computes, and count how it ends.

        Args:
            model: its name.
            api: ``Predict``, ``Classify``, ``Regress`` or ``MultiInference``.
            entrypoint: ``GRPC`` or ``REST``.
            caller: who waits for the answer.

        Raises:
            RequestError: the server is busy, or the caller has given up.
        """
        start = time.perf_counter()
        try:
            with self.gate.admitted(caller):
                yield
        except RequestError as error:
            self.metrics.count_request(model, error.code.name)
            raise
        except Exception:
            self.metrics.count_request(model, "INTERNAL")
            raise
        self.metrics.count_request(model, "OK")
        self.metrics.add_latency(model, api, entrypoint, time.perf_counter() - start)

    @contextlib.contextmanager
    def computing(self, model: str, api: str) -> Iterator[None]:
        """Record how long the runtime takes, where it does not fail."""
        start = time.perf_counter()
        yield
        self.metrics.add_runtime(model, api, time.perf_counter() - start)
