"""When a slice was acquired. This orders repeated acquisitions that nothing else distinguishes.

De-identification shifts all dates of a patient equally and keeps times, so the order is the same before and after it.
"""

import re
from datetime import date

from tfspine.dicom.frames import Attributes

_DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2}(?:[.]\d+)?)?")

STAGES = ("Acquisition", "Series", "Content")
"""Prefixes of the keywords of dates and times, the most exact first."""

DAY_S = 86400.0


def acquired_s(ds: Attributes) -> float:
    """Return the seconds from 1 January of the year 1 to the acquisition; 0 if the header gives no time.

    For enhanced images this is the date-time of the frame or of the file, without its time zone.
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
