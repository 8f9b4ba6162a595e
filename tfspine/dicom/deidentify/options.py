"""The options of PS3.15 Annex E that can be chosen, and their codes (PS3.16 CID 7050)."""

from collections.abc import Collection

from pydicom.dataset import Dataset

from tfspine.compat import StrEnum
from tfspine.errors import ConfigError


class Option(StrEnum):
    """What is kept beyond the Basic Profile, or cleaned where the profile would remove it (PS3.15 E.3)."""

    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    FULL_DATES = "full-dates"
    MODIFIED_DATES = "modified-dates"
    PATIENT_CHARACTERISTICS = "patient-characteristics"
    DEVICE_IDENTITY = "device-identity"
    UIDS = "uids"
    SAFE_PRIVATE = "safe-private"


DEFAULT_OPTIONS = frozenset(
    {
        Option.CLEAN_DESCRIPTORS,
        Option.MODIFIED_DATES,
        Option.PATIENT_CHARACTERISTICS,
        Option.DEVICE_IDENTITY,
        Option.SAFE_PRIVATE,
    }
)
"""Without clean-pixel-data: as the pixels are not inspected, that option accepts only images with BurnedInAnnotation
NO, which few MR images have. Without it, only images with BurnedInAnnotation YES are refused."""


class Profile(StrEnum):
    """The options used by default."""

    RESEARCH = "research"
    BASIC = "basic"


OPTIONS_OF: dict[Profile, frozenset[Option]] = {Profile.RESEARCH: DEFAULT_OPTIONS, Profile.BASIC: frozenset()}
"""The Basic Profile alone removes or empties dates and times, age, sex and weight, descriptions of study, series and
protocol, names and numbers of devices, and all private elements. Patients can then not be followed over time, ages are
unknown, and series can only be chosen by their acquisition parameters."""

BASIC_PROFILE = ("113100", "Basic Application Confidentiality Profile")

CODES: dict[Option, tuple[str, str]] = {
    Option.CLEAN_PIXEL_DATA: ("113101", "Clean Pixel Data Option"),
    Option.CLEAN_DESCRIPTORS: ("113105", "Clean Descriptors Option"),
    Option.FULL_DATES: ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Option.MODIFIED_DATES: ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    Option.PATIENT_CHARACTERISTICS: ("113108", "Retain Patient Characteristics Option"),
    Option.DEVICE_IDENTITY: ("113109", "Retain Device Identity Option"),
    Option.UIDS: ("113110", "Retain UIDs Option"),
    Option.SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
}


def check_options(options: Collection[Option]) -> frozenset[Option]:
    """Return the options as a set.

    Raises:
        ConfigError: two options contradict each other.
    """
    if Option.FULL_DATES in options and Option.MODIFIED_DATES in options:
        raise ConfigError("options full-dates and modified-dates; expected at most one of the two; leave one out")
    return frozenset(options)


def method_codes(options: Collection[Option]) -> list[Dataset]:
    """Return the items of DeidentificationMethodCodeSequence: the profile first, then its options by code."""
    return [_code(*pair) for pair in (BASIC_PROFILE, *sorted(CODES[option] for option in options))]


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item
