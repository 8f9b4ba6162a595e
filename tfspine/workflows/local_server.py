"""A temporary model server for one step: it serves the exported models on a free port of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tfspine.progress import Track, silent
from tfspine.project_files import project_file
from tfspine.workflows.own_process import own_process
from tfspine.workflows.predict import PredictOptions, PredictSummary, predict
from tfspine.workflows.serve import ServeOptions, serve


@contextmanager
def local_server(exported: Path) -> Iterator[str]:
    """Serve exported models in a separate process, and yield the gRPC address.

    Args:
        exported: folder of the servables that ``serving/models.config`` names.

    Raises:
        ServerError: a model is missing or cannot be loaded.
    """
    options = ServeOptions(model_root=exported, port=0, rest_port=0)
    with own_process(partial(serve, project_file("serving/models.config"), options), tells="ready") as server:
        yield f"grpc://{options.host}:{server.told().grpc}"


def predict_served(
    slices: Path, exported: Path, out: Path, options: PredictOptions, *, track: Track = silent
) -> PredictSummary:
    """Read slices as `predict` does, with a temporary server of the exported models.

    Raises:
        TfspineError: the server cannot load the models, or the reading failed.
    """
    with local_server(exported) as url:
        reading = replace(options.reading, server=url)
        return predict(slices, out, replace(options, reading=reading), track=track)
