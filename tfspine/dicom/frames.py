"""Split an enhanced multi-frame data set into frames that can be read like classic images.

Functional groups (PS3.3 C.7.6.16 and C.8.13.5) are sequences of one item, either shared by all frames or per frame.
Their attributes take precedence over those of the whole data set: first the per-frame ones, then the shared ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pydicom

from tfspine.errors import DicomError

MOST_FRAMES = 4096

CLASSIC_KEYWORD = {
    "EffectiveEchoTime": "EchoTime",
    "InversionTimes": "InversionTime",
    "FrameType": "ImageType",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "InStackPositionNumber": "InstanceNumber",
}
"""Attributes whose keyword in functional groups differs from that in classic images."""

SCANNING_SEQUENCE = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("GR", "SE")}
"""Values of EchoPulseSequence (PS3.3 C.8.13.4) as values of ScanningSequence."""

ALSO_SCANNING_SEQUENCE = {"InversionRecovery": "IR", "EchoPlanarPulseSequence": "EP"}
"""Attributes that are YES or NO (PS3.3 C.8.13.5.5 and C.8.13.4) and the ScanningSequence value for YES."""


class Attributes(Protocol):
    """Anything with DICOM attributes by keyword: a classic data set, or one frame of an enhanced one."""

    def get(self, keyword: str, default: Any = None, /) -> Any:
        """Return the value of an attribute, or the default where it is absent."""


@dataclass(frozen=True)
class Frame:
    """One frame of an enhanced data set: attributes of its functional groups override those of the whole data set."""

    groups: Mapping[str, Any]
    whole: pydicom.Dataset

    def get(self, keyword: str, default: Any = None, /) -> Any:
        """Return the value of an attribute, or the default where it is absent."""
        return self.groups[keyword] if keyword in self.groups else self.whole.get(keyword, default)


def frames_of(ds: pydicom.Dataset) -> Iterator[Attributes]:
    """Yield the frames of an enhanced data set; a classic data set is yielded unchanged.

    Raises:
        DicomError: the number of frames contradicts the functional groups, or is implausibly large.
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
    shared: dict[str, Any] = {}
    for groups in ds.get("SharedFunctionalGroupsSequence") or ():
        shared |= _flat(groups)
    for groups in per_frame:
        frame = Frame(shared | _flat(groups), ds)
        yield Frame({**frame.groups, **_scanning_sequence(frame)}, ds)


def _flat(groups: pydicom.Dataset) -> dict[str, Any]:
    """Return the attributes inside the one-item sequences of functional groups, under their classic keywords.

    Private groups are skipped: Philips repeats standard attributes in them with other meanings.
    """
    flat: dict[str, Any] = {}
    for tag in tuple(groups.keys()):
        if tag.is_private:
            continue
        macro = groups[tag]
        if macro.VR != "SQ" or macro.value is None or len(macro.value) != 1:
            continue
        for element in macro.value[0]:
            if element.keyword:
                flat[CLASSIC_KEYWORD.get(element.keyword, element.keyword)] = element.value
    return flat


def _scanning_sequence(frame: Frame) -> dict[str, list[str]]:
    """Return ScanningSequence as in classic images, if the enhanced attributes define it."""
    words = list(SCANNING_SEQUENCE.get(str(frame.get("EchoPulseSequence", "")), ()))
    words += [word for keyword, word in ALSO_SCANNING_SEQUENCE.items() if frame.get(keyword) == "YES"]
    return {"ScanningSequence": words} if words else {}
