"""A SavedModel in a session of the C++ runtime, which TensorFlow Serving uses too: the same semantics and errors."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.eager import context
from tensorflow.python.saved_model.loader_impl import SavedModelLoader
from tensorflow.python.util import deprecation

from tfspine.models.devices import ONE_GPU, use_gpus
from tfspine.server.request_error import RequestError

_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Caller:
    """Who waits for an answer.

    Attributes:
        deadline: when the caller stops waiting, on the clock of `time.monotonic`; None for never.
        has_left: whether the caller has given up already.
    """

    deadline: float | None = None
    has_left: Callable[[], bool] = lambda: False

    def require_waiting(self) -> None:
        """Raise if the caller no longer waits for the answer.

        Raises:
            RequestError: the deadline has passed, or the caller has left.
        """
        if self.has_left():
            raise RequestError(grpc.StatusCode.CANCELLED, "The caller has given up")
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise timed_out()


PATIENT = Caller()
"""Waits as long as it takes."""

Feeds = Mapping[str, NDArray[Any]]
Run = Callable[[Feeds, Sequence[str], Caller], list[NDArray[Any]]]
"""Values by tensor name, names of tensors, and who waits: the values of these tensors."""


@dataclass(frozen=True)
class SessionOptions:
    """How sessions share the machine: threads (0: TensorFlow chooses), part of the GPU's memory (0: as needed)."""

    intra_op_threads: int = 0
    inter_op_threads: int = 0
    gpu_memory_fraction: float = 0.0


@dataclass(frozen=True)
class LoadedGraph:
    """The signatures of a SavedModel, and the function that computes tensors of its graph."""

    definitions: Mapping[str, meta_graph_pb2.SignatureDef]
    run: Run


def load_graph(folder: Path, options: SessionOptions) -> LoadedGraph:
    """Load a SavedModel with the tag ``serve``; any exception of TensorFlow may come out."""
    use_gpus(ONE_GPU)
    config = config_pb2.ConfigProto()
    # A session does not know of `use_gpus`, which the eager context does.
    config.CopyFrom(context.context().config)
    config.allow_soft_placement = True
    config.intra_op_parallelism_threads = options.intra_op_threads
    config.inter_op_parallelism_threads = options.inter_op_threads
    if options.gpu_memory_fraction:
        config.gpu_options.allow_growth = False
        config.gpu_options.per_process_gpu_memory_fraction = options.gpu_memory_fraction
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph, config=config)
    # TensorFlow calls this loader deprecated, and has no other that loads into a session.
    with graph.as_default(), deprecation.silence():
        meta = SavedModelLoader(str(folder)).load(session, [tf.saved_model.SERVING])
    return LoadedGraph(dict(meta.signature_def), _Runner(session, graph))


class _Runner:
    """Calls a session without the checks and conversions of its Python interface."""

    def __init__(self, session: tf.compat.v1.Session, graph: tf.Graph) -> None:
        self._session = session
        self._graph = graph

    def __call__(self, feeds: Feeds, fetches: Sequence[str], caller: Caller) -> list[NDArray[Any]]:
        caller.require_waiting()
        try:
            fed = {self._output(name): np.asarray(array) for name, array in feeds.items()}
            wanted = [self._output(name) for name in fetches]
        except (KeyError, ValueError) as error:
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from None
        options = _run_options(caller)
        try:
            results = pywrap_tf_session.TF_SessionRun_wrapper(self._session._session, options, fed, wanted, [], None)
        except tf.errors.OpError as error:
            raise RequestError(_CODES.get(error.error_code, grpc.StatusCode.UNKNOWN), error.message) from None
        finally:
            if options is not None:
                pywrap_tf_session.TF_DeleteBuffer(options)
        return [_as_array(value) for value in results]

    def _output(self, name: str) -> Any:
        return self._graph.get_tensor_by_name(name)._as_tf_output()


def timed_out() -> RequestError:
    """Return the error that the runtime gives when a deadline passes."""
    return RequestError(grpc.StatusCode.DEADLINE_EXCEEDED, "Timed out waiting for notification")


def _run_options(caller: Caller) -> Any:
    """The runtime stops the operations that have not begun when the time is over."""
    if caller.deadline is None:
        return None
    left_ms = max(1, int((caller.deadline - time.monotonic()) * 1000))
    options = config_pb2.RunOptions(timeout_in_ms=left_ms)
    return pywrap_tf_session.TF_NewBufferFromString(options.SerializeToString())


def _as_array(value: Any) -> NDArray[Any]:
    """A scalar string comes as bytes, everything else as an array or a NumPy scalar."""
    if isinstance(value, bytes):
        array = np.empty((), object)
        array[()] = value
        return array
    return np.asarray(value)
