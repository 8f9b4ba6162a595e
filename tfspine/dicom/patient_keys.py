"""Which patient a file belongs to: the key that distinguishes patients, for both ingest and de-identification."""

import re
from collections.abc import Iterable

from tfspine.compat import StrEnum
from tfspine.dicom.frames import Attributes

_WORDS = """
    ANON ANONYM ANONYMIZED ANONYMISED ANONYMOUS ANONYMIZEDPATIENT DEIDENTIFIED EMPTY MISSING NA NAME NIL NN NO NOID
    NONAME NONE NOTGIVEN NULL PATIENT PATIENTID PATIENTNAME REMOVED UNBEKANNT UNKNOWN UNKNOWNPATIENT
"""
_NOBODY = frozenset(_WORDS.split())
"""What programs write in place of the patient; unrelated patients share these values."""

_NOTHING = re.compile(r"[0Xx?*.\-_^=/\\ \0]*")
_MARKS = re.compile(r"[\W_]+")


class KnownBy(StrEnum):
    """What identifies a patient."""

    ID = "id"
    NAME = "name"
    STUDY = "study"


def patient_key(ds: Attributes) -> str:
    """Return a confidential key that distinguishes patients: PatientID, else name and birth date, else the study.

    A placeholder (``ANONYMOUS``, ``0000``) counts as absent, since all files that share it would become one patient.
    Names are compared without regard to case and punctuation. IssuerOfPatientID is not used, because the same hospital
    writes it into some files and not into others.
    """
    patient_id = _text(ds, "PatientID")
    if not stands_for_nobody(patient_id):
        return f"{KnownBy.ID}\0{patient_id}"
    name = _text(ds, "PatientName")
    if not stands_for_nobody(name):
        return f"{KnownBy.NAME}\0{_MARKS.sub(' ', name.casefold()).strip()}\0{_text(ds, 'PatientBirthDate')}"
    return f"{KnownBy.STUDY}\0{_text(ds, 'StudyInstanceUID')}"


def known_by(key: str) -> KnownBy:
    """Return what the key identifies the patient by."""
    return KnownBy(key.split("\0", 1)[0])


def key_of_study(key: str, keys: Iterable[str]) -> str:
    """Return the key of one file, or that of the other files of its study if only they have the PatientID.

    Args:
        key: key of the file.
        keys: keys of all files of the study.
    """
    ids = {other for other in keys if known_by(other) is KnownBy.ID}
    return ids.pop() if known_by(key) is not KnownBy.ID and len(ids) == 1 else key


def stands_for_nobody(text: str) -> bool:
    """Return whether a PatientID or PatientName is empty or a placeholder."""
    return bool(_NOTHING.fullmatch(text)) or _MARKS.sub("", text).upper() in _NOBODY


def key_warning(keys: set[str]) -> str:
    """Return one line about the patients of these keys without a PatientID; empty if all have one."""
    by_name = sum(known_by(key) is KnownBy.NAME for key in keys)
    by_study = sum(known_by(key) is KnownBy.STUDY for key in keys)
    if not by_name + by_study:
        return ""
    return (
        f"{by_name + by_study} patients without PatientID: {by_name} distinguished by PatientName and "
        "PatientBirthDate, "
        f"{by_study} have neither, and each study counts as a patient; studies of one person may lie in two splits"
    )


def _text(ds: Attributes, keyword: str) -> str:
    return str(ds.get(keyword) or "").strip(" \0")
