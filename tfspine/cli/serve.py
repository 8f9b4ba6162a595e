"""``tfspine serve``: SavedModels behind the TensorFlow Serving protocol, on this machine."""

import argparse
import json
from pathlib import Path

from tfspine.cli import options
from tfspine.project_files import own_or_project_file
from tfspine.server.ports import Ports
from tfspine.workflows.serve import ServeOptions, serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; those that TensorFlow Serving has keep its names, with underscores as well."""
    parser.add_argument(
        *("--model-config-file", "--model_config_file"),
        type=own_or_project_file,
        required=True,
        metavar="FILE",
        help="which models, e.g. serving/models.config",
    )
    parser.add_argument(
        *("--model-root", "--model_root"),
        type=Path,
        metavar="DIR",
        help="replaces /models in the base paths, e.g. exported",
    )
    parser.add_argument("--port", type=int, default=8500, help="for gRPC; 0: any free one (default: %(default)s)")
    parser.add_argument(
        *("--rest-api-port", "--rest_api_port"),
        type=int,
        default=8501,
        help="for REST; 0: any free one (default: %(default)s)",
    )
    parser.add_argument(
        *("--rest-api-timeout-in-ms", "--rest_api_timeout_in_ms"),
        type=int,
        default=30_000,
        metavar="MS",
        help="longest that a REST request may take, in milliseconds (default: %(default)s)",
    )
    options.add_devices(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; there is no authentication (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> None:
    """Load the models, print the ports as one JSON line, and serve until SIGTERM or Ctrl-C."""
    wanted = ServeOptions(args.model_root, args.host, args.port, args.rest_api_port, args.rest_api_timeout_in_ms / 1000)
    serve(args.model_config_file, wanted, ready=_tell)


def _tell(ports: Ports) -> None:
    print(json.dumps({"grpc": ports.grpc, "rest": ports.rest}), flush=True)
