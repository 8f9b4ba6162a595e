"""One version of one model: a SavedModel that is loaded, warmed up and called by signature."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tfspine.errors import ModelError
from tfspine.models.devices import ONE_GPU, use_gpus
from tfspine.server.request_error import Reason, RequestError
from tfspine.signatures import DEFAULT_SIGNATURE

WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
MAXIMUM_WARMUP_RECORDS = 1000
"""TensorFlow Serving refuses files with more (docs/serving.md, Configuration)."""


@dataclass(frozen=True)
class Servable:
    """A loaded SavedModel.

    `definitions` are the signatures as written in the file; `loaded` is the restored object.
    """

    name: str
    version: int
    definitions: Mapping[str, meta_graph_pb2.SignatureDef]
    loaded: Any

    def definition(self, signature: str) -> meta_graph_pb2.SignatureDef:
        """Return what a signature takes and gives; no name stands for ``serving_default``.

        Raises:
            RequestError: the model has no such signature.
        """
        name = signature or DEFAULT_SIGNATURE
        if name not in self.loaded.signatures:
            raise RequestError(Reason.NO_SIGNATURE, f'Serving signature name: "{name}" not found in signature def')
        return self.definitions[name]

    def call(
        self, signature: str, inputs: Mapping[str, NDArray[Any]], *, only: Iterable[str] = ()
    ) -> dict[str, NDArray[Any]]:
        """Call a signature.

        Args:
            signature: its name; empty for ``serving_default``.
            inputs: arrays of exactly the declared types; strings as arrays of bytes objects.
            only: the outputs to return; none named means all.

        Raises:
            RequestError: no such signature, inputs that do not fit it, or an operation that fails on them.
        """
        definition = self.definition(signature)
        given = {name: tf.make_ndarray(proto) for name, proto in definition.defaults.items() if name not in inputs}
        inputs = {**given, **inputs}
        sent, required = sorted(inputs), sorted(definition.inputs)
        if sent != required:
            raise RequestError(
                Reason.INVALID,
                f"input size does not match signature: {len(sent)}!={len(required)} len({{{','.join(sent)}}}) != "
                f"len({{{','.join(required)}}}). Sent extra: {{{','.join(sorted(set(sent) - set(required)))}}}. "
                f"Missing but required: {{{','.join(sorted(set(required) - set(sent)))}}}.",
            )
        only = tuple(only)
        for number, name in enumerate(only):
            if name not in definition.outputs:
                known = ",".join(sorted(definition.outputs))
                raise RequestError(
                    Reason.INVALID,
                    f"output tensor alias not found in signature: {name} "
                    f"Outputs expected to be in the set {{{known}}}.",
                )
            if name in only[:number]:
                raise RequestError(Reason.INVALID, f"duplicate output tensor alias: {name}")
        tensors = {name: _tensor(array, definition.inputs[name], name) for name, array in inputs.items()}
        try:
            outputs = self.loaded.signatures[signature or DEFAULT_SIGNATURE](**tensors)
        except tf.errors.OpError as error:
            raise RequestError(Reason.INVALID, _one_line(error.message)) from None
        except (TypeError, ValueError) as error:
            # A shape that the signature's own tensor specification excludes.
            raise RequestError(Reason.INVALID, _one_line(str(error))) from None
        return {name: _array(tensor) for name, tensor in outputs.items() if not only or name in only}


def load_servable(name: str, folder: Path) -> Servable:
    """Load the SavedModel in a version folder and answer its warm-up requests.

    Raises:
        ModelError: the folder holds no SavedModel that can be loaded, or a warm-up request fails.
    """
    use_gpus(ONE_GPU)
    try:
        saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:
        # TensorFlow raises half a dozen unrelated types for a broken SavedModel.
        raise ModelError(
            f"{folder}: not a SavedModel that can be loaded: {_one_line(str(error))}; run tfspine export again"
        ) from error
    servable = Servable(name, int(folder.name), dict(saved.meta_graphs[0].signature_def), loaded)
    _warm_up(servable, folder / WARMUP_FILE)
    return servable


def _warm_up(servable: Servable, path: Path) -> None:
    """Answer the recorded requests, so that the first user does not wait for the graph to be prepared."""
    if not path.is_file():
        return
    try:
        records = list(tf.data.TFRecordDataset(str(path)).take(MAXIMUM_WARMUP_RECORDS + 1).as_numpy_iterator())
    except tf.errors.OpError as error:
        raise ModelError(f"{path}: not a TFRecord file: {_one_line(error.message)}; run tfspine export again") from None
    if len(records) > MAXIMUM_WARMUP_RECORDS:
        raise ModelError(f"{path}: more than {MAXIMUM_WARMUP_RECORDS} warm-up requests; keep fewer")
    for number, record in enumerate(records, start=1):
        try:
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
            servable.call(request.model_spec.signature_name, inputs)
        except (RequestError, ValueError) as error:
            raise ModelError(f"{path}: warm-up request {number} fails: {_one_line(str(error))}") from error


def _array(tensor: tf.Tensor) -> NDArray[Any]:
    """Return a tensor as an array; TensorFlow gives a single string as bytes."""
    value = tensor.numpy()
    return np.array(value, object) if tensor.dtype == tf.string else np.asarray(value)


def _tensor(array: NDArray[Any], info: meta_graph_pb2.TensorInfo, name: str) -> tf.Tensor:
    wanted = tf.dtypes.as_dtype(info.dtype)
    try:
        came = tf.dtypes.as_dtype(array.dtype)
    except TypeError:
        came = array.dtype
    if came != wanted:
        found = getattr(came, "name", came)
        raise RequestError(Reason.INVALID, f'Input "{name}" is {found}; expected {wanted.name}')
    return tf.constant(array if array.dtype != object else array.tolist(), wanted, shape=np.shape(array))


def _one_line(message: str) -> str:
    return " ".join(message.split())
