"""Files that are refused, because they may identify the patient outside the header."""

from collections.abc import Collection

from pydicom.dataset import Dataset
from pydicom.uid import UID, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from tfspine.dicom.deidentify.options import Option
from tfspine.errors import DicomError

SOP_CLASSES = frozenset({MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage})
"""MR images. Secondary captures, reports, encapsulated documents and unknown classes may contain anything."""

DRAWN_IMAGE_TYPES = frozenset({"SCREEN SAVE", "SCREENSAVE", "SCREEN", "POSDISP", "REPORT", "CSA REPORT", "COLLAGE"})
"""Words of ImageType for images with text or lines drawn into them; POSDISP is Siemens' position display."""


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
        raise DicomError("BurnedInAnnotation YES; the pixels may name the patient")
    if Option.CLEAN_PIXEL_DATA in options and burned_in != "NO":
        raise DicomError("no BurnedInAnnotation NO, which the option clean-pixel-data asks for")
    if str(ds.get("RecognizableVisualFeatures", "")).strip().upper() == "YES":
        raise DicomError("RecognizableVisualFeatures YES; the patient may be known by the picture")
    words = ds.get("ImageType") or ()
    drawn = DRAWN_IMAGE_TYPES.intersection(
        str(word).strip().upper() for word in ([words] if isinstance(words, str) else words)
    )
    if drawn:
        raise DicomError(f"ImageType {min(drawn)}; text may be drawn into the image")
    if not str(ds.get("PhotometricInterpretation", "")).startswith("MONOCHROME"):
        raise DicomError("a colour or pseudo-colour image; MR images are grey, and colour is used to draw on them")
