"""Numbers on which the decisions of ingest depend."""

from pydicom.datadict import tag_for_keyword
from pydicom.tag import BaseTag

from tfspine.dicom.deidentify.actions import keyword
from tfspine.errors import DicomError

_DECIDING_KEYWORDS = """
    ImagePositionPatient ImageOrientationPatient PixelSpacing RepetitionTime EchoTime EffectiveEchoTime InversionTime
    InversionTimes RescaleSlope RescaleIntercept Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation
"""
_DECIDING = frozenset(tag_for_keyword(name) for name in _DECIDING_KEYWORDS.split())
"""Numbers that ingest uses to place a slice, choose a series or read the pixels. A file that would lose one is refused:
without the echo time, for example, ingest would have to trust the description of a series that it would refuse."""


def require_spare(tag: BaseTag, form: bytes) -> None:
    """Raise if a value would be removed on which the image or the choice of its series depends.

    Raises:
        DicomError: the reason, with the attribute and without its value.
    """
    if tag in _DECIDING and form.strip(b" \0"):
        raise DicomError(
            f"{keyword(tag)} cannot be kept: it is no number, or equals an identifier; correct the original"
        )
