"""An enhanced multi-frame data set, taken apart into frames that read like classic images.

Functional groups (PS3.3 C.7.6.16 and C.8.13.5) are sequences of one item, shared by all frames or given for each.
Their attributes are laid flat over those of the whole: shared ones first, then the frame's own.
"""

from collections.abc import Iterator

import pydicom
from pydicom.dataset import Dataset

from tfspine.errors import DicomError

MOST_FRAMES = 4096

CLASSIC_KEYWORD = {
    "EffectiveEchoTime": "EchoTime",
    "InversionTimes": "InversionTime",
    "FrameType": "ImageType",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "InStackPositionNumber": "InstanceNumber",
}
"""What functional groups call by another name than the classic image."""

SCANNING_SEQUENCE = {"SPIN": ["SE"], "GRADIENT": ["GR"], "BOTH": ["GR", "SE"]}
"""EchoPulseSequence (PS3.3 C.8.13.4) in the words of ScanningSequence."""


def flattened_frames(ds: pydicom.Dataset) -> Iterator[Dataset]:
    """Yield one data set a frame, with the attributes of its functional groups at top level; a classic one as it is.

    Raises:
        DicomError: the number of frames contradicts the groups, or there are more than anyone measures.
    """
    per_frame = ds.get("PerFrameFunctionalGroupsSequence")
    frames = int(ds.get("NumberOfFrames") or 1)
    if per_frame is None:
        if frames != 1:
            raise DicomError(f"NumberOfFrames {frames} without functional groups; expected an enhanced MR image")
        yield ds
        return
    if frames != len(per_frame) or frames > MOST_FRAMES:
        raise DicomError(
            f"NumberOfFrames {frames}, functional groups for {len(per_frame)}; expected as many, at most {MOST_FRAMES}"
        )
    shared = _flat(*(ds.get("SharedFunctionalGroupsSequence") or ()))
    whole = {element.keyword: element.value for element in ds if not _is_group(element)}
    if "EchoPulseSequence" in whole:
        whole["ScanningSequence"] = SCANNING_SEQUENCE.get(str(whole["EchoPulseSequence"]), [])
    for groups in per_frame:
        frame = Dataset()
        for keyword, value in (whole | shared | _flat(groups)).items():
            if keyword:
                setattr(frame, keyword, value)
        yield frame


def _flat(*groups: Dataset) -> dict[str, object]:
    """Return the attributes inside the one-item sequences of functional groups, under their classic keyword."""
    flat: dict[str, object] = {}
    for group in groups:
        for macro in group:
            if macro.VR != "SQ" or macro.value is None or len(macro.value) != 1:
                continue
            if macro.keyword in ("AnatomicRegionSequence", "ContrastBolusAgentSequence"):
                flat[macro.keyword] = macro.value
                continue
            for element in macro.value[0]:
                flat[CLASSIC_KEYWORD.get(element.keyword, element.keyword)] = element.value
    return flat


def _is_group(element: pydicom.DataElement) -> bool:
    return element.keyword in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
