"""JSON as RapidJSON reads and writes it, which TensorFlow Serving uses: its error messages, its numbers, its layout.

Python's parser reads the body. Only where it refuses it, or could accept what RapidJSON refuses, a slow parser looks
for the place and the words of RapidJSON's error (rapidjson/error/en.h, rapidjson/reader.h). Text is kept as it came:
bytes that are not UTF-8 become surrogates (`surrogateescape`), and bytes again when they are written.
"""

import json
import math
import re
from typing import Any, NoReturn

DOCUMENT_EMPTY = "The document is empty"
ROOT_NOT_SINGULAR = "The document root must not be followed by other values."
VALUE_INVALID = "Invalid value."
MISS_NAME = "Missing a name for object member."
MISS_COLON = "Missing a colon after a name of object member."
MISS_COMMA_OR_BRACE = "Missing a comma or '}' after an object member."
MISS_COMMA_OR_BRACKET = "Missing a comma or ']' after an array element."
HEX_INVALID = "Incorrect hex digit after \\u escape in string."
SURROGATE_INVALID = "The surrogate pair in string is invalid."
ESCAPE_INVALID = "Invalid escape character in string."
MISS_QUOTE = "Missing a closing quotation mark in string."
ENCODING_INVALID = "Invalid encoding in string."
NUMBER_TOO_BIG = "Number too big to be stored in double."
MISS_FRACTION = "Miss fraction part in number."
MISS_EXPONENT = "Miss exponent in number."

DEEPEST = 256
"""Levels of nesting after which a body is refused: no tensor has as many, and recursion ends there."""

_SUSPECT = re.compile(rb"\\u[dD][89a-fA-F]|[0-9]{309}|[eE]\+?[0-9]{3}")
"""What Python's parser accepts without a look: single surrogates, and numbers beyond float64."""

_SPACE = b" \t\n\r"
_ESCAPES = b'"\\/bfnrt'
_NUMBER = re.compile(rb"-?(?:NaN|Inf(?:inity)?)")


class JsonError(ValueError):
    """A body that is not JSON; the message is RapidJSON's, with the offset in bytes."""


def parse(body: bytes) -> Any:
    """Return the value of a body; of equal keys of an object the first counts.

    Raises:
        JsonError: it is not JSON.
    """
    if not body:
        raise JsonError(DOCUMENT_EMPTY)
    if _SUSPECT.search(body):
        _Finder(body).check()
    try:
        return json.loads(body.decode(errors="surrogateescape"), object_pairs_hook=_first_wins)
    except (ValueError, RecursionError) as error:
        _Finder(body).check()
        raise JsonError(f"{VALUE_INVALID} at offset: {getattr(error, 'pos', 0)}") from None


def pretty(value: Any, *, depth: int = 0) -> str:
    """Return a value as RapidJSON's PrettyWriter lays it out: four spaces a level, one element a line."""
    inner, outer = "    " * (depth + 1), "    " * depth
    if isinstance(value, dict) and value:
        members = (f"{inner}{_text(name)}: {pretty(item, depth=depth + 1)}" for name, item in value.items())
        return "{\n" + ",\n".join(members) + f"\n{outer}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + pretty(item, depth=depth + 1) for item in value) + f"\n{outer}]"
    if isinstance(value, float):
        return _shortest(value)
    return _text(value)


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _shortest(value: float) -> str:
    """Return a float as RapidJSON's dtoa: shortest digits, without an exponent from 1e-6 to 1e21."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    digits, exponent = f"{value!r}".lower().partition("e")[::2]
    if not exponent:
        return digits
    number = int(exponent)
    if -7 < number < 21:
        plain = f"{value:.{max(0, len(digits.replace('-', '').replace('.', '')) - 1 - number)}f}"
        return plain if "." in plain else f"{plain}.0"
    return f"{digits.removesuffix('.0')}e{number}"


class _Finder:
    """Reads a body as RapidJSON does, to find its first error."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def check(self) -> None:
        """Read the whole body.

        Raises:
            JsonError: there is an error.
        """
        self._skip()
        if self._at == len(self._body):
            self._fail(f"{DOCUMENT_EMPTY}.")
        self._value(0)
        self._skip()
        if self._at < len(self._body):
            self._fail(ROOT_NOT_SINGULAR)

    def _fail(self, words: str, at: int | None = None) -> NoReturn:
        raise JsonError(f"{words} at offset: {self._at if at is None else at}")

    def _peek(self) -> bytes:
        return self._body[self._at : self._at + 1]

    def _skip(self) -> None:
        while self._peek() and self._peek() in _SPACE:
            self._at += 1

    def _take(self, byte: bytes) -> bool:
        if self._peek() != byte:
            return False
        self._at += 1
        return True

    def _value(self, depth: int) -> None:
        if depth > DEEPEST:
            self._fail(VALUE_INVALID)
        match self._peek():
            case b"{":
                self._object(depth)
            case b"[":
                self._array(depth)
            case b'"':
                self._string()
            case b"t" | b"f" | b"n" as first:
                self._word({b"t": b"true", b"f": b"false", b"n": b"null"}[first])
            case _:
                self._number()

    def _word(self, word: bytes) -> None:
        for byte in word:
            if not self._take(bytes([byte])):
                self._fail(VALUE_INVALID)

    def _object(self, depth: int) -> None:
        self._at += 1
        self._skip()
        if self._take(b"}"):
            return
        while True:
            if self._peek() != b'"':
                self._fail(MISS_NAME)
            self._string()
            self._skip()
            if not self._take(b":"):
                self._fail(MISS_COLON)
            self._skip()
            self._value(depth + 1)
            self._skip()
            if self._take(b"}"):
                return
            if not self._take(b","):
                self._fail(MISS_COMMA_OR_BRACE)
            self._skip()

    def _array(self, depth: int) -> None:
        self._at += 1
        self._skip()
        if self._take(b"]"):
            return
        while True:
            self._value(depth + 1)
            self._skip()
            if self._take(b"]"):
                return
            if not self._take(b","):
                self._fail(MISS_COMMA_OR_BRACKET)
            self._skip()

    def _string(self) -> None:
        self._at += 1
        while True:
            byte = self._peek()
            if byte == b"\\":
                self._escape()
            elif byte == b'"':
                self._at += 1
                return
            elif byte in (b"", b"\0"):
                self._fail(MISS_QUOTE)
            elif byte < b" ":
                self._fail(ENCODING_INVALID)
            else:
                self._at += 1

    def _escape(self) -> None:
        start = self._at
        self._at += 1
        if self._take(b"u"):
            first = self._hex(start)
            if 0xD800 <= first <= 0xDFFF:
                is_pair = first <= 0xDBFF and self._take(b"\\") and self._take(b"u")
                if not is_pair or not 0xDC00 <= self._hex(start) <= 0xDFFF:
                    self._fail(SURROGATE_INVALID, start)
        elif self._peek() and self._peek() in _ESCAPES:
            self._at += 1
        else:
            self._fail(ESCAPE_INVALID, start)

    def _hex(self, start: int) -> int:
        digits = self._body[self._at : self._at + 4]
        if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
            self._fail(HEX_INVALID, start)
        self._at += 4
        return int(digits, 16)

    def _digits(self) -> bool:
        start = self._at
        while self._peek().isdigit():
            self._at += 1
        return self._at > start

    def _number(self) -> None:
        start = self._at
        if named := _NUMBER.match(self._body, start):
            self._at = named.end()
            return
        self._take(b"-")
        if not self._take(b"0") and not self._digits():
            self._fail(VALUE_INVALID)
        if self._take(b".") and not self._digits():
            self._fail(MISS_FRACTION)
        if self._take(b"e") or self._take(b"E"):
            if not self._take(b"+"):
                self._take(b"-")
            if not self._digits():
                self._fail(MISS_EXPONENT)
        if math.isinf(float(self._body[start : self._at])):
            self._fail(NUMBER_TOO_BIG, start)
