"""The JSON of TensorFlow Serving: rows (`instances` to `predictions`) and columns (`inputs` to `outputs`).

One thing is stricter than TensorFlow Serving, which lets narrow integers wrap (uint8 256 becomes 0): here a value
outside the range is refused, so that a mistake shows on the machine where it is made.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import meta_graph_pb2

from tfspine.client.json_values import numbers_to_json
from tfspine.server.request_error import Reason, RequestError

_ACCEPTED: dict[str, set[type]] = {"i": {int}, "u": {int}, "f": {int, float}, "b": {bool}}
"""Python types of JSON values that may become each kind of number: whole numbers may become floats, no more."""


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
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"JSON Parse error: {error}") from None
    if not isinstance(content, dict):
        raise _invalid("JSON Value: expected an object with the key 'instances' or 'inputs'")
    signature = content.get("signature_name", "")
    if not isinstance(signature, str):
        raise _invalid("'signature_name' key must be a string value")
    return JsonRequest(signature, content)


def read_inputs(request: JsonRequest, definition: meta_graph_pb2.SignatureDef) -> dict[str, NDArray[Any]]:
    """Return the inputs as arrays of the types that the signature declares.

    Raises:
        RequestError: neither or both formats, wrong names, ragged lists, or values of another type.
    """
    if ("instances" in request.content) == ("inputs" in request.content):
        raise _invalid("Expected exactly one of the keys 'instances' and 'inputs'")
    names = list(definition.inputs)
    if request.in_rows:
        columns = _rows_to_columns(request.content["instances"], names)
    else:
        columns = _named_columns(request.content["inputs"], names)
    return {
        name: _array(values, tf.dtypes.as_dtype(definition.inputs[name].dtype), name)
        for name, values in columns.items()
    }


def write_outputs(request: JsonRequest, outputs: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the body of the answer, in the format in which the request came.

    Raises:
        RequestError: rows were asked for and the outputs do not share their first dimension.
    """
    columns = {name: _plain(name, array) for name, array in outputs.items()}
    single = next(iter(columns)) if len(columns) == 1 else None
    if not request.in_rows:
        return encode({"outputs": columns[single] if single else columns})
    sizes = {array.shape[:1] for array in outputs.values()}
    if len(sizes) != 1 or sizes == {()}:
        raise _invalid("The outputs have no batch dimension in common; ask by columns, with 'inputs'")
    if single:
        return encode({"predictions": columns[single]})
    rows = zip(*columns.values(), strict=True)
    return encode({"predictions": [dict(zip(columns, row, strict=True)) for row in rows]})


def encode(content: Mapping[str, Any]) -> bytes:
    """Return JSON with NaN and Infinity as bare tokens, and text that is not UTF-8 as the bytes it came as."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogateescape")


def _rows_to_columns(instances: Any, names: list[str]) -> dict[str, Any]:
    if not isinstance(instances, list) or not instances:
        raise _invalid("'instances' must be a list with at least one element")
    if not _is_object(instances[0]):
        return {_only(names): instances}
    for number, row in enumerate(instances):
        if not _is_object(row) or set(row) != set(names):
            raise _invalid(f"instances[{number}]: expected an object with the keys {', '.join(sorted(names))}")
    return {name: [row[name] for row in instances] for name in names}


def _named_columns(inputs: Any, names: list[str]) -> dict[str, Any]:
    if not _is_object(inputs):
        return {_only(names): inputs}
    missing = sorted(set(names) - set(inputs))
    if missing:
        raise _invalid(f"Missing named inputs: {', '.join(missing)}")
    return {name: inputs[name] for name in names}


def _is_object(value: Any) -> bool:
    """Whether a value has named parts; ``{"b64": ...}`` is a string, not an object."""
    return isinstance(value, dict) and set(value) != {"b64"}


def _only(names: list[str]) -> str:
    if len(names) != 1:
        raise _invalid(f"The signature takes {len(names)} inputs, name them: {', '.join(sorted(names))}")
    return names[0]


def _array(values: Any, dtype: tf.DType, name: str) -> NDArray[Any]:
    array = np.asarray(values, object)
    flat = array.ravel().tolist()
    if dtype == tf.string:
        strings = np.empty(len(flat), object)
        strings[:] = [_bytes(value, name) for value in flat]
        return strings.reshape(array.shape)
    target = np.dtype(dtype.as_numpy_dtype)
    strange = {type(value) for value in flat} - _ACCEPTED.get(target.kind, set())
    if strange:
        found = ", ".join(sorted(_word(kind) for kind in strange))
        raise _invalid(f'Input "{name}": expected {dtype.name} in lists of equal length, found {found}')
    if flat and target.kind in "iu":
        limits = np.iinfo(target)
        if min(flat) < limits.min or max(flat) > limits.max:
            raise _invalid(f'Input "{name}": values outside {limits.min} to {limits.max}')
    try:
        with np.errstate(over="ignore"):
            return array.astype(target)
    except OverflowError:
        raise _invalid(f'Input "{name}": a whole number too large for {dtype.name}') from None


def _word(kind: type) -> str:
    return {list: "list", dict: "object", str: "string", type(None): "null"}.get(kind, kind.__name__)


def _bytes(value: Any, name: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict) or set(value) != {"b64"} or not isinstance(value["b64"], str):
        raise _invalid(f'Input "{name}": expected strings or {{"b64": ...}} in lists of equal length')
    text = value["b64"].rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise _invalid(f'Input "{name}": not base64 of the standard alphabet') from None


def _plain(name: str, array: NDArray[Any]) -> Any:
    """Return an output as nested lists; text, or ``{"b64": ...}`` where the name ends in ``_bytes``."""
    if array.dtype == object:
        convert = _as_base64 if name.endswith("_bytes") else _as_text
        return _map(convert, array.tolist())
    return numbers_to_json(array)


def _map(convert: Callable[[bytes], Any], values: Any) -> Any:
    return [_map(convert, value) for value in values] if isinstance(values, list) else convert(values)


def _as_base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


def _as_text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _invalid(message: str) -> RequestError:
    return RequestError(Reason.INVALID, message)
