"""De-identify one data set in place: every element at any depth, the file meta information and the preamble.

There are three layers: the profile decides by tag and value representation (`actions.py`); kept values must have the
valid form of their representation (`looks.py`); and kept values must not contain any identifier collected from the
original files (`needles.py`).
"""

from collections import Counter

from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag, Tag

from tfspine.dicom.deidentify.actions import (
    TEXT_VRS,
    Action,
    action_for,
    is_safe_private,
    keyword,
    tag_text,
)
from tfspine.dicom.deidentify.bare_pixels import bare_pixels
from tfspine.dicom.deidentify.dates import cap_age, shift_date, shift_date_time
from tfspine.dicom.deidentify.declaration import declare, renew_file_meta
from tfspine.dicom.deidentify.descriptors import DUMMY, clean_agent, clean_code, clean_descriptor, clean_meaning
from tfspine.dicom.deidentify.identifiers import Patient, original_bytes, values
from tfspine.dicom.deidentify.looks import looks_coded, looks_right
from tfspine.dicom.deidentify.needles import Needles, find_date, own_in_pixels
from tfspine.dicom.deidentify.options import Option
from tfspine.dicom.deidentify.ordinary import ordinary_words
from tfspine.dicom.deidentify.refusals import require_spare
from tfspine.dicom.deidentify.rules import Change, Rules
from tfspine.errors import DicomError

_DUMMIES = {"DA": "19000101", "DT": "19000101000000", "TM": "000000", "AS": "000Y", "DS": "0", "IS": "0"}
"""Dummy values without a meaning, where the standard requires a value."""

_OF_PATIENT = frozenset(tag_for_keyword(name) for name in ("PatientID", "PatientName"))

_AGENT = tag_for_keyword("ContrastBolusAgent")
_MANUFACTURER = tag_for_keyword("Manufacturer")
_BODY_PART = tag_for_keyword("BodyPartExamined")
_CODE_MEANING = tag_for_keyword("CodeMeaning")

_OF_CODE = frozenset(
    tag_for_keyword(name)
    for name in ("CodeValue", "LongCodeValue", "CodeMeaning", "CodingSchemeDesignator", "CodingSchemeVersion")
)
PUBLIC_SCHEMES = frozenset({"DCM", "SRT", "SCT", "SNM3", "UCUM", "LN", "RADLEX", "FMA", "UMLS", "NCIt"})
"""Codes of other schemes are a hospital's own, and their meanings may be typed by anyone (PS3.16 Annex 8)."""

_BEARS: dict[Action, frozenset[str]] = {
    Action.REMOVE: frozenset(),
    Action.MAP: frozenset({"UI"}),
    Action.SHIFT: frozenset({"DA", "DT"}),
    Action.CLEAN: TEXT_VRS,
    Action.CAP: frozenset({"AS"}),
}
"""Value representations to which each action applies; a file may declare another one for a tag than the standard."""

_PIXEL_DATA = tag_for_keyword("PixelData")
_PIXELS = frozenset({_PIXEL_DATA, tag_for_keyword("FloatPixelData"), tag_for_keyword("DoubleFloatPixelData")})


def deidentify_dataset(ds: Dataset, patient: Patient, rules: Rules, needles: Needles) -> Counter[Change]:
    """De-identify a data set that was read from a file, and return each change with its count.

    Raises:
        DicomError: the pixels cannot be parsed, or their bytes contain an identifier, since the stored bits of pixels
            are never changed.
    """
    changes: Counter[Change] = Counter()
    if not ds.file_meta.TransferSyntaxUID.is_encapsulated:
        _require_silent_pixels(ds, patient, rules, needles)  # otherwise half of a text in unused bits would remain
    if bare_pixels(ds):
        tag = Tag("PixelData")
        changes[Change(tag_text(tag), keyword(tag), Action.CLEAN)] += 1
    _require_silent_pixels(ds, patient, rules, needles)
    _Cleaner(patient, rules, needles, changes).clean(ds)
    ds.PatientID = ds.PatientName = rules.salt.patient(patient.key)  # also if they were absent
    declare(ds, rules, changes)
    renew_file_meta(ds)
    return changes


class _Cleaner:
    """The recursion over the items of sequences, with what it needs at every depth."""

    def __init__(self, patient: Patient, rules: Rules, needles: Needles, changes: Counter[Change]) -> None:
        self._patient, self._rules, self._needles, self._changes = patient, rules, needles, changes
        self._days = rules.salt.days(patient.key)
        self._depth = 0

    def clean(self, ds: Dataset) -> None:
        creators = _creators(ds)
        is_public_code = str(ds.get("CodingSchemeDesignator", "")).strip() in PUBLIC_SCHEMES
        for tag in sorted(ds.keys()):
            form = original_bytes(ds.get_item(tag))
            try:
                element = ds[tag]
                action = self._action(element, creators)
                if tag in _OF_CODE and not is_public_code and action is Action.KEEP:
                    action = Action.CLEAN if tag == _CODE_MEANING else Action.REPLACE
                done = self._apply(ds, element, action, form)
            except DicomError:
                raise
            except Exception:  # a value that cannot be read cannot be checked, except numbers
                done = self._unread(ds, tag, form)
            if done is Action.REMOVE:
                require_spare(tag, form)
                del ds[tag]
            self._note(tag, done)
        self._drop_idle_creators(ds, creators)

    def _action(self, element: DataElement, creators: dict[int, str]) -> Action:
        tag = element.tag
        if tag in _PIXELS and (self._depth or tag != _PIXEL_DATA):
            return Action.REMOVE  # pixels of another kind, which have not been cleaned
        if not tag.is_private:
            return action_for(tag, element.VR, self._rules.options)
        if tag.is_private_creator:
            return Action.KEEP if int(tag) in creators else Action.REMOVE
        creator = creators.get(tag.group << 16 | tag.element >> 8, "")
        return Action.KEEP if is_safe_private(tag, creator, element.VR, self._rules.options) else Action.REMOVE

    def _apply(self, ds: Dataset, element: DataElement, action: Action, form: bytes) -> Action:
        """Change an element and return what was done: a removal if the action does not apply to the value."""
        tag = element.tag
        if action is Action.DESCEND:
            self._depth += 1
            for item in element.value:
                self.clean(item)
            self._depth -= 1
        elif action is Action.KEEP:
            return self._kept(element, form)
        elif action is Action.REPLACE and tag not in _OF_PATIENT and not any(values(element)):
            return Action.KEEP  # empty means unknown or not given; a dummy would have a meaning
        elif action is Action.EMPTY and tag not in _OF_PATIENT:
            element.value = [] if element.VR == "SQ" else None
        elif action in (Action.EMPTY, Action.REPLACE):
            return self._replaced(element)
        elif element.VR not in _BEARS[action]:
            return Action.REMOVE  # also if the action is to remove it
        else:
            new = [self._new_value(element, value, action) for value in values(element)]
            if new == values(element):
                return Action.KEEP
            element.value = new if len(new) > 1 else (new[0] if new else None)
        return action

    def _kept(self, element: DataElement, form: bytes) -> Action:
        if element.tag == _PIXEL_DATA:
            return Action.KEEP
        if element.tag.is_private_creator:
            element.value = str(element.value).strip()
            return Action.KEEP
        texts = values(element) if element.VR not in ("OB", "OW", "UN", "OD", "OF", "OL", "OV") else []
        is_sound = all(looks_right(element.VR, text) for text in texts)
        if is_sound and not self._tells(element, texts, form):
            return Action.KEEP
        if element.VR == "UI" and is_sound:
            element.value = [self._rules.salt.uid(uid) for uid in texts]  # for example, it contains a PatientID
            return Action.MAP
        if element.tag == _MANUFACTURER:
            element.value = ordinary_words(" ".join(texts))
            return Action.CLEAN
        if element.VR == "CS" or element.tag == _CODE_MEANING:
            new = [self._word(element, text) for text in texts]
            if new == texts:
                return Action.KEEP
            element.value = new if len(new) > 1 else (new[0] if new else None)
            return Action.CLEAN
        return Action.REMOVE

    def _word(self, element: DataElement, text: str) -> str:
        """Return one of several coded values unchanged, or only its listed words; it always keeps its position."""
        is_word = looks_right(element.VR, text) or (element.VR == "CS" and looks_coded(text))
        if is_word and not self._needles.in_text(text) and not self._holds(text.encode()):
            return text
        if element.VR == "CS" and element.tag != _BODY_PART:
            return clean_code(text)
        return clean_descriptor(text) or DUMMY

    def _unread(self, ds: Dataset, tag: BaseTag, form: bytes) -> Action:
        """Keep an unreadable number that has only characters of numbers, such as a decimal comma; remove all others.

        Ingest then treats it in the same way as the original.
        """
        raw = ds.get_item(tag)
        texts = form.decode("latin-1").strip(" \0").split("\\")
        is_number = _vr_of(raw) in ("DS", "IS") and not tag.is_private
        is_sound = is_number and all(looks_right("DS", text.strip()) for text in texts)
        return Action.KEEP if is_sound and not self._holds(form) else Action.REMOVE

    def _tells(self, element: DataElement, texts: list[str], form: bytes) -> bool:
        """Return whether a value that would be kept contains an identifier, as words, as bytes or as a day."""
        vr = element.VR
        if vr in TEXT_VRS | {"CS"} and any(self._needles.in_text(text) for text in texts):
            return True
        contents = [form] if form else _encodings(element)
        return any(self._holds(content, is_date=vr in ("DA", "DT")) for content in contents)

    def _holds(self, content: bytes, *, is_date: bool = False) -> bool:
        """Return whether bytes that would be kept contain an identifier, or an unexpected day of the patient."""
        if self._needles.in_bytes(content) is not None:
            return True
        is_kept = is_date or Option.FULL_DATES in self._rules.options
        dates = () if is_kept else self._patient.identifiers.dates
        return find_date(content, dates, days=self._days) is not None

    def _replaced(self, element: DataElement) -> Action:
        if element.tag in _OF_PATIENT and element.VR in ("LO", "PN"):
            element.value = self._rules.salt.patient(self._patient.key)
        elif element.tag == _AGENT and element.VR in TEXT_VRS:
            element.value = clean_agent(str(element.value))
        elif element.VR in TEXT_VRS - {"UR"} or element.VR in ("PN", "CS"):
            element.value = DUMMY
        elif element.VR in _DUMMIES:
            element.value = _DUMMIES[element.VR]
        elif element.VR == "UI":
            element.value = [self._rules.salt.uid(uid) for uid in values(element)]
            return Action.MAP
        else:
            return Action.REMOVE
        return Action.REPLACE

    def _new_value(self, element: DataElement, value: str, action: Action) -> str:
        if action is Action.MAP:
            return self._rules.salt.uid(value) if value else ""
        if action is Action.SHIFT:
            return shift_date(value, self._days) if element.VR == "DA" else shift_date_time(value, self._days)
        if action is Action.CAP:
            return cap_age(value)
        if element.tag == _CODE_MEANING:
            return clean_meaning(value)
        return clean_descriptor(value)

    def _drop_idle_creators(self, ds: Dataset, creators: dict[int, str]) -> None:
        for tag in creators:
            block = tag & 0xFFFF
            is_used = any(
                other.group == tag >> 16 and other.element >> 8 == block
                for other in sorted(ds.keys())
                if other.is_private
            )
            if not is_used and Tag(tag) in ds:
                del ds[tag]
                self._note(Tag(tag), Action.REMOVE)

    def _note(self, tag: BaseTag, action: Action) -> None:
        if action not in (Action.KEEP, Action.DESCEND):
            self._changes[Change(tag_text(tag), keyword(tag), action)] += 1


def _vr_of(element: DataElement | RawDataElement) -> str:
    """Return the value representation of an element that may be unread; if implicit, that of the dictionary."""
    known = element.VR or (dictionary_VR(element.tag) if dictionary_has_tag(element.tag) else "UN")
    return str(known)


def _encodings(element: DataElement) -> list[bytes]:
    """Return the bytes, in both byte orders, of a value that has already been read."""
    written = []
    for is_little_endian in (True, False):
        buffer = DicomBytesIO()
        buffer.is_implicit_VR, buffer.is_little_endian = False, is_little_endian
        write_data_element(buffer, element, ["utf-8"])
        written.append(buffer.getvalue())
    return written


def _creators(ds: Dataset) -> dict[int, str]:
    """Return the private creators of a data set that reserve blocks (PS3.5 7.8.1)."""
    found = {}
    for tag in sorted(ds.keys()):
        if tag.is_private_creator:
            try:
                found[int(tag)] = str(ds[tag].value).strip()
            except Exception:  # noqa: S112 - without its name, the block is not on the safe list
                continue
    return found


def _require_silent_pixels(ds: Dataset, patient: Patient, rules: Rules, needles: Needles) -> None:
    pixels = ds.get("PixelData") or b""
    days = rules.salt.days(patient.key)
    is_dated = Option.FULL_DATES not in rules.options and find_date(pixels, patient.identifiers.dates, days=days)
    hit = needles.in_bytes(pixels, pixels=(0, len(pixels))) or own_in_pixels(pixels, patient.identifiers.texts)
    if hit or is_dated:
        raise DicomError("an identifier occurs in the bytes of PixelData, which are never changed")
