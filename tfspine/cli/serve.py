"""``tfspine serve``: SavedModels behind the TensorFlow Serving protocol, on this machine."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfspine.cli import options
from tfspine.project_files import own_or_project_file
from tfspine.server.ports import Ports
from tfspine.workflows.serve import ServeOptions, serve

_IGNORED = {
    "num-load-threads": int,
    "num-unload-threads": int,
    "rest-api-num-threads": int,
    "grpc-max-threads": int,
    "flush-filesystem-caches": bool,
    "enable-profiler": bool,
}
"""Flags of TensorFlow Serving that change nothing here, so that its command lines can be used as they are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; those that TensorFlow Serving has keep its names, with dashes or underscores."""
    _add_models(parser)
    _flag(parser, "port", int, 8500, "for gRPC; 0: any free one (default: %(default)s)")
    _flag(parser, "rest-api-port", int, 8501, "for REST; 0: any free one (default: %(default)s)")
    options.add_devices(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; there is no authentication (default: %(default)s)"
    )
    _add_behaviour(parser)
    for name, kind in _IGNORED.items():
        _flag(parser, name, kind, None, argparse.SUPPRESS)


def run(args: argparse.Namespace) -> None:
    """Load the models, print the ports as one JSON line, and serve until SIGTERM or Ctrl-C."""
    wanted = ServeOptions(
        model_root=args.model_root,
        host=args.host,
        port=args.port,
        rest_port=args.rest_api_port,
        model_name=args.model_name,
        model_base_path=args.model_base_path,
        rest_timeout_ms=args.rest_api_timeout_in_ms,
        config_poll_s=args.model_config_file_poll_wait_seconds,
        base_path_poll_s=args.file_system_poll_wait_seconds,
        batching=args.enable_batching,
        batching_file=args.batching_parameters_file,
        monitoring_file=args.monitoring_config_file,
        ssl_file=args.ssl_config_file,
        health=args.enable_grpc_healthcheck_service,
        labels_before_versions=args.allow_version_labels_for_unavailable_models,
        retries=args.max_num_load_retries,
        retry_interval_us=args.load_retry_interval_micros,
        warm_up=args.enable_model_warmup,
        grpc_arguments=args.grpc_channel_arguments,
        intra_op_threads=args.tensorflow_intra_op_parallelism or args.tensorflow_session_parallelism,
        inter_op_threads=args.tensorflow_inter_op_parallelism or args.tensorflow_session_parallelism,
        gpu_memory_fraction=args.per_process_gpu_memory_fraction,
    )
    serve(args.model_config_file, wanted, ready=_tell)


def _add_models(parser: argparse.ArgumentParser) -> None:
    _flag(
        parser, "model-config-file", own_or_project_file, None, "which models, e.g. serving/models.config",
        metavar="FILE",
    )  # fmt: skip
    parser.add_argument(
        "--model-root", type=Path, metavar="DIR", help="replaces /models in the base paths, e.g. exported"
    )
    _flag(parser, "model-base-path", Path, None, "folder of one model's versions, instead of a file", metavar="DIR")
    _flag(parser, "model-name", str, "default", "name of that model (default: %(default)s)")
    _flag(
        parser, "model-config-file-poll-wait-seconds", float, 0.0,
        "how often the configuration file is read again; 0: never (default: %(default)s)", metavar="S",
    )  # fmt: skip
    _flag(
        parser, "file-system-poll-wait-seconds", float, 1.0,
        "how often the base paths are searched for versions; 0: never (default: %(default)s)", metavar="S",
    )  # fmt: skip
    _flag(
        parser, "allow-version-labels-for-unavailable-models", bool, False,
        "let a new label point at a version that is not loaded yet",
    )  # fmt: skip


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    _flag(
        parser, "rest-api-timeout-in-ms", int, 30_000, "after which REST gives up (default: %(default)s)", metavar="MS"
    )
    _flag(parser, "enable-batching", bool, False, "compute requests that arrive together as one batch")
    _flag(
        parser, "batching-parameters-file", own_or_project_file, None,
        "how, e.g. serving/batching_parameters.txt", metavar="FILE",
    )  # fmt: skip
    _flag(
        parser, "monitoring-config-file", own_or_project_file, None,
        "counters for Prometheus, e.g. serving/monitoring.config", metavar="FILE",
    )  # fmt: skip
    _flag(parser, "enable-grpc-healthcheck-service", bool, False, "answer the gRPC health service")
    _flag(parser, "ssl-config-file", Path, None, "TLS of the gRPC port", metavar="FILE")
    _flag(parser, "enable-model-warmup", bool, True, "answer a version's recorded requests before it serves")
    _flag(parser, "max-num-load-retries", int, 0, "how often a failed load is tried again (default: %(default)s)")
    _flag(parser, "load-retry-interval-micros", int, 0, "how long after the failure (default: %(default)s)")
    _flag(parser, "grpc-channel-arguments", str, "", "options of the gRPC server, name=value,...", metavar="LIST")
    for name, words in (
        ("session", "both"),
        ("intra-op", "threads of one operation"),
        ("inter-op", "operations at once"),
    ):
        _flag(parser, f"tensorflow-{name}-parallelism", int, 0, f"{words}; 0: TensorFlow chooses", metavar="N")
    _flag(parser, "per-process-gpu-memory-fraction", float, 0.0, "part of the GPU's memory; 0: as needed", metavar="X")


def _flag(
    parser: argparse.ArgumentParser, name: str, kind: Any, default: Any, words: str, *, metavar: str | None = None
) -> None:
    """Add an option in both spellings; the one with underscores is not in the help."""
    how: Mapping[str, Any] = {"type": kind, "metavar": metavar}
    if kind is bool:
        how = {"type": _boolean, "nargs": "?", "const": True, "metavar": "true|false"}
    parser.add_argument(f"--{name}", default=default, help=words, **how)
    underscored = name.replace("-", "_")
    if underscored != name:
        parser.add_argument(
            f"--{underscored}", dest=underscored, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **how
        )


def _boolean(text: str) -> bool:
    """As TensorFlow's own flags read it."""
    if text.lower() in ("true", "1"):
        return True
    if text.lower() in ("false", "0"):
        return False
    raise argparse.ArgumentTypeError(f"{text}; expected true or false")


def _tell(ports: Ports) -> None:
    print(json.dumps({"grpc": ports.grpc, "rest": ports.rest}), flush=True)
