"""What holds for every file of a run, and what is said of each change."""

from dataclasses import dataclass

from tfspine.dicom.deidentify.actions import Action
from tfspine.dicom.deidentify.options import Option
from tfspine.dicom.deidentify.pseudonyms import Salt


@dataclass(frozen=True)
class Change:
    """What was done with an element, in one file; `tag` as the standard writes it, no value."""

    tag: str
    keyword: str
    action: Action


@dataclass(frozen=True)
class Rules:
    """What holds for every file of a run."""

    options: frozenset[Option]
    salt: Salt
