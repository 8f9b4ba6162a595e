"""How a de-identified file declares its de-identification, and its file meta information."""

from collections import Counter

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

import tfspine
from tfspine.dicom.deidentify.actions import Action, tag_text
from tfspine.dicom.deidentify.options import Option, method_codes
from tfspine.dicom.deidentify.rules import Change, Rules


def declare(ds: Dataset, rules: Rules, changes: Counter[Change]) -> None:
    """Record in the data set that it was de-identified, and how (PS3.15 E.1.1, step 6)."""
    modified = {Option.MODIFIED_DATES: "MODIFIED", Option.FULL_DATES: "UNMODIFIED"}
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = f"tfspine {tfspine.__version__}"
    ds.DeidentificationMethodCodeSequence = method_codes(rules.options)
    ds.LongitudinalTemporalInformationModified = next(
        (word for option, word in modified.items() if option in rules.options), "REMOVED"
    )
    for name in (
        "PatientIdentityRemoved",
        "DeidentificationMethod",
        "DeidentificationMethodCodeSequence",
        "LongitudinalTemporalInformationModified",
    ):
        tag = Tag(name)
        for action in Action:  # the previous value was replaced, not removed
            changes.pop(Change(tag_text(tag), name, action), None)
        changes[Change(tag_text(tag), name, Action.ADD)] += 1


def renew_file_meta(ds: Dataset) -> None:
    """Replace the file meta information (PS3.15 E.1.1, step 7): no sender titles, no private information.

    A deflated file becomes an uncompressed one, so that the search afterwards can read its bytes.
    """
    syntax = ds.file_meta.TransferSyntaxUID
    if not ds.get("SOPClassUID"):
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID
    ds.preamble = bytes(128)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == DeflatedExplicitVRLittleEndian else syntax
