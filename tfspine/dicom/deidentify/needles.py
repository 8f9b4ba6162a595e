"""Search for original identifiers in texts and in bytes, within the limits of such a search.

These rules prevent a chance match from counting as a leak:

- Texts of at least three characters are searched for as whole words in every text of a data set (`Needles.in_text`);
  numbers need at least four digits.
- Texts of at least `IN_BYTES` bytes are searched for in all bytes outside the pixels, also inside longer words.
- Texts of at least `IN_PIXELS` bytes are also searched for in the pixels: eight random bytes equal one of 100,000 texts
  once in 2e14 positions. Comments in compressed pixels count as text. UTF-16 is not searched for there.
- Names and other texts of the file's own patient are searched for in the pixels from `OWN_IN_PIXELS` bytes on, since
  they are few (`own_in_pixels`).
- A number matches only if no digit is next to it and it is not a decimal part; in bytes it needs at least `IN_PIXELS`
  digits, three of them different. Numbers that could be a date are searched for in texts only.
- UIDs of at least `IN_PIXELS` characters are searched for as whole UIDs everywhere; shorter ones in UID elements.
- Days of a patient are searched for in all usual date formats, unless another day of the patient was shifted to them.
- Common words of DICOM files (`ordinary.py`) are not searched for alone, nor names inside such words: a patient called
  Head is found by Head^Anna, and the name Philip is not found in Philips.
- Texts that every output may contain (`ordinary.FIXED`), UIDs of the standard and our dummy dates are ignored.
"""

import datetime
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID

from tfspine.dicom.deidentify.dates import parse_date, renderings
from tfspine.dicom.deidentify.identifiers import Identifiers
from tfspine.dicom.deidentify.ordinary import FIXED, FIXED_VALUES, ORDINARY, is_ordinary, words_of
from tfspine.dicom.deidentify.pseudonyms import is_well_known

SHORTEST_TEXT = 3
SHORTEST_NUMBER = 4
"""Least number of digits; a StudyID of 001 occurs in many names of private blocks and in many version numbers."""

IN_BYTES = 6
IN_BYTES_FOREIGN = 4
"""Least bytes of a text that is not ASCII: two ideographs in GB 18030, for which no word boundary can be required."""

IN_PIXELS = 8
OWN_IN_PIXELS = 5
"""Least bytes of a text to search for in the pixels of its own patient: five random bytes equal one of ten texts in
three spellings once in 4e10 positions, so one of 140,000 8-bit images of 512 x 512 pixels is refused by chance."""

DUMMY_DATE = datetime.date(1900, 1, 1)
"""The dummy date if a date is required but unknown; programs write the same for an unknown date of birth."""

LONGEST_PHRASE = 8
"""Largest number of words; a longer text is searched for only by its bytes."""

ENCODINGS = (
    "utf-8", "latin-1", "utf-16-le", "utf-16-be", "iso2022_jp", "iso2022_jp_2", "shift_jis", "euc_jp", "iso2022_kr",
    "euc_kr", "gb18030", "big5", "iso8859_2", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8", "iso8859_9",
    "tis_620",
)  # fmt: skip
"""Encodings that DICOM allows (PS3.3 C.12.1.1.2), and others that private elements use."""

_NUMBER = re.compile(rb"[0-9.+\-]+")
_LETTERS = re.compile(rb"[a-z0-9]*")
_UID_RUN = re.compile(rb"[0-9.]{%d,}" % IN_PIXELS)
_WIDE_UID_RUN = re.compile(rb"[0-9.](?:\0[0-9.]){%d,}" % (IN_PIXELS - 1))
"""The same in UTF-16 of either byte order."""

_YEARS = range(1850, 2150)
"""Digits of a number that could be a date."""


@dataclass(frozen=True)
class Hit:
    """Where an original identifier was found: its kind and position in the file, without its value."""

    kind: str
    place: str


class Needles:
    """Identifiers prepared for the search."""

    def __init__(self, identifiers: Identifiers) -> None:
        texts = frozenset(text for text in identifiers.texts if not is_well_known(text))
        identifiers = replace(identifiers, texts=texts, uids=identifiers.uids - {PYDICOM_IMPLEMENTATION_UID})
        self._identifiers = identifiers
        self.phrases = frozenset(_searchable(identifiers.texts))
        self.uids = identifiers.uids
        self.count = sum(map(len, (identifiers.texts, identifiers.uids, identifiers.dates)))
        self.in_words_only = sum(map(_is_in_words_only, identifiers.texts))
        self.too_common = len(identifiers.texts) - sum(1 for text in identifiers.texts if _phrase(text) in self.phrases)

    def in_text(self, text: str, *, shortest: int = SHORTEST_TEXT) -> bool:
        """Return whether a text contains an identifier as whole words, ignoring case and punctuation.

        Args:
            text: the text to search.
            shortest: least number of characters of an identifier; one ideograph is always enough.
        """
        if text in FIXED_VALUES:
            return False
        words = words_of(text)
        for length in range(1, min(len(words), LONGEST_PHRASE) + 1):
            for start in range(len(words) - length + 1):
                phrase = " ".join(words[start : start + length])
                if phrase in self.phrases and (len(phrase) >= shortest or not phrase.isascii()):
                    return True
        return False

    def in_bytes(self, content: bytes, *, pixels: tuple[int, int] = (0, 0)) -> Hit | None:
        """Return the first identifier in `content`; `pixels` are the first byte of the pixels and their end."""
        low = _without_fixed(content.lower())
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


def own_in_pixels(pixels: bytes, texts: Iterable[str]) -> Hit | None:
    """Return the first text of the patient in the bytes of their pixels, as typed, in upper or in lower case."""
    for text in sorted(texts):
        form = text.strip()
        if len(form) < OWN_IN_PIXELS or not form.isascii() or form.isdigit() or is_ordinary(words_of(form)):
            continue
        for variant in {form, form.lower(), form.upper(), form.title()}:
            at = pixels.find(variant.encode())
            if at >= 0:
                return Hit("text", f"byte {at} of PixelData")
    return None


def find_date(content: bytes, dates: Collection[datetime.date], *, days: int) -> Hit | None:
    """Return the first original day of a patient, unless another of their days was shifted to it by `days`."""
    moved = {date + datetime.timedelta(days) for date in dates if date.toordinal() + days > 0}
    low = content.lower()
    for date in sorted(set(dates) - moved - {DUMMY_DATE}):
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
    """Byte strings by their first four bytes, so that all are searched for in one pass."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._by_start: dict[int, list[bytes]] = {}
        for form in forms:
            self._by_start.setdefault(int.from_bytes(form[:4], "little"), []).append(form)
        starts = np.fromiter(self._by_start, np.uint32, len(self._by_start))
        self._starts = np.sort(starts)
        self._first_two = np.zeros(1 << 16, np.bool_)
        self._first_two[starts & 0xFFFF] = True

    def candidates(self, content: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield positions and the byte strings found there, in order of position."""
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
        shortest = SHORTEST_NUMBER if phrase.replace(" ", "").isdigit() else SHORTEST_TEXT
        if len(phrase.replace(" ", "")) < shortest and phrase.isascii():
            continue
        if phrase and not is_ordinary(phrase.split()):
            yield phrase


def _is_in_words_only(text: str) -> bool:
    """Return whether a text is searched for only among the words of the headers and not in all bytes."""
    return any(True for _ in _searchable([text])) and not any(map(_is_worth, _encoded(text)))


def _phrase(text: str) -> str:
    return " ".join(words_of(text))


def _forms(identifiers: Identifiers) -> Iterator[bytes]:
    """Yield every byte string to search for, with ASCII letters in lower case."""
    found = {
        form.lower() for form in identifiers.forms if _is_worth(form) and not is_well_known(form.decode("latin-1"))
    }
    for text in identifiers.texts:
        if not is_ordinary(words_of(text)):
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
    """Yield the possible UIDs in a run of digits and dots, because adjacent bytes in the file may look like digits.

    A value has even length. A tag of group 0030 to 0039 directly after it starts with a digit in little endian; a
    length of 48 to 57 bytes directly before it ends with one in big endian.
    """
    for value in (run, run[:-1]) if len(run) % 2 else (run,):
        yield value
        if value and value[0] == len(value) - 1 + (len(value) - 1) % 2:
            yield value[1:]


def _is_worth(form: bytes) -> bool:
    """Return whether a byte string is too long for a chance match outside the pixels."""
    if not form.isascii() or b"\x1b" in form:
        return len(form) >= IN_BYTES_FOREIGN
    narrow = form.replace(b"\0", b"")
    if _NUMBER.fullmatch(narrow):
        is_long = sum(map(narrow.count, b"0123456789")) >= IN_PIXELS and len(set(narrow)) > 2
        return is_long and not _may_be_date(narrow.decode())
    return len(narrow) >= IN_BYTES and not is_ordinary(words_of(narrow.decode()))


def _may_be_date(digits: str) -> bool:
    date = parse_date(digits)
    return date is not None and date.year in _YEARS


def _is_short(form: bytes) -> bool:
    """Return whether pixels may match a byte string by chance: dark 16-bit pixels look like letters in UTF-16."""
    return len(form) < IN_PIXELS or b"\0" in form


def _wide(form: bytes) -> bytes:
    """Return ASCII as it appears in UTF-16 of either byte order, without the zero at one of its ends."""
    return b"\0".join(form[at : at + 1] for at in range(len(form)))


def _without_fixed(low: bytes) -> bytes:
    """Return bytes in lower case, with zeros in place of texts that every output may contain."""
    for text in _FIXED_FORMS:
        if text in low:
            low = low.replace(text, bytes(len(text)))
    return low


_FIXED_FORMS = tuple(text.lower().encode() for text in FIXED)


def _stands_alone(content: bytes, at: int, form: bytes) -> bool:
    """Return whether a match is neither part of a longer number nor part of an ordinary word."""
    end = at + len(form)
    if _NUMBER.fullmatch(form):
        before, after = content[max(at - 1, 0) : at], content[end : end + 1]
        return not (before.isdigit() or before == b"." or after.isdigit() or (after == b"." and b"." in form))
    if not form.isalnum():
        return True
    start = at
    while start and content[start - 1 : start].isalnum():
        start -= 1
    word = content[start:end] + (_LETTERS.match(content, end) or [b""])[0]
    # The bytes next to a value, its length or the next tag, may look like a letter.
    return ORDINARY.isdisjoint(part.decode("latin-1") for part in (word, word[1:], word[:-1], word[1:-1]))
