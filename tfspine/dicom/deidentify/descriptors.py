"""Descriptions reduced to the words of MR imaging: a closed list, so that no name gets through.

Clean Descriptors (PS3.15 E.3.5) asks for values of similar meaning without identifying information. Of
``T2_TSE_SAG L-spine Mrs Doe`` stays ``T2 TSE SAG L SPINE``. The list is that by which series are chosen
(`series_words.py`), and `descriptions.words` reads a description as if the rest were not there: what it decides, it
decides afterwards too.
"""

from tfspine.dicom.descriptions import words
from tfspine.dicom.headers import NO_AGENT

_READABLE = {"LSPINE": "L SPINE", "CSPINE": "C SPINE", "LSSPINE": "LS SPINE"}

LONGEST = 64
"""Characters of an LO (PS3.5 Table 6.2-1)."""

DUMMY = "REMOVED"
"""Stands for a text that is not told, such as the name of a contrast agent that was given."""


def clean_descriptor(value: str) -> str:
    """Return those words of a description that are on the list, in upper case and in order."""
    kept = words(value)
    readable = " ".join(_READABLE.get(word, word) for word in kept)
    return readable if words(readable) == kept and len(readable) <= LONGEST else " ".join(kept)


def clean_agent(value: str) -> str:
    """Return what ContrastBolusAgent may say: nothing where it is empty, that none was given, or that one was."""
    plain = value.strip()
    return plain if plain.upper() in NO_AGENT else DUMMY


def clean_meaning(value: str) -> str:
    """Return the meaning of a hospital's own code, as far as it is said in words of MR imaging.

    It may be that of a contrast agent: one that was given does not become none.
    """
    if value.strip().upper() in NO_AGENT:
        return value.strip()
    kept = clean_descriptor(value)
    return DUMMY if kept.upper() in NO_AGENT else kept
