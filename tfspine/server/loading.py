"""Loading a version: its graph, its warm-up requests, its batching."""

from dataclasses import dataclass, field
from pathlib import Path

from tfspine.errors import ModelError
from tfspine.server.batches import batched
from tfspine.server.batching_file import BatchingOptions, read_batching
from tfspine.server.graph_session import SessionOptions, load_graph
from tfspine.server.servables import Servable
from tfspine.server.warm_up import answer_warm_up

BATCHING_FILE = "batching_params.pbtxt"
"""In a version's folder: batching of this version alone."""


@dataclass(frozen=True)
class LoadOptions:
    """How versions are loaded.

    Attributes:
        session: threads and memory.
        batching: how requests are merged; None: not at all.
        warm_up: whether the recorded requests of a version are answered first.
    """

    session: SessionOptions = field(default_factory=SessionOptions)
    batching: BatchingOptions | None = None
    warm_up: bool = True


def load_servable(name: str, folder: Path, options: LoadOptions = LoadOptions()) -> Servable:
    """Load the SavedModel in a version folder and answer its warm-up requests.

    Raises:
        ModelError: the folder holds no SavedModel that can be loaded, or a warm-up request fails.
    """
    try:
        graph = load_graph(folder, options.session)
    except Exception as error:
        # TensorFlow raises half a dozen unrelated types for a broken SavedModel.
        raise ModelError(
            f"{folder}: not a SavedModel that can be loaded: {' '.join(str(error).split())}; run tfspine export again"
        ) from error
    servable = Servable(name, int(folder.name), graph.definitions, graph.run)
    if options.warm_up:
        answer_warm_up(servable, folder)
    batching = options.batching
    if batching is not None:
        own = folder / BATCHING_FILE
        run = batched(graph.run, read_batching(own) if own.is_file() else batching)
        servable = Servable(name, servable.version, graph.definitions, run)
    return servable
