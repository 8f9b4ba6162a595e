"""The action for one element: the standard's table, its changes by the options, and a rule for all other elements.

The table is PS3.15 Table E.1-1 of 2026c from the package dicom-anonymizer (Kitware, BSD, 35 kB). Only the table of that
package is used: for most attributes its functions do not enter sequences, they draw UIDs at random in each process, set
every date to the year 1, and support neither salt nor options. dicognito keeps private elements and every text for
which it has no handler; deid is a language for recipes, and its own recipe is not the standard's table; idiscore
supports the options too, but requires Python 3.12.

The table lists attributes known to identify. Others are kept only if their value representation cannot contain a name:
numbers, coded words, and the free texts in `SAFE_TEXTS`.
"""

from collections.abc import Collection

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table_e1_1
from pydicom.datadict import keyword_for_tag
from pydicom.tag import BaseTag, Tag

from tfspine.compat import StrEnum
from tfspine.dicom.deidentify.options import Option


class Action(StrEnum):
    """What is done with an element, as reported in `report.csv`."""

    KEEP = "kept"
    DESCEND = "items cleaned"
    REMOVE = "removed"
    EMPTY = "emptied"
    REPLACE = "replaced"
    MAP = "mapped"
    SHIFT = "shifted"
    CLEAN = "cleaned"
    CAP = "capped"
    ADD = "added"


def _tags(*keywords: str) -> frozenset[int]:
    return frozenset(int(Tag(keyword)) for keyword in " ".join(keywords).split())


# The first letter that any IOD could demand decides: an empty or dummy value is legal where the standard would also
# let the attribute go.
_LISTED: dict[tuple[int, ...], Action] = {
    **dict.fromkeys(table_e1_1.X_TAGS, Action.REMOVE),
    **dict.fromkeys(table_e1_1.X_Z_TAGS, Action.EMPTY),
    **dict.fromkeys(table_e1_1.Z_TAGS, Action.EMPTY),
    **dict.fromkeys(table_e1_1.D_TAGS, Action.REPLACE),
    **dict.fromkeys(table_e1_1.Z_D_TAGS, Action.REPLACE),
    **dict.fromkeys(table_e1_1.X_D_TAGS, Action.REPLACE),
    **dict.fromkeys(table_e1_1.X_Z_D_TAGS, Action.REPLACE),
    **dict.fromkeys(table_e1_1.U_TAGS, Action.MAP),
    **dict.fromkeys(table_e1_1.X_Z_U_STAR_TAGS, Action.DESCEND),
}

_OF_PATIENT = _tags("PatientID PatientName")
_BIRTH = _tags("PatientBirthDate PatientBirthTime")

_CHARACTERISTICS = _tags(
    "EthnicGroup PatientSex PatientSexNeutered PatientSize PatientWeight PregnancyStatus SmokingStatus"
)
_AGE = _tags("PatientAge")
"""Column Rtn. Pat. Chars. of Table E.1-1; free texts that may be cleaned, such as Allergies, are removed."""

_DEVICE = _tags(
    "CassetteID DetectorID DeviceDescription DeviceLabel DeviceSerialNumber DeviceUID GantryID GeneratorID",
    "ManufacturerDeviceClassUID ManufacturerDeviceIdentifier PerformedStationName PlateID ScheduledStationName",
    "PerformedStationNameCodeSequence ScheduledStationNameCodeSequence SourceSerialNumber StationName UDISequence",
    "UniqueDeviceIdentifier",
)
"""Column Rtn. Dev. Id.; application entity titles, which may be cleaned according to it, are not kept."""

_DESCRIPTORS = _tags(
    "AcquisitionProtocolDescription PerformedProcedureStepDescription ProtocolName RequestedProcedureDescription",
    "RequestedSeriesDescription ScheduledProcedureStepDescription SeriesDescription StudyDescription",
)
"""Column Clean Desc., for texts that are likely to contain MR imaging words; comments and narratives are removed."""

_REFERENCES = _tags(
    "ReferencedImageSequence ReferencedPatientSequence ReferencedPerformedProcedureStepSequence",
    "ReferencedStudySequence SourceImageSequence",
)

SAFE_TEXTS = _tags(
    "Manufacturer ManufacturerModelName SoftwareVersions SequenceName PulseSequenceName ImagedNucleus ResonantNucleus",
    "ReceiveCoilName ReceiveCoilManufacturerName TransmitCoilName TransmitCoilManufacturerName RescaleType",
    "PositionReferenceIndicator WindowCenterWidthExplanation LUTExplanation ModalityLUTType StackID",
    "DimensionDescriptionLabel AcquisitionContrast CodeValue LongCodeValue CodeMeaning CodingSchemeDesignator",
    "CodingSchemeVersion MultiCoilConfiguration MultiCoilElementName",
)
"""Free texts that scanners fill in automatically and that distinguish sequences."""

_PIXELS = _tags("PixelData FloatPixelData DoubleFloatPixelData ExtendedOffsetTable ExtendedOffsetTableLengths LUTData")

_NEVER = _tags(
    "IconImageSequence EncryptedAttributesSequence DigitalSignaturesSequence MACParametersSequence",
    "DataSetTrailingPadding",
)

TEXT_VRS = frozenset({"AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
_NUMBER_VRS = frozenset({"AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV", "US or SS", "US or OW"})

SAFE_PRIVATE: dict[tuple[int, str, int], str] = {
    (0x0019, "SIEMENS MR HEADER", 0x0C): "IS",
    (0x0019, "SIEMENS MR HEADER", 0x0E): "FD",
    (0x0019, "SIEMENS MR HEADER", 0x27): "FD",
    (0x2001, "Philips Imaging DD 001", 0x03): "FL",
    (0x2005, "Philips MR Imaging DD 001", 0x0D): "FL",
    (0x2005, "Philips MR Imaging DD 001", 0x0E): "FL",
    (0x0043, "GEMS_PARM_01", 0x39): "IS",
}
"""Group, creator and element: value representation. The numbers of MR images in PS3.15 Table E.3.10-1 (Safe Private
Attributes), compared with it row by row: b-values, gradient directions, Philips' scale slope and intercept. The table's
words, such as (2001,xx04) Diffusion Direction, are left out.
"""


def action_for(tag: BaseTag, vr: str, options: Collection[Option]) -> Action:
    """Return the action of the profile and its options for a standard element; private ones: `is_safe_private`."""
    if tag in _NEVER or _is_foreign_group(tag):
        return Action.REMOVE
    by_option = _by_option(tag, vr, options)
    if by_option is not None:
        return by_option
    listed = _LISTED.get((tag.group, tag.element))
    if listed is None:
        return _by_vr(tag, vr)
    if vr == "SQ":
        return Action.REMOVE if listed is Action.REPLACE else listed
    return Action.REPLACE if tag in _OF_PATIENT else listed


def is_safe_private(tag: BaseTag, creator: str, vr: str, options: Collection[Option]) -> bool:
    """Return whether a private element is one of the standard's safe ones and is kept."""
    safe_vr = SAFE_PRIVATE.get((tag.group, creator, tag.element & 0xFF))
    return Option.SAFE_PRIVATE in options and safe_vr == vr


def keyword(tag: BaseTag) -> str:
    """Return the DICOM keyword of an element; empty for private and unknown ones."""
    return "" if tag.is_private else keyword_for_tag(tag)


def _is_foreign_group(tag: BaseTag) -> bool:
    """Commands, file meta information and group lengths do not belong here; curves and overlays are drawn over."""
    return tag.group < 0x0008 or tag.element == 0 or tag.group >> 8 in (0x50, 0x60)


def _by_option(tag: BaseTag, vr: str, options: Collection[Option]) -> Action | None:
    is_temporal = vr in ("DA", "DT", "TM") and tag not in _BIRTH
    if is_temporal and Option.MODIFIED_DATES in options:
        return Action.KEEP if vr == "TM" else Action.SHIFT
    if is_temporal and Option.FULL_DATES in options:
        return Action.KEEP
    if Option.DEVICE_IDENTITY in options and tag in _DEVICE:
        return Action.DESCEND if vr == "SQ" else Action.KEEP
    if Option.PATIENT_CHARACTERISTICS in options and tag in _CHARACTERISTICS | _AGE:
        return Action.CAP if tag in _AGE else Action.KEEP
    if Option.CLEAN_DESCRIPTORS in options and tag in _DESCRIPTORS:
        return Action.CLEAN
    if Option.UIDS in options and (vr == "UI" or tag in _REFERENCES):
        return Action.DESCEND if vr == "SQ" else Action.KEEP
    return None


def _by_vr(tag: BaseTag, vr: str) -> Action:
    """Decide on an element that Table E.1-1 does not list."""
    if vr == "SQ":
        return Action.DESCEND
    if vr == "UI":
        return Action.MAP
    if tag in _PIXELS or tag in SAFE_TEXTS or vr in _NUMBER_VRS or vr == "CS":
        return Action.KEEP
    return Action.EMPTY if vr == "PN" else Action.REMOVE


def tag_text(tag: BaseTag) -> str:
    """Return a tag as the standard writes it: ``(0010,0020)``."""
    plain = Tag(tag)
    return f"({plain.group:04X},{plain.element:04X})"
