"""Ground truth of Sudirman and Al-Kafri (Mendeley Data, doi 10.17632/zbf6b4pttk): label images become boxes.

Layout (docs/public_data.md)::

    04_Intermediary_Ground_Truth_Data/T2_Output/T2_<NNNN>_D<3|4|5>.png     and the same with T1
    05_Final_Ground_Truth_Data/Label_Images/L1_<NNNN>_D<3|4|5>.png

D3, D4 and D5 are the axial slices at L3-L4, L4-L5 and L5-S1. A label image gives the structure of each pixel. The
thecal sac becomes the box of the central canal, without a grade: these slices were not graded. Recesses are not marked.
The other structures are boxed in ``structures.csv``, which nothing else here reads.

Pictures have no position in the patient. T1 and T2 are registered to one another, so that one label image serves both;
tfspine reads axial T2.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfspine.annotations.importers.pictures import LabelledPicture, read_grey
from tfspine.compat import StrEnum
from tfspine.errors import AnnotationError, FormatError
from tfspine.labels import Level, Plane, Region
from tfspine.structures import Annotation, Box, Refusal

STRUCTURES: Mapping[int, str] = {
    50: "intervertebral_disc",
    100: "posterior_element",
    150: "thecal_sac",
    200: "between_anterior_and_posterior",
}
BACKGROUND = frozenset({0, 250})
THECAL_SAC = 150

LEVEL_OF_SLICE = {"D3": Level.L3_L4, "D4": Level.L4_L5, "D5": Level.L5_S1}
NAME = re.compile(r"L1_(?P<patient>\d+)_(?P<slice>D[345])\.png", re.IGNORECASE)


class Weighting(StrEnum):
    """Which of the two registered pictures is used."""

    T1 = "t1"
    T2 = "t2"


@dataclass(frozen=True)
class StructureBox:
    """The box around the largest piece of a structure; `pixels` of it lie in that piece, `stray` in others."""

    source: str
    structure: str
    box: Box
    pixels: int
    stray: int


@dataclass(frozen=True)
class TruthSlice:
    """One picture with the box of the canal, and the boxes of all structures."""

    picture: LabelledPicture
    structures: tuple[StructureBox, ...]


def read_truth(folder: Path, weighting: Weighting) -> Iterator[TruthSlice | Refusal]:
    """Yield every label image below a folder with its picture, in the order of patients and levels.

    Raises:
        AnnotationError: there is no such folder, or no label image in it.
    """
    # Resized copies lie in folders beside it under the same names.
    labels = sorted(path for path in folder.rglob("L1_*.png") if path.parent.name == "Label_Images")
    if not labels:
        raise AnnotationError(f"{folder}: no label images (Label_Images/L1_NNNN_D3.png); name the unpacked data set")
    pictures = {path.name: path for path in sorted(folder.rglob(f"{weighting.value.upper()}_Output/*.png"))}
    for path in labels:
        try:
            yield _read_slice(path, folder, weighting, pictures)
        except FormatError as error:
            yield Refusal(str(path.relative_to(folder)), str(error))


def structure_boxes(label: NDArray[np.uint8], source: str) -> tuple[StructureBox, ...]:
    """Box the structures of a label image, uint8 [rows, columns].

    Raises:
        AnnotationError: the image has values of no structure, for example after resizing with interpolation.
    """
    unknown = sorted(set(np.unique(label).tolist()) - set(STRUCTURES) - BACKGROUND)
    if unknown:
        known = ", ".join(map(str, sorted({*STRUCTURES, *BACKGROUND})))
        raise AnnotationError(f"label values {', '.join(map(str, unknown[:5]))}; expected {known}: not resized")
    found = []
    for value, name in STRUCTURES.items():
        mask = label == value
        if mask.any():
            found.append(_largest(mask, source, name))
    return tuple(found)


def _read_slice(path: Path, folder: Path, weighting: Weighting, pictures: Mapping[str, Path]) -> TruthSlice:
    match = NAME.fullmatch(path.name)
    if not match:
        raise AnnotationError("name of a label image; expected L1_NNNN_D3.png, D4 or D5")
    label = read_grey(path)
    wanted = f"{weighting.value.upper()}{path.name[2:]}"
    source = pictures.get(wanted)
    if source is None:
        raise AnnotationError(f"no picture {wanted}; unpack 04_Intermediary_Ground_Truth_Data too")
    pixels = read_grey(source)
    if pixels.shape != label.shape:
        raise AnnotationError(f"label image of {list(label.shape)} pixels; the picture has {list(pixels.shape)}")
    name = str(source.relative_to(folder))
    structures = structure_boxes(label, name)
    sac = [item for item in structures if item.structure == STRUCTURES[THECAL_SAC]]
    if not sac:
        raise AnnotationError(f"no thecal sac (value {THECAL_SAC})")
    canal = Annotation(sac[0].box, Region.CENTRAL_CANAL, None, level=LEVEL_OF_SLICE[match["slice"].upper()])
    picture = LabelledPicture(name, match["patient"], Plane.AXIAL, (canal,), pixels)
    return TruthSlice(picture, structures)


def _largest(mask: NDArray[np.bool_], source: str, name: str) -> StructureBox:
    pieces, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    piece = int(np.argmax(sizes)) + 1
    rows, columns = ndimage.find_objects(pieces)[piece - 1]
    box = (float(rows.start), float(columns.start), float(rows.stop), float(columns.stop))
    return StructureBox(source, name, box, int(sizes[piece - 1]), int(sizes.sum() - sizes[piece - 1]))
