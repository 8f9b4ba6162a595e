"""The JSON of classify and regress: objects that become `tf.train.Example`, and their results."""

from typing import Any

import tensorflow as tf
from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from tfspine.server import json_text
from tfspine.server.json_tensors import JsonRequest
from tfspine.server.json_values import is_base64, read_elements, type_name
from tfspine.server.request_error import RequestError, invalid

_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def read_examples(request: JsonRequest) -> input_pb2.Input:
    """Return the examples of a request, with their context if there is one.

    Raises:
        RequestError: there are no examples, or one has values that a feature cannot hold.
    """
    content = request.content
    context = _example(content["context"]) if "context" in content else None
    if "examples" not in content:
        raise _error(content, "When method is classify, key 'examples' is expected and was not found")
    if not isinstance(content["examples"], list):
        raise _error(content, "Expecting 'examples' value to be an list/array")
    if not content["examples"]:
        raise _error(content, "'examples' value is an empty array")
    examples = [_example(value) for value in content["examples"]]
    found = input_pb2.Input()
    if context is None:
        found.example_list.examples.extend(examples)
    else:
        found.example_list_with_context.context.CopyFrom(context)
        found.example_list_with_context.examples.extend(examples)
    return found


def write_classifications(result: classification_pb2.ClassificationResult) -> bytes:
    """Return the body of the answer: a list of label and score for each class of each example."""
    if not result.classifications:
        raise invalid("Cannot convert empty ClassificationResults to JSON")
    rows = [
        [[json_text.quoted(item.label), json_text.decimal(item.score)] for item in row.classes]
        for row in result.classifications
    ]
    return json_text.wrapped("results", json_text.rows(rows))


def write_regressions(result: regression_pb2.RegressionResult) -> bytes:
    """Return the body of the answer: one number for each example."""
    if not result.regressions:
        raise invalid("Cannot convert empty RegressionResults to JSON")
    return json_text.wrapped(
        "results", json_text.single_line([json_text.decimal(item.value) for item in result.regressions])
    )


def _error(content: Any, message: str) -> RequestError:
    return invalid(f"JSON Value: {json_text.pretty(content)} {message}")


def _example(value: Any) -> example_pb2.Example:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    example = example_pb2.Example()
    for name, content in value.items():
        # A message holds only UTF-8, whatever bytes the name has.
        feature = example.features.feature[name.encode(errors="surrogateescape").decode(errors="replace")]
        for item in content if isinstance(content, list) else [content]:
            _add(item, name, feature)
    return example


def _add(value: Any, name: str, feature: feature_pb2.Feature) -> None:
    if value is None or isinstance(value, list) or (isinstance(value, dict) and not is_base64(value)):
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
    kind, converted = _converted(value, name)
    found = feature.WhichOneof("kind")
    if found not in (None, kind):
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {_KINDS[str(found)]}")
    getattr(feature, kind).value.append(converted)


def _converted(value: Any, name: str) -> tuple[str, Any]:
    if isinstance(value, (str, dict)):
        return "bytes_list", read_elements(value, tf.string).item()
    if isinstance(value, float) or not -(2**63) <= value < 2**64:
        return "float_list", read_elements(float(value), tf.float32).item()
    if value >= 2**63:
        raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
    return "int64_list", int(value)
