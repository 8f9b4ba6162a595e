"""JSON as RapidJSON reads it, which TensorFlow Serving uses: what it accepts, and its messages with byte offsets.

Most bodies are read by the standard library, which is fast. What it refuses, or reads in another way, is read again by
hand here, for the message or for the value.
"""

import json
import re
from typing import Any

from tfspine.server.request_error import RequestError, invalid

_READ_OTHERWISE = re.compile(rb"\\u[dD][89a-fA-F]|[eE]\+?[0-9]{3}|[0-9]{300}|\x00")
"""Surrogates, numbers that may not fit a double, and the end of the text: the standard library is more lenient."""

_SPACE = b" \n\r\t"
_ESCAPES = {ord('"'): '"', ord("\\"): "\\", ord("/"): "/"} | dict(zip(b"bfnrt", "\b\f\n\r\t", strict=True))
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def parse_json(body: bytes) -> Any:
    """Return the value of a body; bytes that are no UTF-8 become lone surrogates, as ``surrogateescape`` makes them.

    Of a key that occurs twice in an object, the first value counts.

    Raises:
        RequestError: the body is no JSON.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        if not _READ_OTHERWISE.search(body):
            return json.loads(body.decode(errors="surrogateescape"), object_pairs_hook=_first_counts)
    except (ValueError, RecursionError):
        pass
    try:
        return _Parser(body).document()
    except RecursionError:
        raise invalid("JSON Parse error: Terminate parsing due to Handler error. The nesting is too deep") from None


def _first_counts(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs)) if len({name for name, _ in pairs}) < len(pairs) else dict(pairs)


class _Parser:
    """Recursive descent in the order of RapidJSON's reader, since that decides message and offset."""

    def __init__(self, text: bytes) -> None:
        self._text = text.removeprefix(b"\xef\xbb\xbf") + b"\x00"
        self._at = 0

    def document(self) -> Any:
        self._skip_space()
        if not self._peek():
            raise self._error("The document is empty.")
        value = self._value()
        self._skip_space()
        if self._peek():
            raise self._error("The document root must not be followed by other values.")
        return value

    def _value(self) -> Any:
        match chr(self._peek()):
            case "{":
                return self._object()
            case "[":
                return self._array()
            case '"':
                return self._string()
            case "n":
                return self._literal(b"null", None)
            case "t":
                return self._literal(b"true", True)
            case "f":
                return self._literal(b"false", False)
            case _:
                return self._number()

    def _object(self) -> dict[str, Any]:
        self._at += 1
        self._skip_space()
        pairs: list[tuple[str, Any]] = []
        if self._consume(b"}"):
            return {}
        while True:
            if self._peek() != ord('"'):
                raise self._error("Missing a name for object member.")
            name = self._string()
            self._skip_space()
            if not self._consume(b":"):
                raise self._error("Missing a colon after a name of object member.")
            self._skip_space()
            pairs.append((name, self._value()))
            self._skip_space()
            if self._consume(b"}"):
                return _first_counts(pairs)
            if not self._consume(b","):
                raise self._error("Missing a comma or '}' after an object member.")
            self._skip_space()

    def _array(self) -> list[Any]:
        self._at += 1
        self._skip_space()
        values: list[Any] = []
        if self._consume(b"]"):
            return values
        while True:
            values.append(self._value())
            self._skip_space()
            if self._consume(b"]"):
                return values
            if not self._consume(b","):
                raise self._error("Missing a comma or ']' after an array element.")
            self._skip_space()

    def _literal(self, word: bytes, value: Any) -> Any:
        for letter in word:
            if self._peek() != letter:
                raise self._error("Invalid value.")
            self._at += 1
        return value

    def _number(self) -> float | int:
        start = self._at
        sign = -1 if self._consume(b"-") else 1
        if self._peek() in b"NI" and self._peek():
            return sign * self._constant()
        self._at = start
        match = _NUMBER.match(self._text, start)
        if not match:
            self._consume(b"-")
            raise self._error("Invalid value.")
        self._at = match.end()
        if match[1] is None and match[2] is None and self._consume(b"."):
            raise self._error("Miss fraction part in number.")
        if match[2] is None and (self._consume(b"e") or self._consume(b"E")):
            self._at += self._peek() in b"+-"
            raise self._error("Miss exponent in number.")
        if match[1] is None and match[2] is None and len(match[0]) < 21:
            return int(match[0])
        value = float(match[0])
        if value in (float("inf"), float("-inf")):
            raise self._error("Number too big to be stored in double.", start)
        return value

    def _constant(self) -> float:
        for word, value in ((b"NaN", "nan"), (b"Infinity", "inf"), (b"Inf", "inf")):
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return float(value)
        raise self._error("Invalid value.")

    def _string(self) -> str:
        self._at += 1
        parts = bytearray()
        while True:
            byte = self._peek()
            if byte == ord('"'):
                self._at += 1
                return parts.decode(errors="surrogateescape")
            if byte == ord("\\"):
                parts += self._escape().encode()
            elif byte == 0:
                raise self._error("Missing a closing quotation mark in string.")
            elif byte < 0x20:
                raise self._error("Invalid encoding in string.")
            else:
                parts.append(byte)
                self._at += 1

    def _escape(self) -> str:
        start = self._at
        kind = self._text[start + 1]
        self._at += 2
        if kind in _ESCAPES:
            return _ESCAPES[kind]
        if kind != ord("u"):
            raise self._error("Invalid escape character in string.", start)
        code = self._hex(start)
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)
        if code > 0xDBFF or not (self._consume(b"\\") and self._consume(b"u")):
            raise self._error("The surrogate pair in string is invalid.", start)
        low = self._hex(start)
        if not 0xDC00 <= low <= 0xDFFF:
            raise self._error("The surrogate pair in string is invalid.", start)
        return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00)

    def _hex(self, start: int) -> int:
        digits = self._text[self._at : self._at + 4]
        if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
            raise self._error("Incorrect hex digit after \\u escape in string.", start)
        self._at += 4
        return int(digits, 16)

    def _peek(self) -> int:
        return self._text[self._at] if self._at < len(self._text) else 0

    def _consume(self, letter: bytes) -> bool:
        found = self._peek() == letter[0]
        self._at += found
        return found

    def _skip_space(self) -> None:
        while self._peek() in _SPACE:
            self._at += 1

    def _error(self, message: str, at: int | None = None) -> RequestError:
        return invalid(f"JSON Parse error: {message} at offset: {self._at if at is None else at}")
