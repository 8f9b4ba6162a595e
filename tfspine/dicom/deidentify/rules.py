"""The rules for all files of a run, and the record of each change."""

from dataclasses import dataclass

from tfspine.dicom.deidentify.actions import Action
from tfspine.dicom.deidentify.options import Option
from tfspine.dicom.deidentify.pseudonyms import Salt


@dataclass(frozen=True)
class Change:
    """What was done with an element in one file; `tag` in the notation of the standard, without the value."""

    tag: str
    keyword: str
    action: Action


@dataclass(frozen=True)
class Rules:
    """The rules for all files of a run."""

    options: frozenset[Option]
    salt: Salt
