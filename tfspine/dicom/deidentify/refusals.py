"""Files that are refused: they may identify the patient outside the header, or would lose what ingest needs."""

from collections.abc import Collection

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from tfspine.dicom.deidentify.actions import keyword
from tfspine.dicom.deidentify.options import Option
from tfspine.errors import DicomError

SOP_CLASSES = frozenset({MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage})
"""MR images. Secondary captures, reports, encapsulated documents and unknown classes may contain anything."""

DRAWN_IMAGE_TYPES = frozenset({"SCREEN SAVE", "SCREENSAVE", "SCREEN", "POSDISP", "REPORT", "CSA REPORT", "COLLAGE"})
"""Words of ImageType for images with text or lines drawn into them; POSDISP is Siemens' position display."""

_DECIDING_KEYWORDS = """
    ImagePositionPatient ImageOrientationPatient PixelSpacing RepetitionTime EchoTime EffectiveEchoTime InversionTime
    InversionTimes RescaleSlope RescaleIntercept Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation
"""
_DECIDING = frozenset(tag_for_keyword(name) for name in _DECIDING_KEYWORDS.split())
"""Numbers that ingest uses to place a slice, choose a series or read the pixels. A file that would lose one is refused:
without the echo time, for example, ingest would have to trust the description of a series that it would refuse."""


def require_cleanable(ds: Dataset, options: Collection[Option]) -> None:
    """Raise if a file cannot be de-identified by its header alone.

    Raises:
        DicomError: the reason, without any value from the file except codes of the standard.
    """
    sop_class = UID(str(ds.get("SOPClassUID") or ds.file_meta.get("MediaStorageSOPClassUID") or ""))
    if sop_class not in SOP_CLASSES:
        known = sop_class.name if sop_class.is_valid and sop_class.name != sop_class else "unknown or private SOP class"
        raise DicomError(f"{known}; only MR images are de-identified")
    burned_in = str(ds.get("BurnedInAnnotation", "")).strip().upper()
    if burned_in == "YES":
        raise DicomError("BurnedInAnnotation YES; the pixels may show the patient's name")
    if Option.CLEAN_PIXEL_DATA in options and burned_in != "NO":
        raise DicomError("BurnedInAnnotation is not NO, which the option clean-pixel-data requires")
    if str(ds.get("RecognizableVisualFeatures", "")).strip().upper() == "YES":
        raise DicomError("RecognizableVisualFeatures YES; the patient may be recognized in the picture")
    words = ds.get("ImageType") or ()
    drawn = DRAWN_IMAGE_TYPES.intersection(
        str(word).strip().upper() for word in ([words] if isinstance(words, str) else words)
    )
    if drawn:
        raise DicomError(f"ImageType {min(drawn)}; text may be drawn into the image")
    if not str(ds.get("PhotometricInterpretation", "")).startswith("MONOCHROME"):
        raise DicomError("a colour or pseudo-colour image; MR images are grey, and colour is used to draw on them")


def require_spare(tag: BaseTag, form: bytes) -> None:
    """Raise if a value would be removed on which the image or the choice of its series depends.

    Raises:
        DicomError: the reason, with the attribute and without its value.
    """
    if tag in _DECIDING and form.strip(b" \0"):
        raise DicomError(
            f"{keyword(tag)} cannot be kept: it is not a number, or equals an identifier; correct the original"
        )
