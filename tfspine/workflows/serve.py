"""Serves SavedModels with the TensorFlow Serving protocol, until this process is requested to end."""

import queue
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfspine.server.ports import Ports

ENDINGS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class ServeOptions:
    """Where the server listens.

    Attributes:
        model_root: folder that replaces /models in the base paths of the configuration file.
        host: address to listen on; there is no authentication.
        port: gRPC port; 0: any free port.
        rest_port: REST port; 0: any free port.
        rest_timeout_s: longest that a REST request may take, in seconds.
    """

    model_root: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int = 8501
    rest_timeout_s: float = 30.0


def serve(config_file: Path, options: ServeOptions = ServeOptions(), *, ready: "Callable[[Ports], None]") -> None:
    """Check the ports, load the models, report the ports, and serve until SIGTERM or Ctrl-C; in the main thread.

    Args:
        config_file: which models, as TensorFlow Serving's ``--model_config_file``, for example serving/models.config.
        options: where the server listens.
        ready: called with the ports once every model is loaded.

    Raises:
        ServerError: a port is in use, the file cannot be read, or a model cannot be loaded.
    """
    from tfspine.server.ports import require_free_ports

    require_free_ports(options.host, options.port, options.rest_port)

    # Imported only now, because it imports TensorFlow, which takes seconds.
    from tfspine.server.catalogue import load_catalogue
    from tfspine.server.config_file import read_models_config
    from tfspine.server.running import running

    catalogue = load_catalogue(read_models_config(config_file, model_root=options.model_root))
    # A SimpleQueue may be filled from within a signal handler, which an Event may not.
    asked_to_stop: queue.SimpleQueue[int] = queue.SimpleQueue()
    former = {number: signal.signal(number, lambda received, _: asked_to_stop.put(received)) for number in ENDINGS}
    with running(
        catalogue,
        host=options.host,
        port=options.port,
        rest_port=options.rest_port,
        rest_timeout_s=options.rest_timeout_s,
    ) as ports:
        ready(ports)
        asked_to_stop.get()
        # A second signal ends at once, without waiting for requests in progress.
        for number, handler in former.items():
            signal.signal(number, handler)
