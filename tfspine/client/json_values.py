"""NumPy arrays to the JSON of TensorFlow Serving's column format and back."""

import base64
import binascii
from typing import Any

import numpy as np

from tfspine.client.tensors import STRING, Array, cast
from tfspine.errors import ServerError
from tfspine.signatures import TensorSpec


def to_json(array: Array) -> Any:
    """Return an array as nested lists; bytes as ``{"b64": ...}``, numbers as in `numbers_to_json`."""
    if array.dtype.kind == "O":
        encoded = [{"b64": base64.b64encode(value).decode()} for value in array.ravel()]
        return _nest(encoded, array.shape)
    return numbers_to_json(array)


def numbers_to_json(array: Array) -> Any:
    """Return numbers as nested lists.

    Narrow floats are written in their own shortest form: fewer digits to send, and the same value when read back.
    """
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        return array.astype(str).astype(np.float64).tolist()
    return array.tolist()


def from_json(values: Any, spec: TensorSpec, where: str) -> Array:
    """Return an output as an array of the declared type; base64 is undone where the name ends in ``_bytes``.

    Raises:
        ServerError: the values are not what `spec` declares.
    """
    if spec.dtype == STRING and spec.name.endswith("_bytes"):
        values = _decode(values, where)
    array = cast(values, spec.dtype, where)
    missing = len(spec.shape) - array.ndim
    if array.size == 0 and missing > 0:
        # An empty list does not show the dimensions inside it.
        array = array.reshape(array.shape + tuple(size or 0 for size in spec.shape[-missing:]))
    return array


def _nest(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    if len(shape) == 1:
        return flat
    step = len(flat) // shape[0] if shape[0] else 0
    return [_nest(flat[index * step : (index + 1) * step], shape[1:]) for index in range(shape[0])]


def _decode(values: Any, where: str) -> Any:
    if isinstance(values, list):
        return [_decode(value, where) for value in values]
    try:
        return base64.b64decode(values["b64"], validate=True)
    except (TypeError, KeyError, binascii.Error):
        raise ServerError(f'{where}: expected {{"b64": ...}} in the answer') from None
