"""Descriptions reduced to the words of MR imaging: a closed list, so that no name gets through.

Clean Descriptors (PS3.15 E.3.5) asks for values of similar meaning without identifying information. Of
``T2_TSE_SAG L-spine Mrs Doe`` stays ``T2 TSE SAG L SPINE``. The list is that by which series are chosen
(`series_words.py`), and `descriptions.words` reads a description as if the rest were not there: what it decides, it
decides afterwards too.
"""

import re

from tfspine.dicom.agents import is_no_agent
from tfspine.dicom.deidentify.ordinary import ORDINARY
from tfspine.dicom.descriptions import words
from tfspine.dicom.values import LONGEST_CODE

_READABLE = {"LSPINE": "L SPINE", "CSPINE": "C SPINE", "LSSPINE": "LS SPINE"}

LONGEST = 64
"""Characters of an LO (PS3.5 Table 6.2-1)."""

DUMMY = "REMOVED"
"""Stands for a text that is not told, such as the name of a contrast agent that was given."""

NOT_GIVEN = "NONE"


def clean_descriptor(value: str) -> str:
    """Return those words of a description that are on the list, in upper case and in order."""
    kept = words(value)
    readable = " ".join(_READABLE.get(word, word) for word in kept)
    return readable if words(readable) == kept and len(readable) <= LONGEST else " ".join(kept)


def clean_agent(value: str) -> str:
    """Return what ContrastBolusAgent may say: nothing where it is empty, that none was given, or that one was."""
    if not value.strip(" \0"):
        return ""
    return NOT_GIVEN if is_no_agent(value) else DUMMY


def clean_meaning(value: str) -> str:
    """Return the meaning of a hospital's own code, as far as it is said in words of MR imaging.

    It may be that of a contrast agent: one that was given does not become none, nor none one.
    """
    kept = clean_descriptor(value)
    if is_no_agent(value):
        return kept if is_no_agent(kept) and kept else clean_agent(value)
    return DUMMY if not kept or is_no_agent(kept) else kept


def clean_code(value: str) -> str:
    """Return of a coded word that cannot stay as it is those words that may stand in anybody's files.

    A value that is longer than a code, or has slashes in it, is read word by word (`values.codes`), and only there a
    word of it means anything.
    """
    is_several = len(value) > LONGEST_CODE or "/" in value
    kept = [word for word in re.split(r"[^A-Z0-9]+", value.upper()) if word.lower() in ORDINARY]
    return "/".join(kept) if is_several and kept else DUMMY
