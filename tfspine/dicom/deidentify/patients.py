"""Whose file it is: the key under which pseudonym and shift of days are drawn."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from tfspine.dicom.deidentify.identifiers import Identifiers


@dataclass(frozen=True)
class Patient:
    """A patient's key, which is secret, and all identifiers found in their files."""

    key: str
    identifiers: Identifiers


def patient_key(ds: Dataset) -> str:
    """Return what tells patients apart: PatientID, else name and birth date, else the study.

    IssuerOfPatientID is left out: the same hospital writes it into some files and not into others.
    """
    patient_id = str(ds.get("PatientID") or "").strip()
    if patient_id:
        return f"id\0{patient_id}"
    name = str(ds.get("PatientName") or "").strip()
    if name:
        return f"name\0{name}\0{ds.get('PatientBirthDate') or ''}"
    return f"study\0{ds.get('StudyInstanceUID') or ''}"
