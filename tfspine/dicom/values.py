"""Values of single attributes, read tolerantly, as real files often deviate from the standard.

A value longer than its representation allows (PS3.5 6.2: 16 characters for DS and CS, 64 for LO and UI) is read anyway.
So is a decimal comma, which is unambiguous because backslashes separate values. If the choice of series or the image
depends on a value that cannot be read, an error names the attribute; other unreadable values count as absent.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydicom.multival import MultiValue

from tfspine.dicom.files import printable
from tfspine.dicom.frames import Attributes
from tfspine.errors import DicomError

LARGEST_NUMBER = 1e9
"""No valid time in ms, length in mm, field strength or rescale value has a larger magnitude."""

LARGEST_POSITION_MM = 1e6

LONGEST_CODE = 16
"""Limit for CS (PS3.5 6.2); a longer value is several words that were joined."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d*")


def required(ds: Attributes, keyword: str) -> str:
    """Return a value as text.

    Raises:
        DicomError: it is absent or empty.
    """
    value = ds.get(keyword)
    if value in (None, ""):
        raise DicomError(f"{keyword} is absent")
    return str(value)


def position_numbers(ds: Attributes, keyword: str, count: int) -> tuple[float, ...]:
    """Return the given count of numbers from an attribute that defines the position of a slice in the patient.

    Raises:
        DicomError: the attribute is absent, has fewer or more values, or values that are not numbers.
    """
    value = ds.get(keyword)
    found = tuple(map(_parsed, value)) if isinstance(value, list | MultiValue) else ()
    if len(found) != count or not all(number is not None and abs(number) < LARGEST_POSITION_MM for number in found):
        raise DicomError(f"{keyword} is absent or not {count} numbers; the slice cannot be placed in the patient")
    return tuple(number for number in found if number is not None)


def number(ds: Attributes, keyword: str) -> float | None:
    """Return an important number, the first if there are several, or None if the attribute is absent.

    Raises:
        DicomError: the value is present but cannot be read.
    """
    value = _first(ds.get(keyword))
    if value in (None, ""):
        return None
    parsed = _parsed(value)
    if parsed is None:
        raise DicomError(f"{keyword} {quoted(value)}; expected a number; correct it, or export the file again")
    if not abs(parsed) < LARGEST_NUMBER:
        raise DicomError(f"{keyword} is not a number below {LARGEST_NUMBER:g}")
    return parsed


def spare_number(ds: Attributes, keyword: str) -> float | None:
    """Return a less important number, or None if it is absent or cannot be read."""
    parsed = _parsed(_first(ds.get(keyword)))
    return parsed if parsed is not None and abs(parsed) < LARGEST_NUMBER else None


def spare_integer(ds: Attributes, keyword: str) -> int | None:
    """Return a whole number used for ordering or numbering, or None if it is absent or cannot be read."""
    parsed = spare_number(ds, keyword)
    return None if parsed is None else int(parsed)


def codes(ds: Attributes, keyword: str) -> tuple[str, ...]:
    """Return the values of a code string in capitals; there may be one, several or none.

    A value that is too long for a code, or that contains a slash, is returned both whole and split into its words.
    """
    found = [str(value).strip().upper() for value in _all(ds.get(keyword))]
    return tuple(word for value in found for word in (value, *_run_together(value)))


def typed(ds: Attributes, keyword: str) -> str:
    """Return free text in the form that the rules use: in capitals, with blanks in place of underscores."""
    return " ".join(str(value) for value in _all(ds.get(keyword))).upper().replace("_", " ").strip()


def quoted(value: object) -> str:
    """Return the beginning of a value for a message: a damaged value may be long."""
    return printable(str(value)[:16])


def _parsed(value: Any) -> float | None:
    text = str(value).strip(" \0")
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _first(value: Any) -> Any:
    return next(iter(value), None) if isinstance(value, list | MultiValue) else value


def _all(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple | MultiValue) else (value,)


def _run_together(value: str) -> Sequence[str]:
    is_several = len(value) > LONGEST_CODE or "/" in value
    return [word for word in re.split(r"[^A-Z0-9]+", value) if word] if is_several else ()
