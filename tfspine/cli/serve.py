"""``tfspine serve``: SavedModels behind the TensorFlow Serving protocol, on this machine."""

import argparse
import json
import queue
import signal
from pathlib import Path

from tfspine.cli import options
from tfspine.project_files import own_or_project_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their names are TensorFlow Serving's where it has them."""
    parser.add_argument(
        "--model-config-file",
        type=own_or_project_file,
        required=True,
        metavar="FILE",
        help="which models, e.g. serving/models.config",
    )
    parser.add_argument(
        "--model-root", type=Path, metavar="DIR", help="stands in for /models in the base paths, e.g. exported"
    )
    parser.add_argument("--port", type=int, default=8500, help="for gRPC; 0: any free one (default: %(default)s)")
    parser.add_argument(
        "--rest-api-port", type=int, default=8501, help="for REST; 0: any free one (default: %(default)s)"
    )
    options.add_devices(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at; there is no password (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int | None:
    """Look at the ports, load the models, print the ports as one JSON line, and serve until SIGTERM or Ctrl-C."""
    from tfspine.server.ports import require_free_ports

    require_free_ports(args.host, args.port, args.rest_api_port)

    # Only now what imports TensorFlow and takes its time.
    from tfspine.server.catalogue import load_catalogue
    from tfspine.server.config_file import read_models_config
    from tfspine.server.run import running

    catalogue = load_catalogue(read_models_config(args.model_config_file, model_root=args.model_root))
    # A SimpleQueue may be filled from within a signal handler, which an Event may not.
    asked_to_stop: queue.SimpleQueue[int] = queue.SimpleQueue()
    former = {
        number: signal.signal(number, lambda received, _: asked_to_stop.put(received))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    with running(catalogue, host=args.host, port=args.port, rest_port=args.rest_api_port) as ports:
        print(json.dumps({"grpc": ports.grpc, "rest": ports.rest}), flush=True)
        asked_to_stop.get()
        # A second signal ends at once, without waiting for requests in progress.
        for number, handler in former.items():
            signal.signal(number, handler)
    return None
