"""The gRPC side of the TensorFlow Serving protocol, in the official messages (docs/serving.md, gRPC)."""

import logging
import time
from collections.abc import Callable
from typing import Any

import grpc
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

from tfspine.server.catalogue import asked_by
from tfspine.server.examples import answered_by, classify, example_count, multi_inference, regress
from tfspine.server.graph_session import Caller
from tfspine.server.request_error import RequestError, invalid
from tfspine.server.service import Service
from tfspine.server.typed_tensors import to_array, to_typed_proto

_log = logging.getLogger(__name__)

_FOR_EVER_S = 365 * 24 * 3600.0

_Answer = Callable[[Service, Any, Caller], Any]


def make_handlers(service: Service) -> tuple[grpc.GenericRpcHandler, ...]:
    """Return the handlers of PredictionService and ModelService."""
    prediction = {
        "Predict": (_predict, predict_pb2.PredictRequest),
        "Classify": (_classify, classification_pb2.ClassificationRequest),
        "Regress": (_regress, regression_pb2.RegressionRequest),
        "MultiInference": (_multi_inference, inference_pb2.MultiInferenceRequest),
        "GetModelMetadata": (_metadata, get_model_metadata_pb2.GetModelMetadataRequest),
    }
    model = {
        "GetModelStatus": (_status, get_model_status_pb2.GetModelStatusRequest),
        "HandleReloadConfigRequest": (_reload, model_management_pb2.ReloadConfigRequest),
    }
    return tuple(
        grpc.method_handlers_generic_handler(
            f"tensorflow.serving.{name}",
            {method: _handler(service, answer, request) for method, (answer, request) in methods.items()},
        )
        for name, methods in {"PredictionService": prediction, "ModelService": model}.items()
    )


def _handler(service: Service, answer: _Answer, request_class: Any) -> grpc.RpcMethodHandler:
    """Wrap a function of a request; what it refuses becomes a gRPC status."""

    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return answer(service, request, Caller(_deadline(context), lambda: not context.is_active()))
        except RequestError as error:
            context.abort(error.code, error.grpc_message)
        except Exception as error:
            _log.exception("%s failed", type(request).__name__)
            context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: see the server's log")

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=request_class.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def _deadline(context: grpc.ServicerContext) -> float | None:
    """A call without a deadline comes with one in hundreds of millions of years."""
    left_s = context.time_remaining()
    return None if left_s is None or left_s > _FOR_EVER_S else time.monotonic() + left_s


def _predict(service: Service, request: predict_pb2.PredictRequest, caller: Caller) -> predict_pb2.PredictResponse:
    spec = _spec(request)
    with service.inference(spec.name, "Predict", "GRPC", caller):
        servable = service.catalogue.find(asked_by(spec))
        servable.definition(spec.signature_name)
        inputs = {name: to_array(proto, name) for name, proto in request.inputs.items()}
        with service.computing(spec.name, "Predict"):
            outputs = servable.call(spec.signature_name, inputs, only=request.output_filter, caller=caller)
        response = predict_pb2.PredictResponse(model_spec=answered_by(servable, spec.signature_name))
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(to_typed_proto(array))
        return response


def _classify(
    service: Service, request: classification_pb2.ClassificationRequest, caller: Caller
) -> classification_pb2.ClassificationResponse:
    spec = _spec(request)
    with service.inference(spec.name, "Classify", "GRPC", caller):
        servable = service.catalogue.find(asked_by(spec))
        with service.computing(spec.name, "Classify"):
            result = classify(servable, spec.signature_name, request.input, caller)
        service.metrics.add_examples(spec.name, example_count(request.input))
        return classification_pb2.ClassificationResponse(
            result=result, model_spec=answered_by(servable, spec.signature_name)
        )


def _regress(
    service: Service, request: regression_pb2.RegressionRequest, caller: Caller
) -> regression_pb2.RegressionResponse:
    spec = _spec(request)
    with service.inference(spec.name, "Regress", "GRPC", caller):
        servable = service.catalogue.find(asked_by(spec))
        with service.computing(spec.name, "Regress"):
            result = regress(servable, spec.signature_name, request.input, caller)
        service.metrics.add_examples(spec.name, example_count(request.input))
        return regression_pb2.RegressionResponse(result=result, model_spec=answered_by(servable, spec.signature_name))


def _multi_inference(
    service: Service, request: inference_pb2.MultiInferenceRequest, caller: Caller
) -> inference_pb2.MultiInferenceResponse:
    spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
    with service.inference(spec.name, "MultiInference", "GRPC", caller):
        servable = service.catalogue.find(asked_by(spec))
        with service.computing(spec.name, "MultiInference"):
            response = multi_inference(servable, request, caller)
        service.metrics.add_examples(spec.name, example_count(request.input))
        return response


def _metadata(
    service: Service, request: get_model_metadata_pb2.GetModelMetadataRequest, caller: Caller
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    spec = _spec(request)
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != "signature_def":
            # The place holder is in TensorFlow Serving's own message.
            raise invalid(f"Metadata field %s is not supported{field}")
    servable = service.catalogue.find(asked_by(spec))
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = servable.name
    response.model_spec.version.value = servable.version
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.definitions)
    response.metadata["signature_def"].Pack(signatures)
    return response


def _status(
    service: Service, request: get_model_status_pb2.GetModelStatusRequest, caller: Caller
) -> get_model_status_pb2.GetModelStatusResponse:
    return service.catalogue.status(asked_by(_spec(request)))


def _reload(
    service: Service, request: model_management_pb2.ReloadConfigRequest, caller: Caller
) -> model_management_pb2.ReloadConfigResponse:
    service.reload(request.config)
    response = model_management_pb2.ReloadConfigResponse()
    response.status.SetInParent()
    return response


def _spec(request: Any) -> model_pb2.ModelSpec:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec
