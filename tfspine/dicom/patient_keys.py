"""Whose file it is: what tells patients apart, for ingest and for de-identification alike."""

import re
from collections.abc import Iterable

from tfspine.compat import StrEnum
from tfspine.dicom.frames import Attributes

_WORDS = """
    ANON ANONYM ANONYMIZED ANONYMISED ANONYMOUS ANONYMIZEDPATIENT DEIDENTIFIED EMPTY MISSING NA NAME NIL NN NO NOID
    NONAME NONE NOTGIVEN NULL PATIENT PATIENTID PATIENTNAME REMOVED UNBEKANNT UNKNOWN UNKNOWNPATIENT
"""
_NOBODY = frozenset(_WORDS.split())
"""What programs write where they leave the patient out: people share it who have nothing to do with each other."""

_NOTHING = re.compile(r"[0Xx?*.\-_^=/\\ \0]*")
_MARKS = re.compile(r"[\W_]+")


class KnownBy(StrEnum):
    """What a patient is known by."""

    ID = "id"
    NAME = "name"
    STUDY = "study"


def patient_key(ds: Attributes) -> str:
    """Return what tells patients apart, a secret: PatientID, else name and birth date, else the study.

    A value that stands for nobody (``ANONYMOUS``, ``0000``) counts as absent: all that share it would become one
    patient. Name without PatientID counts whatever its case and punctuation. IssuerOfPatientID is left out: the same
    hospital writes it into some files and not into others.
    """
    patient_id = _text(ds, "PatientID")
    if not stands_for_nobody(patient_id):
        return f"{KnownBy.ID}\0{patient_id}"
    name = _text(ds, "PatientName")
    if not stands_for_nobody(name):
        return f"{KnownBy.NAME}\0{_MARKS.sub(' ', name.casefold()).strip()}\0{_text(ds, 'PatientBirthDate')}"
    return f"{KnownBy.STUDY}\0{_text(ds, 'StudyInstanceUID')}"


def known_by(key: str) -> KnownBy:
    """Return what the patient of a key is known by."""
    return KnownBy(key.split("\0", 1)[0])


def key_of_study(key: str, keys: Iterable[str]) -> str:
    """Return the key of one file, or that of the other files of its study where they alone know the PatientID.

    Args:
        key: of the file.
        keys: of all files of the study.
    """
    ids = {other for other in keys if known_by(other) is KnownBy.ID}
    return ids.pop() if known_by(key) is not KnownBy.ID and len(ids) == 1 else key


def stands_for_nobody(text: str) -> bool:
    """Return whether a PatientID or PatientName is empty, or says that it was left out."""
    return bool(_NOTHING.fullmatch(text)) or _MARKS.sub("", text).upper() in _NOBODY


def warning(keys: set[str]) -> str:
    """Return one line on the patients of these keys who have no PatientID; empty where all have one."""
    by_name = sum(known_by(key) is KnownBy.NAME for key in keys)
    by_study = sum(known_by(key) is KnownBy.STUDY for key in keys)
    if not by_name + by_study:
        return ""
    return (
        f"{by_name + by_study} patients without PatientID: {by_name} told apart by PatientName and PatientBirthDate, "
        f"{by_study} have neither, and each study counts as a patient; studies of one person may lie in two splits"
    )


def _text(ds: Attributes, keyword: str) -> str:
    return str(ds.get(keyword) or "").strip(" \0")
