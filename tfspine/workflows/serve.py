"""Serves SavedModels with the TensorFlow Serving protocol, until this process is requested to end."""

import contextlib
import queue
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import ConfigError

if TYPE_CHECKING:
    from tfspine.server.config_file import ModelConfig
    from tfspine.server.lifecycle import Lifecycle, LifecycleOptions
    from tfspine.server.ports import Ports
    from tfspine.server.running import RunningOptions
    from tfspine.server.service import Service

ENDINGS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class ServeOptions:
    """Where the server listens and how it works; most have the names that TensorFlow Serving gives them.

    Attributes:
        model_root: folder that replaces /models in the base paths of the configuration file.
        host: address to listen on; there is no authentication.
        port: gRPC port; 0: any free port.
        rest_port: REST port; 0: any free port.
        model_name: name of the model at `model_base_path`.
        model_base_path: folder of one model's versions, instead of a configuration file.
        rest_timeout_ms: after which REST gives up, in milliseconds.
        config_poll_s: how often the configuration file is read again, in seconds; 0: never.
        base_path_poll_s: how often the base paths are looked at, in seconds; 0: never.
        batching: whether requests that arrive together are merged.
        batching_file: how.
        monitoring_file: where the page for Prometheus is.
        ssl_file: TLS of the gRPC port.
        health: whether the gRPC health service answers.
        labels_before_versions: whether a label may point at a version that is not loaded yet.
        retries: how often a version that fails to load is tried again.
        retry_interval_us: how long after the failure, in microseconds.
        warm_up: whether recorded requests are answered before a version serves.
        grpc_arguments: options of the gRPC server, ``name=value`` with commas between them.
        intra_op_threads: threads of one operation; 0: TensorFlow chooses.
        inter_op_threads: operations at once; 0: TensorFlow chooses.
        gpu_memory_fraction: part of the GPU's memory; 0: as needed.
    """

    model_root: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int = 8501
    model_name: str = "default"
    model_base_path: Path | None = None
    rest_timeout_ms: int = 30_000
    config_poll_s: float = 0.0
    base_path_poll_s: float = 1.0
    batching: bool = False
    batching_file: Path | None = None
    monitoring_file: Path | None = None
    ssl_file: Path | None = None
    health: bool = False
    labels_before_versions: bool = False
    retries: int = 0
    retry_interval_us: int = 0
    warm_up: bool = True
    grpc_arguments: str = ""
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    gpu_memory_fraction: float = 0.0


def serve(
    config_file: Path | None, options: ServeOptions = ServeOptions(), *, ready: "Callable[[Ports], None]"
) -> None:
    """Check the ports, load the models, report the ports, and serve until SIGTERM or Ctrl-C; in the main thread.

    Args:
        config_file: which models, as TensorFlow Serving's ``--model_config_file``, for example serving/models.config;
            None: the model at ``options.model_base_path``.
        options: where the server listens and how it works.
        ready: called with the ports once every model is loaded.

    Raises:
        ConfigError: neither a configuration file nor a base path, or both.
        ServerError: a port is in use, or a file cannot be read.
        ModelError: no version of a model can be loaded.
    """
    from tfspine.server.ports import require_free_ports

    if (config_file is None) == (options.model_base_path is None):
        raise ConfigError("expected either --model-config-file or --model-base-path, which say what is served")
    require_free_ports(options.host, options.port, options.rest_port)

    # Imported only now, because it imports TensorFlow, which takes seconds.
    from tfspine.server.lifecycle import Lifecycle
    from tfspine.server.running import running

    running_options = _running_options(options)
    lifecycle = Lifecycle(_lifecycle_options(options))
    lifecycle.start(_models(config_file, options))
    # A SimpleQueue may be filled from within a signal handler, which an Event may not.
    asked_to_stop: queue.SimpleQueue[int] = queue.SimpleQueue()
    former = {number: signal.signal(number, lambda received, _: asked_to_stop.put(received)) for number in ENDINGS}
    service = _service(lifecycle, options)
    with contextlib.ExitStack() as stack:
        ports = stack.enter_context(
            running(service, host=options.host, port=options.port, rest_port=options.rest_port, options=running_options)
        )
        _start_polling(stack, lifecycle, config_file, options)
        ready(ports)
        asked_to_stop.get()
        # A second signal ends at once, without waiting for requests in progress.
        for number, handler in former.items():
            signal.signal(number, handler)


def _models(config_file: Path | None, options: ServeOptions) -> "tuple[ModelConfig, ...]":
    from tfspine.server.config_file import read_models_config, single_model

    if config_file is not None:
        return read_models_config(config_file, model_root=options.model_root)
    return (single_model(options.model_name, Path(options.model_base_path or ".").absolute()),)


def _start_polling(
    stack: contextlib.ExitStack, lifecycle: "Lifecycle", config_file: Path | None, options: ServeOptions
) -> None:
    from tfspine.server.polling import repeated

    stack.enter_context(repeated(lifecycle.poll, every_s=options.base_path_poll_s, name="base paths"))
    if config_file is not None:
        stack.enter_context(
            repeated(
                lambda: lifecycle.reload(_models(config_file, options)),
                every_s=options.config_poll_s,
                name=str(config_file),
            )
        )


def _service(lifecycle: "Lifecycle", options: ServeOptions) -> "Service":
    from tfspine.server.config_file import requested_models
    from tfspine.server.gate import Gate
    from tfspine.server.service import Service

    # The queues of the batching have limits of their own, and need all that arrive to merge them.
    gate = Gate(at_once=400, waiting=0) if options.batching else Gate()
    return Service(
        lifecycle.catalogue,
        reload=lambda config: lifecycle.reload(requested_models(config, model_root=options.model_root)),
        gate=gate,
    )


def _lifecycle_options(options: ServeOptions) -> "LifecycleOptions":
    from tfspine.server.batching_file import BatchingOptions, read_batching
    from tfspine.server.graph_session import SessionOptions
    from tfspine.server.lifecycle import LifecycleOptions
    from tfspine.server.loading import LoadOptions

    batching = None
    if options.batching:
        batching = BatchingOptions() if options.batching_file is None else read_batching(options.batching_file)
    session = SessionOptions(options.intra_op_threads, options.inter_op_threads, options.gpu_memory_fraction)
    return LifecycleOptions(
        LoadOptions(session, batching, options.warm_up),
        retries=options.retries,
        retry_interval_s=options.retry_interval_us / 1e6,
        labels_before_versions=options.labels_before_versions,
    )


def _running_options(options: ServeOptions) -> "RunningOptions":
    from tfspine.server.metrics import read_monitoring
    from tfspine.server.running import RunningOptions
    from tfspine.server.tls import read_credentials

    return RunningOptions(
        rest_timeout_s=options.rest_timeout_ms / 1000,
        metrics_path=None if options.monitoring_file is None else read_monitoring(options.monitoring_file),
        health=options.health,
        credentials=None if options.ssl_file is None else read_credentials(options.ssl_file),
        grpc_arguments=_grpc_arguments(options.grpc_arguments),
    )


def _grpc_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    pairs = []
    for part in filter(None, text.split(",")):
        name, separator, value = part.partition("=")
        if not separator:
            raise ConfigError(f"--grpc-channel-arguments {part}; expected name=value, with commas between them")
        is_number = value.removeprefix("-").isdecimal()
        pairs.append((name, int(value) if is_number else value))
    return tuple(pairs)
