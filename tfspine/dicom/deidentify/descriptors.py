"""Descriptions reduced to a fixed list of MR imaging words, so that no name remains.

Clean Descriptors (PS3.15 E.3.5) requires values of similar meaning without identifying information.
``T2_TSE_SAG L-spine Mrs Doe`` becomes ``T2 TSE SAG L SPINE``. The same list is used to choose series
(`series_words.py`), and `descriptions.words` ignores all other words, so the choice is the same after cleaning.
"""

import re

from tfspine.dicom.agents import is_no_agent
from tfspine.dicom.deidentify.ordinary import ORDINARY
from tfspine.dicom.descriptions import words
from tfspine.dicom.values import LONGEST_CODE

_READABLE = {"LSPINE": "L SPINE", "CSPINE": "C SPINE", "LSSPINE": "LS SPINE"}

LONGEST = 64
"""Largest length of an LO in characters (PS3.5 Table 6.2-1)."""

DUMMY = "REMOVED"
"""Replaces a text that is not disclosed, such as the name of a contrast agent that was given."""

NOT_GIVEN = "NONE"


def clean_descriptor(value: str) -> str:
    """Return the words of a description that are on the list, in upper case and in order."""
    kept = words(value)
    readable = " ".join(_READABLE.get(word, word) for word in kept)
    return readable if words(readable) == kept and len(readable) <= LONGEST else " ".join(kept)


def clean_agent(value: str) -> str:
    """Return a safe ContrastBolusAgent: empty if it was empty, else only whether an agent was given or not."""
    if not value.strip(" \0"):
        return ""
    return NOT_GIVEN if is_no_agent(value) else DUMMY


def clean_meaning(value: str) -> str:
    """Return the meaning of a hospital's own code, reduced to MR imaging words.

    It may be that of a contrast agent; the result never changes whether an agent was given.
    """
    kept = clean_descriptor(value)
    if is_no_agent(value):
        return kept if is_no_agent(kept) and kept else clean_agent(value)
    return DUMMY if not kept or is_no_agent(kept) else kept


def clean_code(value: str) -> str:
    """Return the non-identifying words of a coded value that cannot be kept unchanged.

    Single words are kept only in a value that is longer than a code or contains slashes, since only such a value is
    read word by word (`values.codes`).
    """
    is_several = len(value) > LONGEST_CODE or "/" in value
    kept = [word for word in re.split(r"[^A-Z0-9]+", value.upper()) if word.lower() in ORDINARY]
    return "/".join(kept) if is_several and kept else DUMMY
