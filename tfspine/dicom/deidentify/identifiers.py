"""The original identifiers of a file, collected before anything is changed; none may be found in the result."""

import datetime
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from tfspine.dicom.deidentify.actions import Action, action_for
from tfspine.dicom.deidentify.dates import date_of
from tfspine.dicom.deidentify.options import Option
from tfspine.dicom.deidentify.pseudonyms import is_well_known

_IDENTIFYING_KEYWORDS = """
    PatientID OtherPatientIDs IssuerOfPatientID AccessionNumber StudyID PatientAddress PatientTelephoneNumbers
    PatientTelecomInformation MedicalRecordLocator AdmissionID RequestedProcedureID ScheduledProcedureStepID
    PerformedProcedureStepID PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest
    ServiceEpisodeID InsurancePlanIdentification CurrentPatientLocation PatientInstitutionResidence
    InstitutionName InstitutionAddress InstitutionalDepartmentName RequestingService ResponsibleOrganization
    ReferringPhysicianAddress ReferringPhysicianTelephoneNumbers PersonAddress PersonTelephoneNumbers
    PersonTelecomInformation ClinicalTrialSubjectID ClinicalTrialSiteName
"""
_IDENTIFYING = frozenset(tag_for_keyword(keyword) for keyword in _IDENTIFYING_KEYWORDS.split())
_OF_DEVICE = frozenset(tag_for_keyword(keyword) for keyword in ("DeviceSerialNumber", "StationName", "GantryID"))

_BIRTH_DATE = tag_for_keyword("PatientBirthDate")

_IMPLEMENTATION = tag_for_keyword("ImplementationClassUID")
"""Identifies a program, not a patient. It is replaced, by the same value if pydicom wrote the original."""

_LINES = re.compile(r"[\r\n,;]+")


@dataclass(frozen=True)
class Identifiers:
    """Original texts (as values and as the bytes in the file), instance UIDs and days."""

    texts: frozenset[str] = frozenset()
    forms: frozenset[bytes] = frozenset()
    uids: frozenset[str] = frozenset()
    dates: frozenset[datetime.date] = frozenset()


@dataclass(frozen=True)
class Patient:
    """A patient's key (`patient_keys.patient_key`), which is secret, and all identifiers found in their files."""

    key: str
    identifiers: Identifiers


def collect(ds: Dataset, options: Collection[Option]) -> Identifiers:
    """Return the identifiers of a data set, the items of its sequences (also private ones) and its file meta.

    UIDs and dates that the options keep do not count. Elements that cannot be read are skipped; they are not kept.
    """
    texts: set[str] = set()
    forms: set[bytes] = set()
    uids: set[str] = set()
    dates: set[datetime.date] = set()
    for tag, form, element in [*elements(ds), *elements(getattr(ds, "file_meta", Dataset()))]:
        if element.VR == "SQ":
            continue  # its items are visited separately, and the bytes between them occur in any sequence
        if element.VR == "PN" or tag in _IDENTIFYING or (tag in _OF_DEVICE and Option.DEVICE_IDENTITY not in options):
            texts.update(part for value in values(element) for part in _parts(value, element.VR))
            forms.update(part.strip(b" \0") for part in form.split(b"\\"))
        elif element.VR == "UI" and not _is_kept_uid(element, options):
            uids.update(value for value in values(element) if value and not is_well_known(value))
        elif tag == _BIRTH_DATE or (element.VR in ("DA", "DT") and Option.FULL_DATES not in options):
            dates.update(date for date in map(date_of, values(element)) if date is not None)
    return Identifiers(frozenset(texts - {""}), frozenset(forms - {b""}), frozenset(uids), frozenset(dates))


def _is_kept_uid(element: DataElement, options: Collection[Option]) -> bool:
    is_kept = Option.UIDS in options or action_for(element.tag, "UI", options) is Action.KEEP
    return is_kept or element.tag == _IMPLEMENTATION


def merge(parts: Iterable[Identifiers]) -> Identifiers:
    """Return all identifiers together."""
    every = list(parts)
    return Identifiers(
        frozenset().union(*(part.texts for part in every)),
        frozenset().union(*(part.forms for part in every)),
        frozenset().union(*(part.uids for part in every)),
        frozenset().union(*(part.dates for part in every)),
    )


def elements(ds: Dataset) -> Iterator[tuple[int, bytes, DataElement]]:
    """Yield tag, original bytes (if still available) and value of every readable element, at any depth."""
    for tag in sorted(ds.keys()):
        raw = ds.get_item(tag)
        form = original_bytes(raw)
        try:
            element = ds[tag]
        except Exception:  # noqa: S112 - what cannot be read is never kept
            continue
        yield int(tag), form, element
        if element.VR == "SQ":
            for item in element.value:
                yield from elements(item)


def original_bytes(element: DataElement | RawDataElement) -> bytes:
    """Return the bytes of a value as in the file; empty if they have already been converted to a value."""
    return (element.value or b"") if isinstance(element, RawDataElement) else b""


def values(element: DataElement) -> list[str]:
    """Return the values of an element as texts; an empty element has none."""
    value = element.value
    if value is None:
        return []
    several = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]
    if element.VR == "PN":
        several = value if element.VM > 1 else [value]
    return [str(one).strip(" \0") for one in several if one is not None]


def _parts(value: str, vr: str) -> Iterator[str]:
    """Yield a value and the parts that may occur alone: lines of an address; groups and components of a name."""
    yield value
    if vr != "PN":
        yield from (line.strip() for line in _LINES.split(value))
        return
    for group in value.split("="):
        components = [component.strip() for component in group.split("^")]
        yield group.strip()
        yield from components
        family, given = components[0], components[1] if len(components) > 1 else ""
        if family and given:
            yield f"{given} {family}"
            yield f"{family} {given}"
            yield f"{family}, {given}"
