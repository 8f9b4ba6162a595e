"""JSON as RapidJSON prints it: replies, errors, and the values of a request that errors quote.

Four spaces a level. Of the rows of a reply only the outer list and its objects are broken into lines.
"""

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

_INDENT = "    "
_FLOAT_MAX = float(np.finfo(np.float32).max)
_CONTROL = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

Values = Any
"""A text that stands as it is, or a list of such."""


def quoted(text: str) -> str:
    """Return a string as JSON; only quotes, backslashes and control characters are escaped."""
    return '"' + _CONTROL.sub(lambda match: _SHORT.get(match[0], f"\\u{ord(match[0]):04X}"), text) + '"'


def decimal(value: float, kind: type[np.floating[Any]] = np.float32) -> str:
    """Return a float in six digits if these give the same value of its type, else in 9 (float32) or 17 (float64)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    with np.errstate(over="ignore"):
        is_exact = kind(text) == value
    if not is_exact:
        text = f"{value:.{9 if kind is np.float32 else 17}g}"
    return text if "." in text or "e" in text else f"{text}.0"


def error_body(message: str) -> bytes:
    """Return the body of a refusal."""
    return f'{{\n{_INDENT}"error": {quoted(message)}\n}}'.encode(errors="surrogateescape")


def wrapped(key: str, content: str) -> bytes:
    """Return an object of one key as the body of a reply."""
    return f"{{\n{_INDENT}{quoted(key)}: {content}\n}}".encode(errors="surrogateescape")


def broken(values: Values, level: int = 1) -> str:
    """Return nested lists of texts, each element in a line of its own."""
    if not isinstance(values, list):
        return str(values)
    return _lines("[", (broken(value, level + 1) for value in values), "]", level)


def single_line(values: Values) -> str:
    """Return nested lists of texts in one line."""
    return f"[{', '.join(map(single_line, values))}]" if isinstance(values, list) else str(values)


def rows(values: Iterable[Values]) -> str:
    """Return the list of the rows of a single output: in one line, and the closing bracket in the next."""
    line = ", ".join(map(single_line, values))
    return f"[{line}\n{_INDENT}]" if line else "[]"


def object_rows(items: Iterable[Mapping[str, Values]]) -> str:
    """Return the list of the rows of several outputs: an object each, one output a line."""
    return _lines("[", (_members(item, single_line, 2) for item in items), "]", 1)


def columns(outputs: Mapping[str, Values]) -> str:
    """Return several outputs as one object, each element in a line of its own."""
    return _members(outputs, lambda values: broken(values, 2), 1)


def pretty(value: Any) -> str:
    """Return a value of a request as messages quote it; NaN inside a list or object ends the text, as in RapidJSON."""
    if isinstance(value, float):
        return decimal(value, np.float32 if abs(value) <= _FLOAT_MAX else np.float64)
    parts: list[str] = []
    with contextlib.suppress(_NotPrintableError):
        _print(value, 0, parts)
    return "".join(parts)


class _NotPrintableError(Exception):
    """NaN or Infinity, where RapidJSON's writer stops."""


def _print(value: Any, level: int, parts: list[str]) -> None:
    if isinstance(value, (list, dict)):
        first, last = ("[", "]") if isinstance(value, list) else ("{", "}")
        parts.append(first)
        items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
        for number, (name, item) in enumerate(items):
            parts.append(("," if number else "") + "\n" + _INDENT * (level + 1))
            if name is not None:
                parts.append(f"{quoted(name)}: ")
            _print(item, level + 1, parts)
        parts.append(f"\n{_INDENT * level}{last}" if value else last)
    else:
        parts.append(_leaf(value))


def _leaf(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float) or (isinstance(value, int) and not -(2**63) <= value < 2**64):
        return _shortest(float(value))
    return json.dumps(value)


def _shortest(value: float) -> str:
    """Return a double as RapidJSON's writer does: the shortest digits, plain up to 21 places, no plus in exponents."""
    if not math.isfinite(value):
        raise _NotPrintableError
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if value == 0:
        body = "0.0"
    elif int(exponent) >= 0 and point <= 21:
        body = f"{text}{'0' * int(exponent)}.0"
    elif 0 < point <= 21:
        body = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        body = f"0.{'0' * -point}{text}"
    else:
        body = f"{text[0]}{'.' if text[1:] else ''}{text[1:]}e{point - 1}"
    return f"-{body}" if sign else body


def _members(items: Mapping[str, Values], show: Callable[[Values], str], level: int) -> str:
    return _lines("{", (f"{quoted(name)}: {show(values)}" for name, values in items.items()), "}", level)


def _lines(first: str, items: Iterable[str], last: str, level: int) -> str:
    indent = "\n" + _INDENT * (level + 1)
    body = ",".join(indent + item for item in items)
    return f"{first}{body}\n{_INDENT * level}{last}" if body else first + last
