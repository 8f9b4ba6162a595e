"""Classify, regress and multi-inference: signatures that take serialized `tf.train.Example`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
from google.protobuf import text_format
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, model_pb2, regression_pb2

from tfspine.server.graph_session import Caller
from tfspine.server.request_error import RequestError, failed_precondition, invalid
from tfspine.server.servables import Servable
from tfspine.signatures import DEFAULT_SIGNATURE

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"

_Outputs = Mapping[str, NDArray[Any]]
"""Values by tensor name."""


def classify(
    servable: Servable, signature: str, examples: input_pb2.Input, caller: Caller
) -> classification_pb2.ClassificationResult:
    """Return label and score of every class for each example.

    Raises:
        RequestError: no such signature, it is of another kind, no examples, or an operation fails.
    """
    definition = _definition(servable, signature)
    feed, fetches = _classification_tensors(definition)
    outputs, count = _run(servable, examples, feed, fetches, caller)
    return _classifications(definition, outputs, count)


def regress(
    servable: Servable, signature: str, examples: input_pb2.Input, caller: Caller
) -> regression_pb2.RegressionResult:
    """Return one number for each example.

    Raises:
        RequestError: no such signature, it is of another kind, no examples, or an operation fails.
    """
    definition = _definition(servable, signature)
    feed, fetches = _regression_tensors(definition)
    outputs, count = _run(servable, examples, feed, fetches, caller)
    return _regressions(definition, outputs, count)


def multi_inference(
    servable: Servable, request: inference_pb2.MultiInferenceRequest, caller: Caller
) -> inference_pb2.MultiInferenceResponse:
    """Answer several classifications and regressions of the same examples with one run of the graph.

    Raises:
        RequestError: the tasks name several models or one signature twice, or as `classify` and `regress`.
    """
    feed, fetches = _shared_tensors(servable, request.tasks)
    outputs, count = _run(servable, request.input, feed, fetches, caller)
    response = inference_pb2.MultiInferenceResponse()
    for task in request.tasks:
        definition = servable.definitions[task.model_spec.signature_name or DEFAULT_SIGNATURE]
        result = response.results.add(model_spec=answered_by(servable, task.model_spec.signature_name))
        if task.method_name == CLASSIFY:
            result.classification_result.CopyFrom(_classifications(definition, outputs, count))
        else:
            result.regression_result.CopyFrom(_regressions(definition, outputs, count))
    return response


def answered_by(servable: Servable, signature: str) -> model_pb2.ModelSpec:
    """Return which version and signature answered."""
    spec = model_pb2.ModelSpec(name=servable.name, signature_name=signature or DEFAULT_SIGNATURE)
    spec.version.value = servable.version
    return spec


def example_count(examples: input_pb2.Input) -> int:
    """Return how many examples a request holds."""
    return len(examples.example_list.examples) or len(examples.example_list_with_context.examples)


def _definition(servable: Servable, signature: str) -> meta_graph_pb2.SignatureDef:
    name = signature or DEFAULT_SIGNATURE
    if name not in servable.definitions:
        raise invalid(f"No signature was found with the name: {name}")
    return servable.definitions[name]


def _classification_tensors(definition: meta_graph_pb2.SignatureDef) -> tuple[str, list[str]]:
    if len(definition.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(definition.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(definition.outputs)}")
    if "inputs" not in definition.inputs:
        raise failed_precondition(f"No classification inputs found in SignatureDef: {_text(definition)}")
    names = [definition.outputs[name].name for name in ("classes", "scores") if name in definition.outputs]
    if not names:
        raise failed_precondition(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {_text(definition)}"
        )
    return definition.inputs["inputs"].name, names


def _regression_tensors(definition: meta_graph_pb2.SignatureDef) -> tuple[str, list[str]]:
    if len(definition.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(definition.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if "inputs" not in definition.inputs:
        raise failed_precondition(f"No regression inputs found in SignatureDef: {_text(definition)}")
    if "outputs" not in definition.outputs:
        raise failed_precondition(f"No regression outputs found in SignatureDef: {_text(definition)}")
    return definition.inputs["inputs"].name, [definition.outputs["outputs"].name]


def _shared_tensors(servable: Servable, tasks: Sequence[inference_pb2.InferenceTask]) -> tuple[str, list[str]]:
    feed = ""
    seen: set[str] = set()
    fetches: set[str] = set()
    for task in tasks:
        if not task.model_spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in seen:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if name not in servable.definitions:
            raise invalid(f"Requested signature not found in model graph: {name}")
        own_feed, own_fetches = _task_tensors(task.method_name, servable.definitions[name])
        if feed and feed != own_feed:
            raise invalid("Input tensor must be the same for all Signatures.")
        feed = own_feed
        fetches.update(own_fetches)
    return feed, sorted(fetches)


def _task_tensors(method: str, definition: meta_graph_pb2.SignatureDef) -> tuple[str, list[str]]:
    if method == CLASSIFY:
        return _classification_tensors(definition)
    if method == REGRESS:
        return _regression_tensors(definition)
    raise RequestError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {method}")


def _run(
    servable: Servable, examples: input_pb2.Input, feed: str, fetches: Sequence[str], caller: Caller
) -> tuple[_Outputs, int]:
    serialized = _serialized(examples)
    if not serialized:
        raise invalid("Input is empty.")
    array = np.empty(len(serialized), object)
    array[:] = serialized
    values = servable.run({feed: array}, fetches, caller)
    return dict(zip(fetches, values, strict=True)), len(serialized)


def _serialized(examples: input_pb2.Input) -> list[bytes]:
    """Serialized messages one after the other are their union: so the context is added to each example."""
    context = examples.example_list_with_context.context.SerializeToString()
    found: Iterable[Any] = examples.example_list.examples or examples.example_list_with_context.examples
    return [context + example.SerializeToString() for example in found]


def _classifications(
    definition: meta_graph_pb2.SignatureDef, outputs: _Outputs, count: int
) -> classification_pb2.ClassificationResult:
    found = {
        name: outputs[definition.outputs[name].name] for name in ("classes", "scores") if name in definition.outputs
    }
    for name, (kind, word) in {"classes": ("O", "DT_STRING"), "scores": ("f", "DT_FLOAT")}.items():
        array = found.get(name)
        if array is None:
            continue
        if array.ndim != 2:
            raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
        if array.dtype.kind != kind or (kind == "f" and array.dtype != np.float32):
            raise invalid(f"Expected {name} Tensor of {word}. Got: {_type(definition.outputs[name])}")
        if len(array) != count:
            raise invalid(f"Expected {name} output batch size of {count}. Got: {len(array)}")
    widths = [array.shape[1] for array in found.values()]
    if len(set(widths)) > 1:
        raise invalid(f"Tensors class and score should match in dim_size(1). Got {widths[0]} vs. {widths[1]}")
    result = classification_pb2.ClassificationResult()
    for row in range(count):
        classes = result.classifications.add().classes
        for column in range(widths[0]):
            item = classes.add()
            if "classes" in found:
                item.label = found["classes"][row, column].decode(errors="replace")
            if "scores" in found:
                item.score = found["scores"][row, column]
    return result


def _regressions(
    definition: meta_graph_pb2.SignatureDef, outputs: _Outputs, count: int
) -> regression_pb2.RegressionResult:
    info = definition.outputs["outputs"]
    array = outputs[info.name]
    if array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1):
        raise invalid(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape(array)}"
        )
    if len(array) != count:
        raise invalid(f"Input batch size did not match output batch size: {count} vs. {len(array)}")
    if array.dtype != np.float32:
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {_type(info)}")
    result = regression_pb2.RegressionResult()
    for value in array.ravel().tolist():
        result.regressions.add(value=value)
    return result


def _shape(array: NDArray[Any]) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _type(info: meta_graph_pb2.TensorInfo) -> str:
    return str(types_pb2.DataType.Name(info.dtype))


def _text(definition: meta_graph_pb2.SignatureDef) -> str:
    return text_format.MessageToString(definition)
