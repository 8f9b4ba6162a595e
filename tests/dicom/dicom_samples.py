"""DICOM images written by the tests, classic and enhanced, in every encoding that can be written here."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import jpeg_lossless
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
    generate_uid,
)

AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
SAGITTAL = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]

PATIENT_NAME = "Zebulon^Quagga"
PATIENT_ID = "ZQ-77-4711"

SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
)

ENCODERS: dict[UID, Callable[[NDArray[Any]], bytes]] = {
    JPEGLosslessSV1: jpeg_lossless.encode,
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEG2000Lossless: functools.partial(imagecodecs.jpeg2k_encode, codecformat="j2k", reversible=True, level=0),
}


def ramp(rows: int = 34, columns: int = 40, *, dtype: str = "uint16", step: int = 3) -> NDArray[Any]:
    """Return an image of 12 bits whose pixels all differ: 0, `step`, 2 `step`, row by row."""
    return (np.arange(rows * columns) * step).reshape(rows, columns).astype(dtype)


def classic(pixels: NDArray[Any] | None = None, **attributes: Any) -> Dataset:
    """Return one classic MR image, 12 bits in 16; keywords overrule its attributes, None deletes one."""
    stored = ramp() if pixels is None else pixels
    ds = _common(MRImageStorage, stored)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [10.0, -20.0, 30.0], AXIAL
    ds.PixelSpacing, ds.SliceThickness = [0.8, 0.5], 4.0
    ds.ScanningSequence, ds.RepetitionTime, ds.EchoTime = "SE", 4000, 90
    return changed(ds, attributes)


def enhanced(frames: Sequence[NDArray[Any]], positions_mm: Sequence[Sequence[float]], **attributes: Any) -> Dataset:
    """Return an enhanced MR image: what all frames share is in shared groups, position and number in each frame's."""
    ds = _common(EnhancedMRImageStorage, np.stack(frames))
    ds.ImageType = ["ORIGINAL", "PRIMARY", "MIXED", "NONE"]
    ds.NumberOfFrames = len(frames)
    ds.EchoPulseSequence = "SPIN"
    shared = Dataset()
    shared.PixelMeasuresSequence = [group(PixelSpacing=[0.8, 0.5], SliceThickness=4.0)]
    shared.PlaneOrientationSequence = [group(ImageOrientationPatient=AXIAL)]
    shared.MRTimingAndRelatedParametersSequence = [group(RepetitionTime=4000.0)]
    shared.MREchoSequence = [group(EffectiveEchoTime=90.0)]
    shared.MRImageFrameTypeSequence = [group(FrameType=["ORIGINAL", "PRIMARY", "T2", "NONE"])]
    shared.PixelValueTransformationSequence = [group(RescaleIntercept=-5.0, RescaleSlope=2.0)]
    region = group(CodeValue="122496007", CodingSchemeDesignator="SCT", CodeMeaning="Lumbar spine")
    shared.FrameAnatomySequence = [group(AnatomicRegionSequence=[region])]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = [
        group(
            PlanePositionSequence=[group(ImagePositionPatient=list(position))],
            FrameContentSequence=[group(StackID="1", InStackPositionNumber=number, FrameAcquisitionNumber=1)],
        )
        for number, position in enumerate(positions_mm, start=1)
    ]
    return changed(ds, attributes)


def group(**attributes: Any) -> Dataset:
    """Return a sequence item with these attributes."""
    return changed(Dataset(), attributes)


def changed(ds: Dataset, attributes: Mapping[str, Any]) -> Dataset:
    """Set attributes of a data set, or delete those that are None, and return it."""
    for keyword, value in attributes.items():
        setattr(ds, keyword, value) if value is not None else delattr(ds, keyword)
    return ds


def save(ds: Dataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> Path:
    """Write a data set in a transfer syntax and return its path."""
    if syntax == RLELossless:
        ds.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
    elif syntax in ENCODERS:
        kind = f"<{'i' if ds.PixelRepresentation and syntax == JPEG2000Lossless else 'u'}{ds.BitsAllocated // 8}"
        count = ds.Rows * ds.Columns * int(ds.get("NumberOfFrames", 1))
        image = np.frombuffer(ds.PixelData, kind, count=count).reshape(-1, ds.Rows, ds.Columns)
        ds.PixelData = encapsulate([ENCODERS[syntax](frame) for frame in image])
        ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    elif syntax == ExplicitVRBigEndian and ds.BitsAllocated == 16:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = syntax
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def _common(storage: UID, stored: NDArray[Any]) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = storage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.Modality, ds.Manufacturer = "MR", "TEST"
    ds.PatientID, ds.PatientName = PATIENT_ID, PATIENT_NAME
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3", "1.2.3.1", "1.2.3.9"
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = 3, 1, 1
    ds.Rows, ds.Columns = stored.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * stored.dtype.itemsize
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, 12 if bits == 16 else bits, 11 if bits == 16 else bits - 1
    ds.PixelRepresentation = int(stored.dtype.kind == "i")
    raw = stored.tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) % 2)
    ds["PixelData"].VR = "OW" if bits > 8 else "OB"
    return ds
