"""Pedicle screws painted into simulated DICOM studies: what titanium does to spin-echo pictures.

Around each screw no signal is left, some mm further than the metal reaches, and what was displaced piles up in a bright
crescent on either side of it along the frequency direction (Hargreaves 2011, AJR 197:547-555).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from tfspine.config import PhantomConfig
from tfspine.geometry import SliceGeometry, pixel_to_patient
from tfspine.labels import Side
from tfspine.phantom.anatomy import Anatomy, draw_anatomy
from tfspine.phantom.frame import FIRST_LEVEL, to_patient
from tfspine.phantom.regions import sign
from tfspine.phantom.study import SimulatedStudy

PEDICLE_ABOVE_DISC_MM = 24.0
"""The pedicle of a vertebra so far above the disc below it."""


@dataclass(frozen=True)
class Screw:
    """A straight screw from head to tip, patient positions float64 [3], void so far around its axis.

    `brightness` of the crescents is relative to the brightest hundredth of the slice.
    """

    head_mm: NDArray[np.float64]
    tip_mm: NDArray[np.float64]
    void_mm: float
    brightness: float
    crescent_mm: float = 2.5


def screws_of(anatomy: Anatomy, *, discs: Sequence[int], void_mm: float, brightness: float) -> list[Screw]:
    """Return both pedicle screws of the vertebrae above some lumbar discs (0 is L1-L2), and the rods that join them."""
    screws = []
    for side in Side:
        heads = []
        for disc in (FIRST_LEVEL + number for number in discs):
            pedicle = float(anatomy.canal_half_width_mm[disc]) + 5.0
            behind = float(anatomy.body_half_depth_mm[disc]) + 22.0
            head, tip = (
                to_patient(anatomy.frame, disc=disc, d_mm=-PEDICLE_ABOVE_DISC_MM, u_mm=u * sign(side), v_mm=v)[0]
                for u, v in ((pedicle + 2.0, behind), (pedicle - 8.0, -4.0))
            )
            heads.append(head)
            screws.append(Screw(head, tip, void_mm, brightness))
        screws += [Screw(above, below, void_mm, brightness) for above, below in pairwise(heads)]
    return screws


def implanted(
    study: SimulatedStudy, config: PhantomConfig, *, seed: int, number: int, void_mm: float, brightness: float
) -> None:
    """Paint the screws of L4 and L5 into every image of a study, in place."""
    anatomy = draw_anatomy(np.random.default_rng([seed, number]), prevalence=config.prevalence)
    for _, ds in study.files:
        paint(ds, screws_of(anatomy, discs=(3, 4), void_mm=void_mm, brightness=brightness))


def paint(ds: Dataset, screws: Sequence[Screw]) -> None:
    """Paint screws into one image, in place."""
    orientation = [float(value) for value in ds.ImageOrientationPatient]
    x, y, z = (float(value) for value in ds.ImagePositionPatient)
    spacing = (float(ds.PixelSpacing[0]), float(ds.PixelSpacing[1]))
    geometry = SliceGeometry(
        (x, y, z), _three(orientation[:3]), _three(orientation[3:]), spacing, (ds.Rows, ds.Columns)
    )
    pixels = np.frombuffer(ds.PixelData, np.uint16).reshape(ds.Rows, ds.Columns).astype(np.float64)
    points = pixel_to_patient(geometry, np.stack(np.indices(pixels.shape), axis=-1))
    frequency = np.asarray(orientation[:3] if ds.InPlanePhaseEncodingDirection == "COL" else orientation[3:])
    brightest = np.percentile(pixels, 99.0)
    for void, crescent, screw in _parts(points, screws, frequency):
        pixels = np.where(crescent, np.maximum(pixels, screw.brightness * brightest), pixels)
        pixels = np.where(void, 0.02 * pixels, pixels)
    ds.PixelData = np.clip(np.rint(pixels), 0, 4095).astype(np.uint16).tobytes()


def _parts(
    points: NDArray[np.float64], screws: Sequence[Screw], frequency: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_], Screw]]:
    for screw in screws:
        axis = screw.tip_mm - screw.head_mm
        share = np.clip((points - screw.head_mm) @ axis / (axis @ axis), 0.0, 1.0)
        off = points - screw.head_mm - share[..., np.newaxis] * axis
        distance = np.linalg.norm(off, axis=-1)
        is_beside = np.abs(off @ frequency) > 0.6 * distance
        void = distance < screw.void_mm
        yield void, ~void & (distance < screw.void_mm + screw.crescent_mm) & is_beside, screw


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = values
    return x, y, z
