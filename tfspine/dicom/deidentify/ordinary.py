"""Common words of DICOM files, which do not identify a person and are therefore not searched for.

An identifier that consists only of such words (a patient called Head, a department called Imaging, a hospital called
Siemens Medical) is not searched for on its own, and one that is part of such a word (Philip in Philips) does not match
it. Longer forms of the same identifier (Head^Anna) are searched for.
"""

import re
from collections.abc import Iterator

import pydicom

import tfspine
from tfspine.dicom.deidentify.actions import SAFE_PRIVATE
from tfspine.dicom.deidentify.options import BASIC_PROFILE, CODES
from tfspine.dicom.series_words import SAFE_WORDS

_CODED = """
    original primary derived secondary other mixed volume none yes no norm dis2d dis3d mfsplit head hfs hfp ffs ffp hfdl
    hfdr ffdl ffdr monochrome1 monochrome2 iso_ir iso ir 2022 192 100 localizer projection image posdisp mosaic adc
    subtraction magnitude real imaginary velocity map water fat in_phase out_phase opp_phase opposed_phase
    fat_fraction fat_sat sfs ffe m_se m_ir m_ffe se_m spin echo gradient spectral research segmented row col linear
    sigmoid unsigned signed male female breast brain chest neck abdomen pelvis cspine tspine lspine tlspine lsspine
    sspine whole body lumbar thoracic cervical vertebra vertebral column region level structure entire anatomical
"""
_OF_CODES = "dcm srt sct snm3 ucum radlex l spine l-spine t c s"
_OF_PROGRAMS = f"pydicom {pydicom.__version__} tfspine {tfspine.__version__} removed"
_NOBODY = """
    unknown anonymous anonymized anonymised anon test patient name id imaging radiology department hospital clinic
    center centre medical institute institution university mri mr scanner study series
"""
_VENDORS = """
    siemens healthineers healthcare philips ge general electric gems canon toshiba hitachi fujifilm fuji esaote uih
    united imaging mindray neusoft paramed fonar bruker agfa gmbh inc ltd corporation company systems technologies
    magnetom skyra aera avanto espree symphony prisma ingenia achieva intera gyroscan panorama signa optima discovery
    architect voyager explorer brivo vantage echelon airis aperto syngo numaris
"""


def _all_words() -> Iterator[str]:
    for text in (_CODED, _OF_CODES, _OF_PROGRAMS, _NOBODY, _VENDORS, *SAFE_WORDS):
        yield from words_of(text)
    for _, creator, _ in SAFE_PRIVATE:
        yield from words_of(creator)
    for _, meaning in (BASIC_PROFILE, *CODES.values()):
        yield from words_of(meaning)


_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Return the words of a text, ignoring case and punctuation."""
    return _WORD.findall(text.casefold().replace("_", " "))


ORDINARY = frozenset(_all_words())

FIXED: tuple[str, ...] = (
    *sorted({creator for _, creator, _ in SAFE_PRIVATE}),
    *sorted(meaning for _, meaning in (BASIC_PROFILE, *CODES.values())),
    f"tfspine {tfspine.__version__}",
    f"PYDICOM {pydicom.__version__}",
)
"""Texts that every output may contain: names of private blocks on the safe list, and our own declaration."""

FIXED_VALUES = frozenset({*FIXED, BASIC_PROFILE[0], *(value for value, _ in CODES.values())})
"""The same texts and our codes, if they are the whole value."""


def is_ordinary(words: list[str]) -> bool:
    """Return whether all words are ordinary."""
    return all(word in ORDINARY for word in words)


def ordinary_words(text: str) -> str:
    """Return the ordinary words of a text, as typed: of ``GE MEDICAL SYSTEMS Kingsworth`` the first three."""
    return " ".join(word for word in _WORD.findall(text.replace("_", " ")) if word.casefold() in ORDINARY)
