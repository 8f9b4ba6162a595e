"""Looking for original identifiers in texts and in bytes, with the limits of what a search can tell.

How a hit by chance is kept from counting as a leak:

- Texts of three characters and more are looked for as whole words in every text of a data set (`Needles.in_text`).
- Texts of `IN_BYTES` bytes and more are looked for in every byte outside the pixels, inside longer words too.
- Texts of `IN_PIXELS` bytes and more are looked for in the pixels too: eight random bytes equal one of 100,000 texts
  once in 2e14 places. Comments in compressed pixels count as text. UTF-16 is not looked for there.
- A number is found where no digit stands beside it and it is no decimal part, and from `IN_PIXELS` digits on in bytes;
  numbers that could be a date are looked for in texts only.
- UIDs of `IN_PIXELS` characters and more are looked for as whole UIDs everywhere; shorter ones in UID elements.
- Days of a patient are looked for in the usual ways of writing them, unless another day of theirs was moved there.
- Words of MR imaging and of our own declarations (`ORDINARY`) are not looked for alone: a patient called Head is
  found by Head^Anna.
"""

import datetime
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tfspine.dicom.deidentify.dates import parse_date, renderings
from tfspine.dicom.deidentify.descriptors import DESCRIPTOR_WORDS
from tfspine.dicom.deidentify.identifiers import Identifiers
from tfspine.dicom.deidentify.options import CODES

SHORTEST_TEXT = 3
IN_BYTES = 6
IN_BYTES_FOREIGN = 4
"""Bytes of a text that is not ASCII: two ideographs in GB 18030; no boundary can be asked of them."""

IN_PIXELS = 8
LONGEST_PHRASE = 8
"""Words; a longer text is looked for by its bytes alone."""

_WORDS = """
    original primary derived secondary other mixed volume none yes no norm dis2d dis3d mfsplit head hfs hfp ffs ffp
    monochrome1 monochrome2 iso_ir iso ir 2022 192 100 dcm srt sct ucum spin echo gradient unknown anonymous anonymized
    anonymised anon removed test patient name male female research segmented row col linear unsigned signed
    siemens philips ge medical systems healthineers healthcare canon toshiba hitachi signa skyra aera ingenia achieva
"""

ORDINARY = (
    frozenset(word.lower() for word in DESCRIPTOR_WORDS)
    | frozenset(_WORDS.split())
    | frozenset(word.lower() for _, meaning in CODES.values() for word in meaning.split())
)

ENCODINGS = (
    "utf-8", "latin-1", "utf-16-le", "utf-16-be", "iso2022_jp", "iso2022_jp_2", "shift_jis", "euc_jp", "iso2022_kr",
    "euc_kr", "gb18030", "big5", "iso8859_2", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8", "iso8859_9",
    "tis_620",
)  # fmt: skip
"""What DICOM allows (PS3.3 C.12.1.1.2) and what private elements use besides."""

_WORD = re.compile(r"\w+")
_DIGITS = re.compile(rb"[0-9]+")
_UID_RUN = re.compile(rb"[0-9.]{%d,}" % IN_PIXELS)
_WIDE_UID_RUN = re.compile(rb"[0-9.](?:\0[0-9.]){%d,}" % (IN_PIXELS - 1))
"""The same in UTF-16 of either byte order."""

_YEARS = range(1850, 2150)
"""Of a number that could be a date."""


@dataclass(frozen=True)
class Hit:
    """Where an original identifier was found: its kind, and the place in the file (its value is not repeated)."""

    kind: str
    place: str


class Needles:
    """Identifiers, ready to be looked for."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self.phrases = frozenset(_searchable(identifiers.texts))
        self.uids = identifiers.uids
        self.count = sum(map(len, (identifiers.texts, identifiers.uids, identifiers.dates)))
        self.too_common = len(identifiers.texts) - sum(1 for text in identifiers.texts if _phrase(text) in self.phrases)

    def in_text(self, text: str, *, shortest: int = SHORTEST_TEXT) -> bool:
        """Return whether a text holds an identifier as whole words, whatever the case and the punctuation.

        Args:
            text: what is searched.
            shortest: how many characters an identifier has at least; one ideograph counts as enough.
        """
        words = _WORD.findall(text.casefold().replace("_", " "))
        for length in range(1, min(len(words), LONGEST_PHRASE) + 1):
            for start in range(len(words) - length + 1):
                phrase = " ".join(words[start : start + length])
                if phrase in self.phrases and (len(phrase) >= shortest or not phrase.isascii()):
                    return True
        return False

    def in_bytes(self, content: bytes, *, pixels: tuple[int, int] = (0, 0)) -> Hit | None:
        """Return the first identifier in `content`; `pixels` are the first byte of the pixels and the one past them."""
        low = content.lower()
        for at, form in self._index.candidates(low):
            is_in_pixels = pixels[0] <= at < pixels[1]
            if not (is_in_pixels and _is_short(form)) and _stands_alone(low, at, form):
                return Hit("text", f"byte {at}")
        return self.uid_in_bytes(content)

    def uid_in_bytes(self, content: bytes) -> Hit | None:
        """Return the first original UID in `content`."""
        uids = self._uid_forms
        runs = (*_UID_RUN.finditer(content), *_WIDE_UID_RUN.finditer(content)) if uids else ()
        for match in runs:
            if not uids.isdisjoint(_uid_readings(match[0].replace(b"\0", b"").strip(b"."))):
                return Hit("UID", f"byte {match.start()}")
        return None

    @cached_property
    def _index(self) -> "_Index":
        return _Index(form for form in _forms(self._identifiers))

    @cached_property
    def _uid_forms(self) -> frozenset[bytes]:
        return frozenset(uid.encode() for uid in self._identifiers.uids if len(uid) >= IN_PIXELS)


def find_date(content: bytes, dates: Collection[datetime.date], *, days: int) -> Hit | None:
    """Return the first original day of a patient, unless another of their days was moved there by `days`."""
    moved = {date + datetime.timedelta(days) for date in dates if date.toordinal() + days > 0}
    low = content.lower()
    for date in sorted(set(dates) - moved):
        for text in renderings(date):
            for form in (text.encode(), _wide(text.encode())):
                at = low.find(form)
                while at >= 0:
                    if low[max(at - 1, 0) : at] not in _BEFORE_NO_DATE:
                        return Hit("date", f"byte {at}")
                    at = low.find(form, at + 1)
    return None


_BEFORE_NO_DATE = frozenset(bytes([byte]) for byte in b"0123456789.")


class _Index:
    """Byte strings by their first four bytes, so that all are looked for in one pass."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._by_start: dict[int, list[bytes]] = {}
        for form in forms:
            self._by_start.setdefault(int.from_bytes(form[:4], "little"), []).append(form)
        starts = np.fromiter(self._by_start, np.uint32, len(self._by_start))
        self._starts = np.sort(starts)
        self._first_two = np.zeros(1 << 16, np.bool_)
        self._first_two[starts & 0xFFFF] = True

    def candidates(self, content: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield places and byte strings found there, first place first."""
        if not self._by_start or len(content) < 4:
            return
        bytes_ = np.frombuffer(content, np.uint8)
        pairs = bytes_[:-1].astype(np.uint16) | bytes_[1:].astype(np.uint16) << np.uint16(8)
        places = np.flatnonzero(self._first_two[pairs[:-2]])
        starts = pairs[places].astype(np.uint32) | pairs[places + 2].astype(np.uint32) << np.uint32(16)
        for at in places[np.isin(starts, self._starts)].tolist():
            for form in self._by_start[int.from_bytes(content[at : at + 4], "little")]:
                if content.startswith(form, at):
                    yield at, form


def _searchable(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        phrase = _phrase(text)
        if len(phrase) < SHORTEST_TEXT and phrase.isascii():
            continue
        if phrase and not all(word in ORDINARY for word in phrase.split()):
            yield phrase


def _phrase(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold().replace("_", " ")))


def _forms(identifiers: Identifiers) -> Iterator[bytes]:
    """Yield every byte string to look for, in lower case as far as ASCII goes."""
    found = {form.lower() for form in identifiers.forms if _is_worth(form)}
    for text in identifiers.texts:
        if not all(word in ORDINARY for word in _phrase(text).split()):
            found.update(form.lower() for form in _encoded(text) if _is_worth(form))
    yield from sorted(found)


def _encoded(text: str) -> Iterator[bytes]:
    if text.isascii():
        yield text.encode()
        yield _wide(text.encode())
        return
    for variant in {text, text.lower(), text.upper()}:
        for encoding in ENCODINGS:
            try:
                yield variant.encode(encoding)
            except UnicodeEncodeError:
                continue


def _uid_readings(run: bytes) -> Iterator[bytes]:
    """Yield what UIDs a run of digits and dots can be: its neighbours in the file may look like digits.

    A value is of even length. A tag of group 0030 to 0039 right behind it starts with a digit in little endian; the
    length of 48 to 57 bytes right before it is one in big endian.
    """
    for value in (run, run[:-1]) if len(run) % 2 else (run,):
        yield value
        if value and value[0] == len(value) - 1 + (len(value) - 1) % 2:
            yield value[1:]


def _is_worth(form: bytes) -> bool:
    """Return whether a byte string is long enough to be no chance hit outside the pixels."""
    if not form.isascii() or b"\x1b" in form:
        return len(form) >= IN_BYTES_FOREIGN
    narrow = form.replace(b"\0", b"")
    if _DIGITS.fullmatch(narrow):
        return len(narrow) >= IN_PIXELS and not _may_be_date(narrow.decode())
    is_ordinary = all(word in ORDINARY for word in _phrase(narrow.decode()).split())
    return len(narrow) >= IN_BYTES and not is_ordinary


def _may_be_date(digits: str) -> bool:
    date = parse_date(digits)
    return date is not None and date.year in _YEARS


def _is_short(form: bytes) -> bool:
    """Return whether pixels may equal a byte string by chance: dark 16-bit pixels look like letters in UTF-16."""
    return len(form) < IN_PIXELS or b"\0" in form


def _wide(form: bytes) -> bytes:
    """Return ASCII as UTF-16 of either byte order holds it, without the zero at one of its ends."""
    return b"\0".join(form[at : at + 1] for at in range(len(form)))


def _stands_alone(content: bytes, at: int, form: bytes) -> bool:
    """Return whether a number is no part of a longer one; what is no number always stands alone."""
    if not _DIGITS.fullmatch(form):
        return True
    before, after = content[max(at - 1, 0) : at], content[at + len(form) : at + len(form) + 1]
    return not (before.isdigit() or before == b"." or after.isdigit())
