"""What a value of each representation looks like (PS3.5, Table 6.2-1), so that a name put in its place is found out."""

import re

from tfspine.dicom.deidentify.dates import cap_age, is_date, is_time

_CODED_WORD = re.compile(r"[A-Z0-9_ ./+\-]{0,16}", re.IGNORECASE)
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def looks_right(vr: str, text: str) -> bool:
    """Return whether a value of a representation is what that promises; of those with free text anything is."""
    if vr in ("DS", "IS"):
        try:
            float(text or "0")
        except ValueError:
            return False
        return len(text) <= 16
    if vr == "CS":
        return _CODED_WORD.fullmatch(text) is not None
    if vr in ("DA", "DT"):
        return not text or is_date(text)
    if vr == "TM":
        return not text or is_time(text)
    if vr == "UI":
        return not text or _UID.fullmatch(text) is not None
    if vr == "AS":
        return cap_age(text) == text
    return True
