"""Requests in the JSON of TensorFlow Serving: rows (`instances`) and columns (`inputs`), with its own messages.

What is checked, in which order, and in which words is that of TensorFlow Serving (util/json_tensor.cc; recorded in
docs/serving.md, Messages).
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tfspine.server.rapid_json import JsonError, parse, pretty
from tfspine.server.request_error import Reason, RequestError

B64 = "b64"

_SHARED_RANGE = (-(2**31), 2**31 - 1)
"""Narrow integers are read as 32 bits and then wrap: uint8 256 becomes 0."""

_RANGES = {
    **dict.fromkeys((tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32), _SHARED_RANGE),
    tf.uint32: (0, 2**32 - 1),
    tf.int64: (-(2**63), 2**63 - 1),
    tf.uint64: (0, 2**64 - 1),
}


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
        RequestError: it is not a JSON object, or `signature_name` is not a string.
    """
    try:
        content = parse(body)
    except JsonError as error:
        raise _invalid(f"JSON Parse error: {error}") from None
    if not isinstance(content, dict):
        raise _invalid(f"JSON Value: {pretty(content)} Is not object")
    signature = content.get("signature_name", "")
    if not isinstance(signature, str):
        raise _invalid(
            f"JSON Value: {pretty(content)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return JsonRequest(signature, content)


def read_inputs(request: JsonRequest, definition: meta_graph_pb2.SignatureDef) -> dict[str, NDArray[Any]]:
    """Return the inputs as arrays of the types that the signature declares; inputs with defaults may be missing.

    Raises:
        RequestError: neither or both formats, wrong names, ragged lists, or values of another type.
    """
    content = request.content
    if "instances" in content and "inputs" in content:
        raise _invalid(
            f"JSON Value: {pretty(content)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys "
            "to exist "
        )
    dtypes = {name: tf.dtypes.as_dtype(info.dtype) for name, info in sorted(definition.inputs.items())}
    if "instances" in content:
        return _read_rows(content["instances"], dtypes, optional=set(definition.defaults))
    if "inputs" in content:
        return _read_columns(content["inputs"], dtypes, optional=set(definition.defaults))
    raise _invalid("Missing 'inputs' or 'instances' key")


def _read_rows(instances: Any, dtypes: Mapping[str, tf.DType], *, optional: set[str]) -> dict[str, NDArray[Any]]:
    if not isinstance(instances, list):
        raise _invalid(f"JSON Value: {pretty(instances)} Expecting 'instances' to be an list/array")
    if not instances:
        raise _invalid("JSON Value: [] No values in 'instances' array")
    if _is_object(instances[0]):
        return _read_named_rows(instances, dtypes, optional)
    if len(dtypes) > 1:
        raise _invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    for number, row in enumerate(instances):
        if _is_object(row):
            raise _invalid(f"Expecting value/list but got object at item {number} of input list")
    [(name, dtype)] = dtypes.items()
    return {name: _stack(instances, dtype, "Failed to process element: {} of 'instances' list. Error: ")}


def _read_named_rows(
    instances: Sequence[Any], dtypes: Mapping[str, tf.DType], optional: set[str]
) -> dict[str, NDArray[Any]]:
    required, sent = set(dtypes) - optional, set(instances[0])
    for number, row in enumerate(instances):
        if not _is_object(row):
            raise _invalid(f"Expecting object but got list at item {number} of input list")
        if not required <= set(row) <= set(dtypes) or set(row) != sent:
            raise _invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {pretty(row)} keys must be "
                f"equal to: {','.join(dtypes)}"
            )
    return {
        name: _stack(
            [row[name] for row in instances],
            dtype,
            f"Failed to process element: {{}} key: {name} of 'instances' list. Error: ",
        )
        for name, dtype in dtypes.items()
        if name in sent
    }


def _read_columns(inputs: Any, dtypes: Mapping[str, tf.DType], *, optional: set[str]) -> dict[str, NDArray[Any]]:
    if not _is_object(inputs):
        if len(dtypes) > 1:
            raise _invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        [(name, dtype)] = dtypes.items()
        return {name: _tensor(inputs, dtype)}
    for name in dtypes:
        if name not in inputs and name not in optional:
            raise _invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _tensor(inputs[name], dtype) for name, dtype in dtypes.items() if name in inputs}


def _is_object(value: Any) -> bool:
    """Whether a value has named parts; ``{"b64": "..."}`` is a string, not an object."""
    return isinstance(value, dict) and not (set(value) == {B64} and isinstance(value[B64], str))


def _stack(rows: Sequence[Any], dtype: tf.DType, failed: str) -> NDArray[Any]:
    """Return the rows [N, ...] of one input; `failed` has a place for the number of the row that fails."""
    whole = _dense(rows, dtype)
    if whole is not None:
        return whole
    arrays: list[NDArray[Any]] = []
    for number, row in enumerate(rows):
        try:
            array = _tensor(row, dtype)
            if arrays and array.size != arrays[0].size:
                raise _invalid(f"Expecting tensor size: {arrays[0].size} but got: {array.size}")
            if arrays and array.shape != arrays[0].shape:
                raise _invalid(f"Expecting shape {_shape(arrays[0])} but got: {_shape(array)}")
        except RequestError as error:
            raise _invalid(f"{failed.format(number)}{error.reason.grpc_code.name}: {error}") from None
        arrays.append(array)
    return np.stack(arrays)


def _shape(array: NDArray[Any]) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _tensor(value: Any, dtype: tf.DType) -> NDArray[Any]:
    """Return a value or nested lists as an array, or say what is wrong in the first place where something is."""
    whole = _dense(value, dtype)
    if whole is not None:
        return whole
    shape: list[int] = []
    part = value
    while isinstance(part, list):
        shape.append(len(part))
        if not part:
            break
        part = part[0]
    flat: list[Any] = []
    _fill(value, 0, shape, dtype, flat)
    return _array(flat, dtype, shape)


def _fill(value: Any, level: int, shape: Sequence[int], dtype: tf.DType, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise _invalid(
                f"JSON Value: {pretty(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        flat.append(_leaf(value, dtype))
        return
    if level >= len(shape):
        raise _invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise _invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _fill(item, level + 1, shape, dtype, flat)


def _dense(value: Any, dtype: tf.DType) -> NDArray[Any] | None:
    """Return regular lists of plain numbers as an array, quickly; None where anything needs a closer look."""
    if dtype == tf.string or dtype not in (tf.float32, tf.float64, tf.bool, *_RANGES):
        return None
    shape, flat = [], [value]
    while flat and type(flat[0]) is list:
        size = len(flat[0])
        if any(type(item) is not list or len(item) != size for item in flat):
            return None
        shape.append(size)
        flat = list(chain.from_iterable(flat))
    kinds = set(map(type, flat))
    if dtype == tf.bool:
        return _array(flat, dtype, shape) if kinds <= {bool} else None
    if dtype in (tf.float32, tf.float64):
        return _array(flat, dtype, shape) if kinds <= {int, float} else None
    low, high = _RANGES[dtype]
    if not kinds <= {int} or (flat and (min(flat) < low or max(flat) > high)):
        return None
    return _array(flat, dtype, shape)


def _array(flat: Sequence[Any], dtype: tf.DType, shape: Sequence[int]) -> NDArray[Any]:
    if dtype == tf.string:
        strings = np.empty(len(flat), object)
        strings[:] = flat
        return strings.reshape(shape)
    if dtype in _RANGES:
        wide = np.array(flat, np.uint64 if dtype == tf.uint64 else np.int64)
        return wide.astype(dtype.as_numpy_dtype).reshape(shape)
    if dtype == tf.bool:
        return np.array(flat, bool).reshape(shape)
    with np.errstate(over="ignore"):
        return np.array([float(number) for number in flat], np.float64).astype(dtype.as_numpy_dtype).reshape(shape)


def _leaf(value: Any, dtype: tf.DType) -> Any:
    if dtype == tf.string:
        return _bytes(value)
    if dtype in _RANGES:
        low, high = _RANGES[dtype]
        is_right = type(value) is int and low <= value <= high
    elif dtype == tf.bool:
        is_right = type(value) is bool
    elif dtype in (tf.float32, tf.float64):
        is_right = type(value) in (int, float)
    else:
        raise RequestError(
            Reason.UNIMPLEMENTED, f"Conversion of JSON Value: {pretty(value)} to type: {_name_of(dtype)}"
        )
    if not is_right:
        raise _of_type(value, dtype)
    return value


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    if not isinstance(value, dict):
        raise _of_type(value, tf.string)
    if B64 not in value:
        raise _invalid(f"JSON object: does not have named input: {B64}")
    text = value[B64]
    if not isinstance(text, str):
        raise _of_type(value, tf.string)
    stripped = text.rstrip("=")
    try:
        return base64.b64decode(stripped + "=" * (-len(stripped) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise _invalid("Unable to base64 decode") from None


def _of_type(value: Any, dtype: tf.DType) -> RequestError:
    return _invalid(f"JSON Value: {pretty(value)} Type: {_kind(value)} is not of expected type: {_name_of(dtype)}")


def _kind(value: Any) -> str:
    """Return RapidJSON's name of a value's type."""
    match value:
        case bool():
            return str(value)
        case int() | float():
            return "Number"
        case str():
            return "String"
        case list():
            return "Array"
        case dict():
            return "Object"
        case _:
            return "Null"


def _name_of(dtype: tf.DType) -> str:
    """Return TensorFlow's C++ name of a type, for example ``float`` and ``half``."""
    return str(types_pb2.DataType.Name(dtype.as_datatype_enum)).removeprefix("DT_").lower()


def _invalid(message: str) -> RequestError:
    return RequestError(Reason.INVALID, message)
