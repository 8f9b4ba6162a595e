"""When a slice was measured: what orders repeats that nothing else tells apart, and stays where UIDs are replaced.

De-identification moves all days of a patient alike and keeps times, so that the order is the same before and after.
"""

import re
from datetime import date

from tfspine.dicom.frames import Attributes

_DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2}(?:[.]\d+)?)?")

STAGES = ("Acquisition", "Series", "Content")
"""Beginnings of the names of dates and times, the most exact first."""

DAY_S = 86400.0


def acquired_s(ds: Attributes) -> float:
    """Return the seconds from 1 January of the year 1 to the measurement; 0 where no time is said.

    Of enhanced images it is the frame's or the file's date-time, without its zone.
    """
    for keyword in ("FrameAcquisitionDateTime", "AcquisitionDateTime"):
        text = str(ds.get(keyword) or "").strip()
        if len(text) > len("YYYYMMDD"):
            return _day_s(text[:8]) + _time_s(text[8:])
    for stage in STAGES:
        time = str(ds.get(f"{stage}Time") or "").strip()
        if time:
            return _day_s(str(ds.get(f"{stage}Date") or "").strip()) + _time_s(time)
    return 0.0


def _day_s(text: str) -> float:
    match = _DATE.match(text)
    try:
        return DAY_S * date(*map(int, match.groups())).toordinal() if match else 0.0
    except ValueError:
        return 0.0


def _time_s(text: str) -> float:
    match = _TIME.match(text)
    if match is None:
        return 0.0
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
