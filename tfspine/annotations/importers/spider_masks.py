"""SPIDER's mask volumes (``masks/*.mha``): the centre of every disc in patient millimetres.

A mask holds 0 for background, 1 to 25 for vertebrae and 201 to 225 for discs, both counted from below, 100 for the
canal and 101 to 125 for vertebrae seen in part (docs/public_data.md). Patient coordinates of ITK are those of DICOM: x
to the left, y to the back, z to the head. Needs SimpleITK, which ``pip install "tfspine[import]"`` brings.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813  its usual name

from tfspine.annotations.importers.spider_tables import level_of_disc
from tfspine.errors import AnnotationError
from tfspine.labels import Level

DISC_BASE = 200
DISC_VALUES = range(DISC_BASE + 1, DISC_BASE + 26)


@dataclass(frozen=True)
class DiscCentre:
    """One disc: its number from below (1 is L5-S1), level (None above L1-L2), middle (x, y, z) and voxels."""

    disc: int
    level: Level | None
    centre_mm: tuple[float, float, float]
    voxels: int


def disc_centres(path: Path) -> tuple[DiscCentre, ...]:
    """Return the discs of one mask, from below.

    The centre is the mean of the voxels' positions.

    Raises:
        AnnotationError: the file cannot be read, is not a volume, or holds no disc; without the path.
    """
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        raise AnnotationError("cannot be read as a volume (.mha); download it again") from None
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise AnnotationError(f"{image.GetDimension()} dimensions; expected a volume with one value per voxel")
    # SimpleITK hands out [z, y, x]; its index is (x, y, z).
    values = sitk.GetArrayViewFromImage(image)
    discs = []
    for value in DISC_VALUES:
        index_zyx = np.argwhere(values == value)
        if not len(index_zyx):
            continue
        x, y, z = image.TransformContinuousIndexToPhysicalPoint([float(i) for i in index_zyx.mean(axis=0)[::-1]])
        disc = value - DISC_BASE
        discs.append(DiscCentre(disc, level_of_disc(disc), (float(x), float(y), float(z)), len(index_zyx)))
    if not discs:
        raise AnnotationError(f"no disc (values {DISC_VALUES.start} to {DISC_VALUES.stop - 1})")
    return tuple(discs)
