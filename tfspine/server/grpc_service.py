"""The gRPC side of the TensorFlow Serving protocol, in the official messages (docs/serving.md, gRPC)."""

import logging
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from tfspine.client.tensors import typed_field
from tfspine.server.catalogue import Asked, Catalogue, status_of
from tfspine.server.request_error import Reason, RequestError
from tfspine.server.servables import Servable
from tfspine.signatures import DEFAULT_SIGNATURE

_log = logging.getLogger(__name__)


def make_handlers(catalogue: Catalogue) -> tuple[grpc.GenericRpcHandler, ...]:
    """Return the handlers of PredictionService and ModelService."""
    prediction = {
        "Predict": _handler(lambda request: _predict(catalogue, request), predict_pb2.PredictRequest),
        "GetModelMetadata": _handler(
            lambda request: _metadata(catalogue, request), get_model_metadata_pb2.GetModelMetadataRequest
        ),
        "Classify": _handler(_not_offered, classification_pb2.ClassificationRequest),
        "Regress": _handler(_not_offered, regression_pb2.RegressionRequest),
        "MultiInference": _handler(_not_offered, inference_pb2.MultiInferenceRequest),
    }
    model = {
        "GetModelStatus": _handler(
            lambda request: _status(catalogue, request), get_model_status_pb2.GetModelStatusRequest
        ),
        "HandleReloadConfigRequest": _handler(_not_offered, model_management_pb2.ReloadConfigRequest),
    }
    return (
        grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", prediction),
        grpc.method_handlers_generic_handler("tensorflow.serving.ModelService", model),
    )


def _handler(answer: Callable[[Any], Any], request: Any) -> grpc.RpcMethodHandler:
    """Wrap a function of a request; what it refuses becomes a gRPC status."""

    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return answer(request)
        except RequestError as error:
            context.abort(error.reason.grpc_code, error.grpc_message)
        except Exception as error:
            _log.exception("%s failed", type(request).__name__)
            context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: see the server's log")

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=request.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def _predict(catalogue: Catalogue, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    servable = _find(catalogue, request.model_spec)
    signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
    servable.definition(signature)
    inputs = {name: _array(proto, name) for name, proto in request.inputs.items()}
    outputs = servable.call(signature, inputs, only=request.output_filter)
    response = predict_pb2.PredictResponse(model_spec=_spec(servable, signature))
    for name, array in outputs.items():
        response.outputs[name].CopyFrom(to_typed_proto(array))
    return response


def _metadata(
    catalogue: Catalogue, request: get_model_metadata_pb2.GetModelMetadataRequest
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    if list(request.metadata_field) != ["signature_def"]:
        raise RequestError(Reason.INVALID, 'Expected exactly one metadata_field, "signature_def"')
    servable = _find(catalogue, request.model_spec)
    response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=_spec(servable, ""))
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.definitions)
    response.metadata["signature_def"].Pack(signatures)
    return response


def _status(
    catalogue: Catalogue, request: get_model_status_pb2.GetModelStatusRequest
) -> get_model_status_pb2.GetModelStatusResponse:
    return status_of(catalogue.listed(_asked(request.model_spec)))


def _not_offered(request: Any) -> Any:
    raise RequestError(Reason.NOT_OFFERED, f"{type(request).__name__}: not offered by tfspine serve; use Predict")


def _find(catalogue: Catalogue, spec: model_pb2.ModelSpec) -> Servable:
    return catalogue.find(_asked(spec))


def _asked(spec: model_pb2.ModelSpec) -> Asked:
    if not spec.name:
        raise RequestError(Reason.INVALID, "Missing ModelSpec")
    choice = spec.WhichOneof("version_choice")
    return Asked(
        spec.name,
        version=spec.version.value if choice == "version" else None,
        label=spec.version_label if choice == "version_label" else None,
    )


def _spec(servable: Servable, signature: str) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=servable.name, signature_name=signature)
    spec.version.value = servable.version
    return spec


def _array(proto: tensor_pb2.TensorProto, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise RequestError(Reason.INVALID, f'Input "{name}" is not a whole tensor: {error}') from None
    return array


def to_typed_proto(array: NDArray[Any]) -> tensor_pb2.TensorProto:
    """Return an array as TensorFlow Serving sends it: in typed fields, not in `tensor_content`."""
    dtype = tf.dtypes.as_dtype(array.dtype)
    field = typed_field(dtype.name)
    if not field or dtype == tf.float16:  # whose field holds bit patterns
        return tf.make_tensor_proto(array)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for size in np.shape(array):
        proto.tensor_shape.dim.add(size=size)
    getattr(proto, field).extend(array.ravel().tolist())
    return proto
