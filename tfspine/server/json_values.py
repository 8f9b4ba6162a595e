"""The values of one input in JSON: nested lists of numbers, booleans or strings, as an array of the declared type."""

import base64
import binascii
import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfspine.server import json_text
from tfspine.server.request_error import RequestError, invalid

_FLOAT_MAX = float(np.finfo(np.float32).max)
_EXACT_INTEGERS = {tf.float32: 2**24 - 1, tf.float64: 2**53 - 1}
"""The largest whole number that each float type is given; larger ones would lose their last digits."""

_LIMITS = {
    tf.int8: (-(2**31), 2**31 - 1),
    tf.int16: (-(2**31), 2**31 - 1),
    tf.int32: (-(2**31), 2**31 - 1),
    tf.uint8: (-(2**31), 2**31 - 1),
    tf.int64: (-(2**63), 2**63 - 1),
    tf.uint32: (0, 2**32 - 1),
    tf.uint64: (0, 2**64 - 1),
}
"""What each type accepts. The narrow ones take what an int32 holds and wrap."""


def is_base64(value: Any) -> bool:
    """Whether a value is ``{"b64": "..."}``: a string given as base64."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def read_elements(values: Any, dtype: tf.DType) -> NDArray[Any]:
    """Return nested lists as an array; the first element of each list gives the shape.

    Raises:
        RequestError: ragged lists, or values that are not of the type.
    """
    shape = _shape_of(values)
    flat = _flat_if_plain(values, shape, dtype)
    if flat is None:
        flat = []
        _walk(values, 0, shape, dtype, flat)
    return _as_array(flat, shape, dtype)


@dataclass
class Elements:
    """The rows of one input, which must all have one shape."""

    dtype: tf.DType
    arrays: list[NDArray[Any]] = field(default_factory=list)

    def add(self, values: Any) -> None:
        """Add a row.

        Raises:
            RequestError: values that are not of the type, or another shape than that of the first row.
        """
        array = read_elements(values, self.dtype)
        if self.arrays:
            first = self.arrays[0]
            if first.size != array.size:
                raise invalid(f"Expecting tensor size: {first.size} but got: {array.size}")
            if first.shape != array.shape:
                raise invalid(f"Expecting shape {_shape_text(first)} but got: {_shape_text(array)}")
        self.arrays.append(array)

    def stacked(self) -> NDArray[Any]:
        """Return the rows as one array, rows first."""
        return np.stack(self.arrays)


def _shape_text(array: NDArray[Any]) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _shape_of(values: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(values, list):
        shape.append(len(values))
        if not values:
            break
        values = values[0]
    return tuple(shape)


def _flat_if_plain(values: Any, shape: tuple[int, ...], dtype: tf.DType) -> list[Any] | None:
    """Return the values in order if nothing is wrong with them; None where each must be looked at for the message."""
    flat = [values]
    for size in shape:
        if not all(isinstance(item, list) and len(item) == size for item in flat):
            return None
        flat = list(itertools.chain.from_iterable(flat))
    kinds = set(map(type, flat))
    if dtype == tf.bool:
        return flat if kinds <= {bool} else None
    if dtype == tf.string:
        return [item.encode(errors="surrogateescape") for item in flat] if kinds <= {str} else None
    if dtype in _LIMITS and kinds <= {int}:
        low, high = _LIMITS[dtype]
        return flat if not flat or (min(flat) >= low and max(flat) <= high) else None
    if dtype in _EXACT_INTEGERS and kinds <= {int, float}:
        limit = min(_EXACT_INTEGERS[dtype], int(_FLOAT_MAX))
        return flat if not flat or bool(np.all(np.abs(np.asarray(flat, np.float64)) <= limit)) else None
    return None


def _walk(values: Any, level: int, shape: tuple[int, ...], dtype: tf.DType, flat: list[Any]) -> None:
    if not isinstance(values, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {json_text.pretty(values)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        flat.append(_value(values, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(values) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(values)} at level: {level} expected size: {shape[level]}"
        )
    for item in values:
        _walk(item, level + 1, shape, dtype, flat)


def _value(value: Any, dtype: tf.DType) -> Any:
    if isinstance(value, dict):
        if dtype != tf.string:
            raise _type_error(value, dtype)
        return _decoded(value)
    if dtype == tf.string:
        if not isinstance(value, str):
            raise _type_error(value, dtype)
        return value.encode(errors="surrogateescape")
    if dtype == tf.bool:
        if not isinstance(value, bool):
            raise _type_error(value, dtype)
        return value
    if dtype in _LIMITS:
        low, high = _LIMITS[dtype]
        if type(value) is not int or not low <= value <= high:
            raise _type_error(value, dtype)
        return value
    if dtype in _EXACT_INTEGERS:
        return _float(value, dtype)
    raise RequestError(
        grpc.StatusCode.UNIMPLEMENTED,
        f"Conversion of JSON Value: {json_text.pretty(value)} to type: {cpp_name(dtype)}",
    )


def _float(value: Any, dtype: tf.DType) -> float:
    if type(value) not in (int, float):
        raise _type_error(value, dtype)
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        exact = abs(value) <= _EXACT_INTEGERS[dtype]
    else:
        exact = not math.isfinite(value) or dtype == tf.float64 or abs(value) <= _FLOAT_MAX
    if not exact:
        raise invalid(
            f"Cannot convert JSON value: {json_text.pretty(value)} to {cpp_name(dtype)} without loss of precision."
        )
    return float(value)


def _decoded(value: dict[str, Any]) -> bytes:
    if not is_base64(value):
        raise invalid(f"JSON Value: {json_text.pretty(value)} not formatted correctly for base64 data")
    text = "".join(value["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise invalid("Unable to base64 decode") from None


def _as_array(flat: list[Any], shape: tuple[int, ...], dtype: tf.DType) -> NDArray[Any]:
    if dtype == tf.string:
        strings = np.empty(len(flat), object)
        strings[:] = flat
        return strings.reshape(shape)
    if not flat:
        return np.zeros(shape, dtype.as_numpy_dtype)
    wide = {tf.uint64: np.uint64, tf.float32: np.float64, tf.float64: np.float64, tf.bool: np.bool_}.get(
        dtype, np.int64
    )
    return np.array(flat, wide).astype(dtype.as_numpy_dtype).reshape(shape)


def _type_error(value: Any, dtype: tf.DType) -> RequestError:
    return invalid(
        f"JSON Value: {json_text.pretty(value)} Type: {type_name(value)} is not of expected type: {cpp_name(dtype)}"
    )


def type_name(value: Any) -> str:
    """Return how RapidJSON calls the type of a value."""
    if isinstance(value, bool):
        return str(value)
    names = {type(None): "Null", str: "String", int: "Number", float: "Number", list: "Array", dict: "Object"}
    return names[type(value)]


def cpp_name(dtype: tf.DType) -> str:
    """Return a type's name in the C++ runtime, which differs from Python's for some."""
    return {"float32": "float", "float64": "double", "float16": "half"}.get(dtype.name, str(dtype.name))
