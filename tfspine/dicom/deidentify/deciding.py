"""Numbers without which ingest would decide otherwise."""

from pydicom.datadict import tag_for_keyword
from pydicom.tag import BaseTag

from tfspine.dicom.deidentify.actions import keyword
from tfspine.errors import DicomError

_DECIDING_KEYWORDS = """
    ImagePositionPatient ImageOrientationPatient PixelSpacing RepetitionTime EchoTime EffectiveEchoTime InversionTime
    InversionTimes RescaleSlope RescaleIntercept Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation
"""
_DECIDING = frozenset(tag_for_keyword(name) for name in _DECIDING_KEYWORDS.split())
"""Numbers by which ingest places a slice, chooses a series or reads the pixels. A file that had to lose one is refused:
without its echo time, say, a series that ingest refuses would pass for what its description says."""


def require_spare(tag: BaseTag, form: bytes) -> None:
    """Raise where a value was to be removed without which a picture, or the choice of its series, would be another.

    Raises:
        DicomError: the reason, with the attribute and without its value.
    """
    if tag in _DECIDING and form.strip(b" \0"):
        raise DicomError(
            f"{keyword(tag)} cannot be kept: it is no number, or equals an identifier; correct the original"
        )
