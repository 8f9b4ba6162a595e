"""Answers in the JSON of TensorFlow Serving: rows (`predictions`) and columns (`outputs`), laid out as it does.

Floats are written with six digits where these read back as the same value, else with nine (float64: 15 and 17). The
layout is RapidJSON's; within `predictions`, lists are written on one line (docs/serving.md, Messages).
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfspine.server.request_error import Reason, RequestError

INDENT = "    "


def write_outputs(outputs: Mapping[str, NDArray[Any]], *, in_rows: bool) -> bytes:
    """Return the body of an answer.

    Args:
        outputs: by name; they are written in the order of their names, a single one without its name.
        in_rows: whether to write `predictions`, one value or object a row, or `outputs`, one a name.

    Raises:
        RequestError: rows are wanted and the outputs do not share their first dimension.
    """
    ordered = dict(sorted(outputs.items()))
    text = _rows(ordered) if in_rows else _columns(ordered)
    return text.encode(errors="surrogateescape")


def _rows(outputs: Mapping[str, NDArray[Any]]) -> str:
    batch = None
    for name, array in outputs.items():
        if not array.ndim:
            raise RequestError(Reason.INVALID, f"Tensor name: {name} has no shape information ")
        if batch is not None and len(array) != batch:
            raise RequestError(
                Reason.INVALID, f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}"
            )
        batch = len(array)
    if not batch:
        return f'{{\n{INDENT}"predictions": []\n}}'
    columns = {name: [_line(value) for value in _words(name, array)] for name, array in outputs.items()}
    if len(columns) == 1:
        [rows] = columns.values()
        return f'{{\n{INDENT}"predictions": [{", ".join(rows)}\n{INDENT}]\n}}'
    objects = (_named(dict(zip(columns, row, strict=True)), depth=2) for row in zip(*columns.values(), strict=True))
    inner = f",\n{INDENT * 2}".join(objects)
    return f'{{\n{INDENT}"predictions": [\n{INDENT * 2}{inner}\n{INDENT}]\n}}'


def _columns(outputs: Mapping[str, NDArray[Any]]) -> str:
    depth = 1 if len(outputs) == 1 else 2
    columns = {name: _block(_words(name, array), depth) for name, array in outputs.items()}
    inner = next(iter(columns.values())) if len(columns) == 1 else _named(columns, depth=1)
    return f'{{\n{INDENT}"outputs": {inner}\n}}'


def _named(parts: Mapping[str, str], *, depth: int) -> str:
    inner = INDENT * (depth + 1)
    members = f",\n{inner}".join(f"{json.dumps(name)}: {part}" for name, part in parts.items())
    return f"{{\n{inner}{members}\n{INDENT * depth}}}"


def _line(words: Any) -> str:
    """Return nested lists of words on one line."""
    return f"[{', '.join(map(_line, words))}]" if isinstance(words, list) else words


def _block(words: Any, depth: int) -> str:
    """Return nested lists of words, one word a line."""
    if not isinstance(words, list):
        return str(words)
    if not words:
        return "[]"
    inner = INDENT * (depth + 1)
    return "[\n" + ",\n".join(inner + _block(item, depth + 1) for item in words) + f"\n{INDENT * depth}]"


def _words(name: str, array: NDArray[Any]) -> Any:
    """Return the values of an output as words of JSON in nested lists, or one word."""
    if array.dtype == object:
        convert: Callable[[Any], str] = _base64 if name.endswith("_bytes") else _string
    elif array.dtype.kind == "f" or array.dtype.kind == "V":
        convert = _double if array.dtype == np.float64 else _float
    elif array.dtype.kind == "b":
        convert = _bool
    else:
        convert = str
    words = np.empty(array.size, object)
    words[:] = [convert(value) for value in array.ravel().tolist()]
    return words.reshape(array.shape).tolist()


def _base64(value: bytes) -> str:
    encoded = base64.b64encode(value).decode()
    return f'{{"b64": "{encoded}"}}'


def _string(value: bytes) -> str:
    return json.dumps(value.decode(errors="surrogateescape"), ensure_ascii=False)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _float(value: float) -> str:
    return _decimal(value, ("%.6g", "%.9g"), np.float32)


def _double(value: float) -> str:
    return _decimal(value, ("%.15g", "%.17g"), np.float64)


def _decimal(value: float, formats: tuple[str, str], kind: type) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    text = formats[0] % value
    if kind(text) != kind(value):
        text = formats[1] % value
    return text if any(mark in text for mark in ".e") else f"{text}.0"
