"""Counters and latencies under TensorFlow Serving's names, as a page for Prometheus."""

import bisect
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tfspine.server.text_protos import message_class, read_text_message

DEFAULT_PATH = "/monitoring/prometheus/metrics"

_PREFIX = ":tensorflow:serving:"
_LATENCY_LIMITS_US = [10 * 1.8**step for step in range(33)]
_COUNT_LIMITS = [2.0**step for step in range(15)]
"""TensorFlow Serving's own limits of the buckets; latencies in microseconds."""

_Labels = tuple[tuple[str, str], ...]


@dataclass
class _Histogram:
    """How many values lie below each limit; the last count is of those above all."""

    limits: list[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def add(self, value: float) -> None:
        self.counts = self.counts or [0] * (len(self.limits) + 1)
        self.counts[bisect.bisect_right(self.limits, value)] += 1
        self.total += value


class Metrics:
    """What was asked for, how it ended and how long it took; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[_Labels, int]] = {}
        self._histograms: dict[str, dict[_Labels, _Histogram]] = {}

    def count_request(self, model: str, status: str) -> None:
        """Count a request of a model by how it ended, for example ``OK`` or ``INVALID_ARGUMENT``."""
        with self._lock:
            self._count("request_count", (("model_name", model), ("status", status)), 1)

    def add_latency(self, model: str, api: str, entrypoint: str, seconds: float) -> None:
        """Record how long an answered request took.

        Args:
            model: its name.
            api: ``Predict``, ``Classify``, ``Regress`` or ``MultiInference``.
            entrypoint: ``GRPC`` or ``REST``.
            seconds: from the request to the answer.
        """
        labels = (("model_name", model), ("API", api), ("entrypoint", entrypoint))
        with self._lock:
            self._observe("request_latency", labels, seconds * 1e6, _LATENCY_LIMITS_US)

    def add_runtime(self, model: str, api: str, seconds: float) -> None:
        """Record how long the runtime took for a request."""
        labels = (("model_name", model), ("API", api), ("runtime", "TF1"))
        with self._lock:
            self._observe("runtime_latency", labels, seconds * 1e6, _LATENCY_LIMITS_US)

    def add_examples(self, model: str, count: int) -> None:
        """Record how many examples a request of classify, regress or multi-inference had."""
        labels = (("model", model),)
        with self._lock:
            self._observe("request_example_counts", labels, count, _COUNT_LIMITS)
            self._count("request_example_count_total", labels, count)

    def page(self) -> str:
        """Return everything in Prometheus' text format."""
        with self._lock:
            return "\n".join(self._lines()) + "\n"

    def _count(self, name: str, labels: _Labels, amount: int) -> None:
        cells = self._counters.setdefault(name, {})
        cells[labels] = cells.get(labels, 0) + amount

    def _observe(self, name: str, labels: _Labels, value: float, limits: list[float]) -> None:
        self._histograms.setdefault(name, {}).setdefault(labels, _Histogram(limits)).add(value)

    def _lines(self) -> Iterator[str]:
        for name, cells in sorted(self._counters.items()):
            yield f"# TYPE {_PREFIX}{name} counter"
            for labels, count in cells.items():
                yield f"{_PREFIX}{name}{{{_text(labels)}}} {count}"
        for name, histograms in sorted(self._histograms.items()):
            yield f"# TYPE {_PREFIX}{name} histogram"
            for labels, histogram in histograms.items():
                yield from _histogram_lines(f"{_PREFIX}{name}", _text(labels), histogram)


def read_monitoring(path: Path) -> str | None:
    """Return the path of the metrics page that a monitoring file enables; None where it enables none.

    Raises:
        ServerError: the file cannot be read or is no such message.
    """
    config = read_text_message(path, message_class("MonitoringConfig")(), "serving/monitoring.config")
    prometheus = config.prometheus_config
    return (prometheus.path or DEFAULT_PATH) if prometheus.enable else None


def _histogram_lines(name: str, labels: str, histogram: _Histogram) -> Iterator[str]:
    below = 0
    limits = [*(f"{limit:.6g}" for limit in histogram.limits), "+Inf"]
    for limit, count in zip(limits, histogram.counts, strict=True):
        below += count
        yield f'{name}_bucket{{{labels},le="{limit}"}} {below}'
    yield f"{name}_sum{{{labels}}} {histogram.total:.6g}"
    yield f"{name}_count{{{labels}}} {below}"


def _text(labels: _Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
