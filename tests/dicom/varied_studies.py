"""Studies as different as hospitals, vendors and people make them, drawn from a seed."""

import random
from pathlib import Path
from typing import Any

import dicom_samples as samples
import numpy as np
from pydicom.config import disable_value_validation
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

PIECES = """
    T1|T2|PD|T1W|T2W|TSE|FSE|SE|SAG|sag|TRA|tra|AX|Axial|COR|L-SPINE|L SPINE|LSPINE|LS-SPINE|LWS|Lendenwirbelsäule|
    lumbale|lombaire|LUMBAR SPINE|HWS|C-SPINE|CERVICAL|BWS|T-SPINE|Schulter|HEAD|HEAD FIRST|HEAD NECK COIL|BRAIN|
    ABDOMEN|KM|nach KM|ohne KM|post KM|INJ|+ INJ|sans injection|avec gado|senza mdc|sin contraste|GD|+GD|+G|+C|C+|
    C-|pre|post|POST OP|p.c.|PC|DOTAREM|Gadovist|CONTRAST|W/O CONTRAST|with contrast|without and with contrast|FS|
    FATSUPP|fat sat|FATSAT|NO FS|NON-FS|W/O FATSAT|W/O|NO|OFF|STIR|TIRM|DIXON|W|F|IN|OPP|InPhase:|OutPhase:|WATER:|
    FAT:|POSDISP|LOC|localizer|MPR|MYELO|SCOUT|384|08.03.2016|{family}|Mrs {family}|Dr {given}|{family}^{given}|
    {id}|z|5mm|ü|中文|no {family} FS|L {family} SPINE|(|/|+|-
"""
POOL = [piece.strip() for piece in PIECES.replace("\n", "").split("|")]
PLAIN = [
    "T2",
    "TSE",
    "SAG",
    "L-SPINE",
    "LWS",
    "{family}",
    "TRA",
    "384",
    "no FS",
    "ohne KM",
    "Mrs {family}",
    "LUMBAR SPINE",
]
SEPARATORS = ["_", " ", "  ", "-", "/", ", ", "+"]

FAMILIES = ["Quibblewick", "Zebulon", "Post", "Head", "Philip", "Herz", "Lombard", "Contra", "Sfs", "Adc", "Li", "Spin"]
GIVEN = ["Zenobia", "Anna", "T1", "Gad", "Jo", ""]
IDS = ["NUH-8841273", "001", "1", "8841273", "12345678", "", "ANONYMOUS", "L-SPINE", "1.2.840", "4000", "SE", "FS"]
MANUFACTURERS = [
    "SIEMENS",
    "GE MEDICAL SYSTEMS",
    "Philips Medical Systems",
    "TOSHIBA",
    "Canon",
    "",
    None,
    "GE {family}",
]
AGENTS = [*[None] * 8, "", "", " ", "NONE", "No", "N/A", "Not given", "ohne KM", "no contrast given", "0", "-", "None"]
AGENTS += ["Gadovist 7.5 ml", "GD", "DOTAREM {family}", "pas d'injection", "?", "given by Dr {family}", "Undefined"]
MEANINGS = [
    "",
    "None",
    "Gadobutrol",
    "No contrast agent",
    "KM {family}",
    "Lumbar spine",
    "LWS",
    "Halswirbelsäule",
    "Knee",
]
SCHEMES = ["SCT", "SRT", "99{family}", "99GE", ""]
BODY_PARTS = [
    None,
    "",
    "LSPINE",
    "LSPINE",
    "SPINE",
    "ABDOMEN",
    "CSPINE",
    "HEAD",
    "LUMBAR SPINE AND SACRUM",
    "Lendenwirbelsäule",
]
BODY_PARTS += ["{family}", "L SPINE", "TLSPINE", "T-SPINE/L-SPINE"]
IMAGE_TYPES = [["ORIGINAL", "PRIMARY", "M"]] * 6 + [
    ["ORIGINAL", "PRIMARY", "OTHER"],
    ["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"],
    ["ORIGINAL", "PRIMARY", "M", "ND", "DIS2D"],
    ["DERIVED", "PRIMARY", "IN_PHASE"],
    ["DERIVED", "SECONDARY", "WATER"],
    ["DERIVED_SECONDARY_REFORMATTED", "PRIMARY"],
    ["DERIVED#SECONDARY", "PRIMARY"],
    ["ORIGINAL", "PRIMARY", "{family}"],
    ["ORIGINAL", "PRIMARY", "FAT"],
]
SEQUENCES: list[Any] = ["SE", "SE", "SE", "SE", "GR", ["SE", "IR"], "EP", "", None, "RM"]
SCAN_OPTIONS: list[Any] = [None, None, "", "FS", "SFS", "PFP", ["PFP", "FS"], ["{family}", "FS"], "FS {family}", "{id}"]
TIMES = (
    [("4000", "90")] * 3 + [("500", "12")] * 3 + [("1600", "50"), ("1300", "12"), ("", ""), (None, None), ("9", "3")]
)
TIMES += [("4000,0", "90,5"), ("4000.00000000000000", "89.9999999999999999"), ("four seconds", "90"), ("500", "12 ms")]


class Drawer:
    """Draws values of one study; texts may name its patient."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.names = {
            "family": self.rng.choice(FAMILIES),
            "given": self.rng.choice(GIVEN),
            "id": self.rng.choice(IDS),
        }

    def one(self, values: list[Any]) -> Any:
        """Draw a value and fill in whose it is."""
        value = self.rng.choice(values)
        if isinstance(value, list):
            return [word.format(**self.names) for word in value]
        return value.format(**self.names) if isinstance(value, str) else value

    def text(self) -> str | None:
        """Draw a description: some pieces, any separators, sometimes none or nothing."""
        if self.rng.random() < 0.15:
            return self.one([None, "", " "])
        pool = POOL if self.rng.random() < 0.5 else PLAIN
        pieces = [self.one(pool) for _ in range(self.rng.randint(1, 5))]
        return "".join(piece + self.rng.choice(SEPARATORS) for piece in pieces)[:60]


def write_study(folder: Path, seed: int) -> Path:
    """Write one study of some series and return its folder; the same seed draws the same study."""
    drawer = Drawer(seed)
    rng = drawer.rng
    of_study = {
        "PatientName": f"{drawer.names['family']}^{drawer.names['given']}",
        "PatientID": drawer.names["id"],
        "StudyDescription": drawer.text() if rng.random() < 0.5 else None,
        "Manufacturer": drawer.one(MANUFACTURERS),
        "InstitutionName": rng.choice(["Kingsworth", "Imaging", "SIEMENS", "LWS", ""]),
        "StudyID": rng.choice(["001", "1", "77123456", ""]),
        "ProtocolName": drawer.text() if rng.random() < 0.5 else None,
        "BodyPartExamined": drawer.one(BODY_PARTS),
        "StudyDate": "20160309",
    }
    for number in range(rng.randint(3, 6)):
        _write_series(folder, drawer, number, of_study)
    return folder


def _write_series(folder: Path, drawer: Drawer, number: int, of_study: dict[str, Any]) -> None:
    rng = drawer.rng
    is_axial = rng.random() < 0.5
    # Mostly as the plane wants it, so that there is something to choose among.
    times = (("4000", "90") if is_axial else ("500", "12")) if rng.random() < 0.6 else drawer.one(TIMES)
    is_plain = rng.random() < 0.5
    values: dict[str, Any] = {
        "SeriesDescription": drawer.text(),
        "ImageType": ["ORIGINAL", "PRIMARY", "M"] if is_plain else drawer.one(IMAGE_TYPES),
        "ScanningSequence": "SE" if is_plain else drawer.one(SEQUENCES),
        "ScanOptions": drawer.one(SCAN_OPTIONS) if rng.random() < 0.2 else None,
        "ContrastBolusAgent": drawer.one(AGENTS),
        "ContrastBolusVolume": drawer.one([None, None, None, "0", "7.5", ""]),
        "InversionTime": drawer.one([None, None, "", "160", "860", "0"]),
        "SeriesNumber": drawer.one([str(number + 1), str(number + 1), "7", None, "", "S1"]),
        "AcquisitionNumber": drawer.one(["1", None, ""]),
        "RepetitionTime": times[0],
        "EchoTime": times[1],
        "AcquisitionTime": f"09{number:02d}00",
    }
    if rng.random() < 0.3:
        values["ProtocolName"] = drawer.text()
    if rng.random() < 0.2:
        values["BodyPartExamined"] = drawer.one(BODY_PARTS)
    codes = {
        name: samples.group(CodeValue="1", CodingSchemeDesignator=drawer.one(SCHEMES), CodeMeaning=drawer.one(MEANINGS))
        for name in ("ContrastBolusAgentSequence", "AnatomicRegionSequence")
        if rng.random() < 0.1
    }
    place = rng.choice([0.0, 0.0, 2.0, 30.0])
    finer = rng.choice([0.5, 0.5, 0.6])
    unnumbered = rng.random() < 0.1
    uid = f"1.2.826.0.1.3680043.8.498.77.{drawer.seed + 1}"
    positions = [
        [0.0, 0.0, place + 5.0 * index] if is_axial else [place + 5.0 * index, 0.0, 0.0]
        for index in range(rng.choice([3, 5, 6]))
    ]
    common = {
        "StudyInstanceUID": uid,
        "SeriesInstanceUID": f"{uid}.{number + 1}",
        "FrameOfReferenceUID": f"{uid}.{rng.choice([99, 99, 99, 98])}",
    }
    orientation = samples.AXIAL if is_axial else samples.SAGITTAL
    pixels = [_pixels(drawer.seed, number, index) for index in range(len(positions))]
    if rng.random() < 0.4:
        ds = samples.enhanced(pixels, positions, **common, SOPInstanceUID=f"{uid}.{number + 1}.1")
        shared = ds.SharedFunctionalGroupsSequence[0]
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = orientation
        shared.PixelMeasuresSequence[0].PixelSpacing = [finer, finer]
        shared.MRTimingAndRelatedParametersSequence[0].RepetitionTime = 4000.0 if is_axial else 500.0
        shared.MREchoSequence[0].EffectiveEchoTime = 90.0 if is_axial else 12.0
        for name in ("RepetitionTime", "EchoTime", "InversionTime", "ScanningSequence"):
            values.pop(name)
        _finish(ds, {**of_study, **values}, codes, folder / f"{number}")
        return
    for index, (position, stored) in enumerate(zip(positions, pixels, strict=True), start=1):
        ds = samples.classic(stored, **common, SOPInstanceUID=f"{uid}.{number + 1}.{index}")
        ds.ImagePositionPatient, ds.ImageOrientationPatient = position, orientation
        ds.PixelSpacing = [finer, finer]
        number_of_slice = "A1" if unnumbered else str(index)
        _finish(ds, {**of_study, **values, "InstanceNumber": number_of_slice}, codes, folder / f"{number}-{index}")


def _finish(ds: Dataset, texts: dict[str, Any], sequences: dict[str, Dataset], path: Path) -> None:
    """Write texts as they stand, whether or not their representation allows them, and save the file."""
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    for keyword, value in texts.items():
        tag = Tag(tag_for_keyword(keyword) or 0)
        if value is None:
            ds.pop(tag, None)
            continue
        text = ("\\".join(value) if isinstance(value, list) else value).encode()
        padded = text + b" " * (len(text) % 2)
        ds[tag] = RawDataElement(tag, dictionary_VR(tag), len(padded), padded, 0, False, True)
    for name, item in sequences.items():
        setattr(ds, name, [item])
    with disable_value_validation():
        samples.save(ds, path)


def _pixels(*numbers: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.random.default_rng(numbers).integers(0, 4096, (12, 16), np.uint16)
