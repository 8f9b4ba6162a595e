"""The JSON of TensorFlow Serving: rows (`instances` to `predictions`) and columns (`inputs` to `outputs`).

Checks and messages come in TensorFlow Serving's order (docs/serving.md, Messages). Like it, narrow integers wrap (uint8
256 becomes 0) and shapes are not compared with the signature; unlike it, numbers are read with full precision.
"""

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import meta_graph_pb2

from tfspine.server import json_text
from tfspine.server.json_parser import parse_json
from tfspine.server.json_values import Elements, cpp_name, is_base64, read_elements
from tfspine.server.request_error import RequestError, invalid


@dataclass(frozen=True)
class JsonRequest:
    """A parsed body; its inputs are read later, when the signature is known."""

    signature: str
    content: Mapping[str, Any]

    @property
    def in_rows(self) -> bool:
        """Whether the request, and so the answer, goes row by row."""
        return "instances" in self.content


def parse_request(body: bytes) -> JsonRequest:
    """Parse a body as far as it can be understood without the model.

    Raises:
        RequestError: it is not a JSON object, or `signature_name` is not text.
    """
    content = parse_json(body)
    if not isinstance(content, dict):
        raise invalid(f"JSON Value: {json_text.pretty(content)} Is not object")
    signature = content.get("signature_name", "")
    if not isinstance(signature, str):
        raise invalid(
            f"JSON Value: {json_text.pretty(content)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return JsonRequest(signature, content)


def read_inputs(request: JsonRequest, definition: meta_graph_pb2.SignatureDef) -> dict[str, NDArray[Any]]:
    """Return the inputs as arrays of the types that the signature declares; those with defaults may be missing.

    Raises:
        RequestError: neither or both formats, wrong names, ragged lists, or values of another type.
    """
    dtypes = {name: tf.dtypes.as_dtype(definition.inputs[name].dtype) for name in sorted(definition.inputs)}
    if not dtypes:
        raise invalid(f"Failed to get input map for signature: {request.signature or 'DEFAULT'}")
    content = request.content
    if "instances" not in content and "inputs" not in content:
        raise invalid("Missing 'inputs' or 'instances' key")
    if "instances" not in content:
        return _columns(content["inputs"], dtypes, optional=set(definition.defaults))
    if "inputs" in content:
        raise _content_error(
            content, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    if not isinstance(content["instances"], list):
        raise _content_error(content, "Expecting 'instances' to be an list/array")
    if not content["instances"]:
        raise _content_error(content, "No values in 'instances' array")
    return _rows(content["instances"], dtypes, optional=set(definition.defaults))


def write_outputs(request: JsonRequest, outputs: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the body of the answer, in the format in which the request came.

    Raises:
        RequestError: rows were asked for and the outputs do not share their first dimension.
    """
    names = sorted(outputs)
    if request.in_rows:
        _require_one_batch(outputs)
    level = 1 if len(names) == 1 else 2
    texts = {name: _texts(name, outputs[name], level) for name in names}
    if request.in_rows:
        if len(names) == 1:
            return json_text.wrapped("predictions", json_text.rows(texts[names[0]]))
        items = (dict(zip(names, row, strict=True)) for row in zip(*texts.values(), strict=True))
        return json_text.wrapped("predictions", json_text.object_rows(items))
    content = json_text.broken(texts[names[0]]) if len(names) == 1 else json_text.columns(texts)
    return json_text.wrapped("outputs", content)


def _content_error(content: Mapping[str, Any], message: str) -> RequestError:
    return invalid(f"JSON Value: {json_text.pretty(content)} {message}")


def _is_object(value: Any) -> bool:
    """Whether a value has named parts; ``{"b64": ...}`` is a string, not an object."""
    return isinstance(value, dict) and not is_base64(value)


def _rows(
    instances: list[Any], dtypes: Mapping[str, tf.DType], *, optional: Collection[str]
) -> dict[str, NDArray[Any]]:
    if not isinstance(instances[0], dict) and len(dtypes) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    if _is_object(instances[0]):
        return _object_rows(instances, dtypes, optional)
    (name, dtype), *_ = dtypes.items()
    elements = Elements(dtype)
    for number, row in enumerate(instances):
        if _is_object(row):
            raise invalid(f"Expecting value/list but got object at item {number} of input list")
        try:
            elements.add(row)
        except RequestError as error:
            raise _row_error(number, "", error) from None
    return {name: elements.stacked()}


def _object_rows(
    instances: list[Any], dtypes: Mapping[str, tf.DType], optional: Collection[str]
) -> dict[str, NDArray[Any]]:
    sent = {name for name in dtypes if name not in optional or name in instances[0]}
    elements = {name: Elements(dtype) for name, dtype in dtypes.items()}
    for number, row in enumerate(instances):
        if not _is_object(row):
            raise invalid(f"Expecting object but got list at item {number} of input list")
        for name, value in row.items():
            try:
                if name not in elements:
                    raise invalid(f"JSON object: does not have named input: {name}")
                elements[name].add(value)
            except RequestError as error:
                raise _row_error(number, f" key: {name}", error) from None
        if set(row) != sent:
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {json_text.pretty(row)} "
                f"keys must be equal to: {','.join(dtypes)}"
            )
    return {name: item.stacked() for name, item in elements.items() if name in sent}


def _row_error(number: int, key: str, error: RequestError) -> RequestError:
    return invalid(f"Failed to process element: {number}{key} of 'instances' list. Error: {error.code.name}: {error}")


def _columns(inputs: Any, dtypes: Mapping[str, tf.DType], *, optional: Collection[str]) -> dict[str, NDArray[Any]]:
    if not _is_object(inputs):
        if len(dtypes) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        ((name, dtype),) = dtypes.items()
        return {name: read_elements(inputs, dtype)}
    arrays = {}
    for name, dtype in dtypes.items():
        if name not in inputs and name in optional:
            continue
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
        arrays[name] = read_elements(inputs[name], dtype)
    return arrays


def _require_one_batch(outputs: Mapping[str, NDArray[Any]]) -> None:
    expected = None
    for name in sorted(outputs):
        if not outputs[name].ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        size = len(outputs[name])
        if expected not in (None, size):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {size} expecting: {expected}")
        expected = size


def _texts(name: str, array: NDArray[Any], level: int) -> Any:
    """Return an output as nested lists of JSON texts; strings whose name ends in ``_bytes`` become base64.

    Args:
        name: of the output.
        array: the output.
        level: how deep the text of a scalar stands.
    """
    if not array.size:
        return np.zeros(array.shape).tolist()
    flat = array.ravel().tolist()
    kind = array.dtype.kind
    if kind == "O":
        as_bytes = name.endswith("_bytes")
        texts: list[Any] = [_base64(value, level + array.ndim) if as_bytes else _text(value) for value in flat]
    elif kind == "b":
        texts = ["true" if value else "false" for value in flat]
    elif kind in "iu":
        texts = list(map(str, flat))
    elif array.dtype in (np.float32, np.float64):
        texts = [json_text.decimal(value, array.dtype.type) for value in flat]
    else:
        raise invalid(f"Failed to write JSON value for tensor type: {cpp_name(tf.dtypes.as_dtype(array.dtype))}")
    for size in reversed(array.shape[1:]):
        texts = [texts[at : at + size] for at in range(0, len(texts), size)]
    return texts if array.ndim else texts[0]


def _text(value: bytes) -> str:
    return json_text.quoted(value.decode(errors="surrogateescape"))


def _base64(value: bytes, level: int) -> str:
    indent = "\n" + "    " * level
    return f'{{{indent}    "b64": "{base64.b64encode(value).decode()}"{indent}}}'
