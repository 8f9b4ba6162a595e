"""NumPy arrays to TensorProto and back, without TensorFlow.

Arrays are sent as `tensor_content`, little endian; what comes back may use `tensor_content` or the typed fields, since
TensorFlow Serving answers in either (docs/serving.md, gRPC). Types have NumPy's names; text and files are ``string``:
arrays of bytes objects.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.client.wire import serving_pb2 as wire
from tfspine.errors import ServerError

Array = NDArray[Any]

STRING = "string"


@dataclass(frozen=True)
class _Encoding:
    """How one type travels: its number in `DataType` and its typed field."""

    number: int
    field: str


_ENCODINGS: dict[str, _Encoding] = {
    "float32": _Encoding(wire.DT_FLOAT, "float_val"),
    "float64": _Encoding(wire.DT_DOUBLE, "double_val"),
    "float16": _Encoding(wire.DT_HALF, "half_val"),
    "int8": _Encoding(wire.DT_INT8, "int_val"),
    "int16": _Encoding(wire.DT_INT16, "int_val"),
    "int32": _Encoding(wire.DT_INT32, "int_val"),
    "int64": _Encoding(wire.DT_INT64, "int64_val"),
    "uint8": _Encoding(wire.DT_UINT8, "int_val"),
    "uint16": _Encoding(wire.DT_UINT16, "int_val"),
    "uint32": _Encoding(wire.DT_UINT32, "uint32_val"),
    "uint64": _Encoding(wire.DT_UINT64, "uint64_val"),
    "bool": _Encoding(wire.DT_BOOL, "bool_val"),
    STRING: _Encoding(wire.DT_STRING, "string_val"),
}
_NAMES: dict[int, str] = {encoding.number: name for name, encoding in _ENCODINGS.items()}


def dtype_name(number: int) -> str:
    """Return the NumPy name of a `DataType` number, or ``DT_`` and the number where no client can send that type."""
    return _NAMES.get(number, f"DT_{number}")


def typed_field(name: str) -> str:
    """Return the typed field of a TensorProto for values of a type; empty where no client can send that type."""
    return _ENCODINGS[name].field if name in _ENCODINGS else ""


def to_proto(array: Array) -> wire.TensorProto:
    """Return an array of any shape as a TensorProto.

    Raises:
        ServerError: the array's type does not travel.
    """
    name = STRING if array.dtype.kind in "OSU" else array.dtype.name
    if name not in _ENCODINGS:
        raise ServerError(f"arrays of type {name} cannot be sent; expected one of {', '.join(_ENCODINGS)}")
    proto = wire.TensorProto(dtype=_ENCODINGS[name].number)
    proto.tensor_shape.dim.extend(wire.TensorShapeProto.Dim(size=size) for size in array.shape)
    if name == STRING:
        proto.string_val.extend(_as_bytes(value) for value in array.ravel().tolist())
    else:
        proto.tensor_content = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return proto


def from_proto(proto: wire.TensorProto) -> Array:
    """Return the array that a TensorProto holds; strings as an array of bytes objects.

    A typed field may be shorter than the tensor: its last value then fills the rest, and an empty field means zeros
    (tensorflow/core/framework/tensor.proto).

    Raises:
        ServerError: the type is unknown here, or shape and content disagree.
    """
    if proto.dtype not in _NAMES:
        raise ServerError(f"a tensor came back with type number {proto.dtype}; expected one of {', '.join(_ENCODINGS)}")
    name = _NAMES[proto.dtype]
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ServerError("a tensor came back without a complete shape")
    if proto.tensor_content and name != STRING:
        return _from_content(proto.tensor_content, name, shape)
    return _from_field(list(getattr(proto, _ENCODINGS[name].field)), name, shape)


def cast(values: ArrayLike, dtype: str, where: str) -> Array:
    """Return `values` as an array of `dtype`, refusing whatever would change on the way.

    TensorFlow Serving wraps narrow integers (uint8 256 becomes 0), so the ranges are checked here. Whole numbers may
    become floats; floats, truth values and text never become whole numbers.

    Args:
        values: an array or nested lists; bytes or text for ``string``.
        dtype: the type that the signature declares.
        where: what the values are for, to begin an error with.

    Raises:
        ServerError: the type is another or a value lies outside the range.
    """
    if dtype not in _ENCODINGS:
        raise ServerError(f"{where}: the server expects {dtype}, which this client cannot send")
    try:
        array = np.asarray(values, object if dtype == STRING else None)
    except ValueError:
        raise ServerError(f"{where}: nested lists of unequal length; expected a full array") from None
    if dtype == STRING:
        return _cast_strings(array, where)
    target = np.dtype(dtype)
    if array.size == 0:
        return np.zeros(array.shape, target)
    # Beyond 2**63 NumPy makes floats, which lose digits, of a list that holds smaller numbers too.
    if target.kind in "iu" and array.dtype.kind in "fO" and _is_whole(exact := np.asarray(values, object)):
        array = exact
    elif array.dtype.kind not in {"b": "b", "f": "iuf"}.get(target.kind, "iu"):
        raise ServerError(f"{where}: values of type {array.dtype}; expected {dtype}")
    if target.kind in "iu":
        _check_range(array, np.iinfo(target), where)
    with np.errstate(over="ignore"):
        result = array.astype(target)
    if target.kind == "f" and np.any(np.isinf(result) & np.isfinite(array)):
        raise ServerError(f"{where}: a value is too large for {dtype}")
    return result


def _is_whole(array: Array) -> bool:
    return all(type(value) is int for value in array.flat)


def _check_range(array: Array, limits: "np.iinfo[np.signedinteger]", where: str) -> None:
    lowest, highest = int(array.min()), int(array.max())
    if lowest < limits.min or highest > limits.max:
        outside = lowest if lowest < limits.min else highest
        raise ServerError(f"{where}: value {outside}; expected {limits.dtype}, {limits.min} to {limits.max}")


def _cast_strings(array: Array, where: str) -> Array:
    flat = np.empty(array.size, object)
    for index, value in enumerate(array.ravel().tolist()):
        if not isinstance(value, bytes | str):
            raise ServerError(f"{where}: a value of type {type(value).__name__}; expected bytes")
        flat[index] = _as_bytes(value)
    return flat.reshape(array.shape)


def _as_bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _from_content(content: bytes, name: str, shape: tuple[int, ...]) -> Array:
    dtype = np.dtype(name).newbyteorder("<")
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise ServerError(f"a {name} tensor of shape {shape} came back with {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(shape).astype(np.dtype(name))


def _from_field(values: list[object], name: str, shape: tuple[int, ...]) -> Array:
    size = math.prod(shape)
    if len(values) > size:
        raise ServerError(f"a {name} tensor of shape {shape} came back with {len(values)} values")
    zero: object = b"" if name == STRING else 0
    values += [values[-1] if values else zero] * (size - len(values))
    if name == STRING:
        flat = np.empty(size, object)
        flat[:] = values
        return flat.reshape(shape)
    if name == "float16":
        return np.array(values, np.uint16).view(np.float16).reshape(shape)
    return np.array(values, np.dtype(name)).reshape(shape)
