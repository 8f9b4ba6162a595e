"""A patient in the files that are de-identified together."""

from dataclasses import dataclass

from tfspine.dicom.deidentify.identifiers import Identifiers


@dataclass(frozen=True)
class Patient:
    """A patient's key (`patient_keys.patient_key`), which is secret, and all identifiers found in their files."""

    key: str
    identifiers: Identifiers
