"""The valid form of values of each representation (PS3.5, Table 6.2-1), to detect a name in the wrong element."""

import re

from tfspine.dicom.deidentify.dates import cap_age, is_date, is_time

_CODED_WORD = re.compile(r"[A-Z0-9_ ./+\-]{0,16}", re.IGNORECASE)
_LONG_CODED_WORD = re.compile(r"[A-Z0-9_ ./+\-]{17,64}", re.IGNORECASE)
_NUMBER = re.compile(r"[+\-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[Ee][+\-]?[0-9]+)?")
LONGEST = {"DS": 64, "IS": 16}
"""Largest number of characters. The standard allows 16 for a DS, but scanners and converters write more, such as
``-104.59411400000001``, and a slice without its position could not be used."""

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def looks_right(vr: str, text: str) -> bool:
    """Return whether a value has the valid form of its representation; for free text, any value has."""
    if vr in ("DS", "IS"):
        return not text or (len(text) <= LONGEST[vr] and _NUMBER.fullmatch(text) is not None)
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


def looks_coded(text: str) -> bool:
    """Return whether a text is a coded word that is longer than the standard allows."""
    return _LONG_CODED_WORD.fullmatch(text) is not None
