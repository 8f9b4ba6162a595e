"""Whether a contrast agent had been given before a slice was acquired, from the header attributes (PS3.3 C.7.6.4)."""

from tfspine.dicom.descriptions import words
from tfspine.dicom.frames import Attributes
from tfspine.dicom.series_words import MEANING_OF, Meaning
from tfspine.dicom.values import spare_number

NO_AGENT = frozenset(
    {"", "-", "0", "N", "NO", "NIL", "NONE", "N/A", "UNKNOWN", "NOT GIVEN", "NO CONTRAST", "WITHOUT", "W/O CONTRAST"}
    | {"NA", "N.A.", "NULL", "NOT APPLICABLE", "UNDEFINED", "?", "FALSE"}
)
"""What people and programs write into ContrastBolusAgent when no agent was given."""

AMOUNTS_ML = ("ContrastBolusVolume", "ContrastBolusTotalDose")
"""Attributes that hold the amount given; some scanners write 0 when no agent was given."""


def contrast_agent(ds: Attributes) -> str:
    """Return the agent given before this slice, or its amount if only that is recorded; empty if none was given."""
    if ds.get("ContrastBolusAgentAdministered") == "NO":
        return ""
    agents = [str(ds.get("ContrastBolusAgent") or "")]
    agents += [str(item.get("CodeMeaning") or "") for item in ds.get("ContrastBolusAgentSequence") or ()]
    named = [agent.strip() for agent in agents if agent.strip(" \0")]
    given = [agent for agent in named if not is_no_agent(agent)]
    if named:
        return ", ".join(given)
    amounts_ml = [amount_ml for name in AMOUNTS_ML if (amount_ml := spare_number(ds, name) or 0.0) > 0]
    return f"{amounts_ml[0]:g} ml" if amounts_ml else ""


def is_no_agent(agent: str) -> bool:
    """Return whether a text means that no agent was given, in one of the languages of `series_words.py`."""
    text = agent.strip(" \0").upper()
    said = words(text)
    is_denied = bool(said) and MEANING_OF[said[0]] in (Meaning.NOT, Meaning.BEFORE)
    return text in NO_AGENT or is_denied or not any(letter.isalpha() or letter in "123456789" for letter in text)
