"""The final verification: every byte of every written file is searched for every original identifier.

The search is independent of how the files were changed: it reads them again from disk, as bytes, and as data sets for
identifiers that are too short for a search in bytes. Its limits are described in `needles.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from tfspine.dicom.deidentify.actions import TEXT_VRS
from tfspine.dicom.deidentify.identifiers import Patient, elements, values
from tfspine.dicom.deidentify.jpeg import comments
from tfspine.dicom.deidentify.needles import Hit, Needles, find_date, own_in_pixels
from tfspine.dicom.deidentify.options import Option
from tfspine.dicom.deidentify.rules import Rules
from tfspine.dicom.files import read_whole
from tfspine.errors import DicomError


def scan_image(path: Path, name: str, patient: Patient, rules: Rules, needles: Needles) -> int:
    """Search one written image and its name, and return how many bytes were searched.

    Raises:
        DicomError: an original identifier was found; the message gives its position but not its value.
    """
    content = path.read_bytes()
    ds = read_whole(path)
    start = content.rfind(ds.PixelData) if ds.get("PixelData") else 0
    pixels = (start, start + len(ds.PixelData)) if start > 0 else (0, 0)
    hit = needles.in_bytes(content, pixels=pixels) or own_in_pixels(ds.PixelData, patient.identifiers.texts)
    if hit is None and Option.FULL_DATES not in rules.options:
        hit = find_date(content, patient.identifiers.dates, days=rules.salt.days(patient.key))
    _require_none(hit or next(_in_texts(ds, needles), None) or _in_name(name, needles))
    return len(content)


def scan_table(path: Path, needles: Needles) -> None:
    """Search a table or manifest for UIDs.

    Other identifiers are not searched for: tables contain only keywords of the standard, actions, reasons and versions,
    which may contain a department called Imaging or a StudyID of 001 by chance.

    Raises:
        DicomError: an original UID was found.
    """
    hit = needles.uid_in_bytes(path.read_bytes())
    if hit is not None:
        raise DicomError(f"{path.name}: an original UID is left at {hit.place}; nothing was written")


def _in_texts(ds: Dataset, needles: Needles) -> Iterator[Hit]:
    for part in (ds.file_meta, ds):
        for tag, _, element in elements(part):
            if element.VR in TEXT_VRS | {"PN", "CS"} and any(needles.in_text(text) for text in values(element)):
                yield Hit("text", f"element {pydicom.tag.Tag(tag)}")
            if element.VR == "UI" and not needles.uids.isdisjoint(values(element)):
                yield Hit("UID", f"element {pydicom.tag.Tag(tag)}")
    for segment in comments(ds):
        if needles.in_text(segment.decode("latin-1")):
            yield Hit("text", "a comment in the compressed pixels")


def _in_name(name: str, needles: Needles) -> Hit | None:
    return Hit("text", "the file name") if needles.in_text(name) else None


def _require_none(hit: Hit | None) -> None:
    if hit is not None:
        raise DicomError(f"an original {hit.kind} is left at {hit.place}")
