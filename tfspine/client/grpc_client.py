"""A model behind the gRPC port of TensorFlow Serving, or of ``tfspine serve``."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import grpc
from numpy.typing import ArrayLike

from tfspine.client.metadata import newest_available, read_signatures
from tfspine.client.signature_check import check_inputs, find_signature
from tfspine.client.tensors import Array, from_proto, to_proto
from tfspine.client.wire import serving_pb2 as wire
from tfspine.errors import ServerError
from tfspine.signatures import Signature

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"

_CHANNEL_OPTIONS = (
    # A batch of slices and its answer outgrow gRPC's 4 MB; 2 GiB - 1 is what the server takes (docs/serving.md, gRPC).
    ("grpc.max_send_message_length", 2**31 - 1),
    ("grpc.max_receive_message_length", 2**31 - 1),
    # Patient images take no detour through a proxy named in the environment.
    ("grpc.enable_http_proxy", 0),
)


class GrpcPredictor:
    """One model of a server, by gRPC. Keeps its connection, and the signatures once asked for."""

    def __init__(self, address: str, model: str, *, timeout_s: float) -> None:
        self._url = f"grpc://{address}"
        self._model = model
        self._timeout_s = timeout_s
        self._channel = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)

    def predict(self, signature: str, inputs: Mapping[str, ArrayLike]) -> dict[str, Array]:
        """Call a signature: see `protocol.Predictor.predict`."""
        called = find_signature(self._signatures, signature, self._where)
        request = wire.PredictRequest(model_spec=wire.ModelSpec(name=self._model, signature_name=signature))
        for name, array in check_inputs(called, inputs, self._where).items():
            request.inputs[name].CopyFrom(to_proto(array))
        answer = self._call(_PREDICT, request, wire.PredictResponse)
        return {name: from_proto(proto) for name, proto in answer.outputs.items()}

    def model_version(self) -> int:
        """Return the version that answers: the highest that is ready."""
        request = wire.GetModelStatusRequest(model_spec=wire.ModelSpec(name=self._model))
        return newest_available(self._call(_STATUS, request, wire.GetModelStatusResponse), self._where)

    def signatures(self) -> Mapping[str, Signature]:
        """Return names, types and shapes of what each signature takes and gives."""
        return self._signatures

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    @cached_property
    def _signatures(self) -> dict[str, Signature]:
        request = wire.GetModelMetadataRequest(
            model_spec=wire.ModelSpec(name=self._model), metadata_field=["signature_def"]
        )
        answer = self._call(_METADATA, request, wire.GetModelMetadataResponse)
        found = wire.SignatureDefMap()
        # The Any names the official package; the bytes are the same, so it is opened without asking its name.
        found.ParseFromString(answer.metadata["signature_def"].value)
        return read_signatures(found)

    @property
    def _where(self) -> str:
        return f"{self._url}: model {self._model}"

    def _call(self, path: str, request: Any, answer: Any) -> Any:
        """Send one request and return the answer.

        Raises:
            ServerError: one line with the URL, the model and what to do.
        """
        method = self._channel.unary_unary(
            path, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
        )
        try:
            return method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise ServerError(self._explain(error)) from None
        except ValueError as error:
            raise ServerError(f"{self._where}: {error}") from None

    def _explain(self, error: Any) -> str:
        code, details = error.code(), " ".join((error.details() or "").split())
        if code is grpc.StatusCode.UNAVAILABLE and "failed to connect" in details.lower():
            return f"nothing listens at {self._url}; start it with tfspine serve, or name another server ({details})"
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"{self._where}: no answer within {self._timeout_s:g} s; allow more time or send fewer images"
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return f"{self._where}: does not speak the TensorFlow Serving protocol ({details}); is it the gRPC port?"
        return f"{self._where}: {code.name}: {details}"
