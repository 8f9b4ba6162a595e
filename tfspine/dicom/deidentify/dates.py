"""Shift all dates of a patient by the same number of days, and list the ways in which a date is written.

Times of day do not change: they remain correct after a shift by whole days, and the order of series depends on them.
"""

import datetime
import re
from collections.abc import Iterator

OLDEST_AGE_YEARS = 89
"""Older patients are so few that their age may identify them; it becomes 90 (45 CFR 164.514(b)(2)(i)(C))."""

_DATE = re.compile(r"(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2})")
_DATE_TIME = re.compile(r"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?")
_TIME = re.compile(r"\d{2}:?(?:\d{2}:?(?:\d{2}(?:\.\d{1,6})?)?)?")
_AGE = re.compile(r"(\d{3})([DWMY])")


def parse_date(value: str) -> datetime.date | None:
    """Read a DA, also in the form 2016.03.09 of old files; None if it is not a valid date."""
    match = _DATE.fullmatch(value.strip())
    if match is None:
        return None
    try:
        return datetime.date(*(int(part) for part in match.groups()))
    except ValueError:
        return None


def date_of(value: str) -> datetime.date | None:
    """Return the day of a DA or DT; None if the value contains none."""
    match = _DATE_TIME.fullmatch(value.strip())
    return parse_date(match[1]) if match else parse_date(value)


def shift_date(value: str, days: int) -> str:
    """Shift a DA; an incomplete date becomes empty, since a month or a year alone cannot be shifted by days."""
    moved = _moved(parse_date(value), days)
    return "" if moved is None else moved.strftime("%Y%m%d").zfill(8)


def shift_date_time(value: str, days: int) -> str:
    """Shift the date of a DT and keep its time of day and zone; a value without a day becomes empty."""
    match = _DATE_TIME.fullmatch(value.strip())
    shifted = shift_date(match[1], days) if match else ""
    return shifted and f"{shifted}{match[2] or ''}{match[3] or ''}" if match else ""


def is_time(value: str) -> bool:
    """Return whether a value is a valid TM."""
    return _TIME.fullmatch(value.strip()) is not None


def is_date(value: str) -> bool:
    """Return whether a value is a valid DA or DT."""
    return date_of(value) is not None


def cap_age(value: str) -> str:
    """Return a patient's AS with ages over 89 years as ``090Y``; an invalid AS becomes empty."""
    match = _AGE.fullmatch(value.strip())
    if match is None:
        return ""
    return "090Y" if match[2] == "Y" and int(match[1]) > OLDEST_AGE_YEARS else match[0]


def renderings(date: datetime.date) -> Iterator[str]:
    """Yield the ways in which people and programs write a date, in lower case."""
    year, month, day = f"{date.year:04d}", f"{date.month:02d}", f"{date.day:02d}"
    yield year + month + day
    for mark in "-./":
        yield mark.join((year, month, day))
        yield mark.join((day, month, year))
        yield mark.join((month, day, year))
    for name in {date.strftime("%b").lower(), date.strftime("%B").lower()}:
        for mark in ("-", " "):
            yield mark.join((day, name, year))


def _moved(date: datetime.date | None, days: int) -> datetime.date | None:
    try:
        return None if date is None else date + datetime.timedelta(days)
    except OverflowError:
        return None
