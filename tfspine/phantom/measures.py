"""Sizes of the lumbar spine: mean at every disc and spread between people, each with its source.

Rows run over `frame.DISCS`, from T11-T12 to S2-S3. `spread` is the standard deviation as a share of the mean. Where a
source measured some levels only, the others continue its trend.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMIT_SD = 2.2
"""Nobody is drawn further than this from the mean: beyond it parts would run into one another."""


@dataclass(frozen=True)
class Measure:
    """One length in mm, or angle in degrees where the name says so, at every disc."""

    mean: tuple[float, ...]
    spread: float
    source: str


BODY_HALF_WIDTH = Measure(
    (19.0, 20.0, 21.0, 22.0, 23.0, 24.5, 25.5, 23.0, 18.0),
    0.07,
    "Zhou 2000 (Eur Spine J 9:242): upper widths L3 to L5 of 41 to 51 mm",
)
BODY_HALF_DEPTH = Measure(
    (14.5, 15.5, 16.0, 16.5, 17.0, 17.5, 17.2, 11.5, 8.0),
    0.07,
    "Zhou 2000: depths L3 to L5 of 33 to 35 mm",
)
DISC_HALF_HEIGHT = Measure(
    (2.8, 3.3, 4.0, 4.6, 5.2, 5.6, 5.2, 1.2, 0.5),
    0.12,
    "Zhou 2000: disc heights of 10 to 12 mm at L3-L4 to L5-S1",
)
DISC_DISTANCE = Measure(
    (28.0, 31.0, 33.5, 35.0, 36.0, 36.0, 33.0, 25.0),
    0.05,
    "Zhou 2000: body and disc heights together; one value for each vertebra between two discs",
)
TILT_DEG = Measure(
    (-13.0, -11.5, -9.0, -4.5, 2.0, 9.5, 24.0, 38.0, 47.0),
    0.0,
    "lordosis L1-S1 of about 45 degrees lying down, sacral slope 36: Been 2014 (Eur Spine J 23:87)",
)
SAC_HALF_WIDTH = Measure(
    (8.3, 8.8, 9.0, 9.0, 8.8, 8.5, 7.6, 5.5, 2.0),
    0.09,
    "Schonstrom 1985 (Spine 10:753) and Hamanishi 1994 (J Spinal Disord 7:388): normal sac 150 to 230 mm2",
)
SAC_HALF_DEPTH = Measure(
    (6.8, 7.3, 7.7, 7.4, 7.0, 6.7, 6.0, 3.8, 1.2),
    0.09,
    "as the width; sagittal diameter of the sac 12 to 16 mm",
)
CANAL_DEPTH = Measure(
    (16.5, 17.5, 18.0, 18.0, 18.0, 18.5, 19.0, 14.0, 9.0),
    0.08,
    "Ulrich 1980 (Radiology 134:137): midsagittal diameter of 16 to 18 mm, 11.5 at least",
)
CANAL_HALF_WIDTH = Measure(
    (10.5, 11.0, 11.5, 11.8, 12.2, 12.8, 14.2, 14.0, 11.0),
    0.06,
    "Ulrich 1980: interpedicular distance of 22 to 28 mm, growing to the feet",
)
EPIDURAL_GAP = Measure(
    (2.0, 1.6, 1.0, 0.9, 0.9, 1.3, 3.0, 4.5, 3.5),
    0.25,
    "fat before the sac, thickest at L5-S1 and below",
)
FORAMEN_HALF_HEIGHT = Measure(
    (7.0, 8.0, 9.3, 9.8, 9.8, 9.4, 8.4, 4.0, 3.0),
    0.09,
    "Stephens 1991 (Clin Anat 4:235) and Hasegawa 1995 (J Bone Joint Surg Am 77:32): heights of 15 to 22 mm",
)
FORAMEN_HALF_DEPTH = Measure(
    (4.2, 4.6, 4.9, 5.1, 5.0, 4.8, 4.6, 3.0, 2.5),
    0.09,
    "Stephens 1991: widths of 8 to 11 mm",
)
FLAVUM = Measure(
    (2.2, 2.5, 2.8, 3.0, 3.3, 3.6, 3.2, 1.0, 0.5),
    0.15,
    "Safak 2010 (Diagn Interv Radiol 16:156): 3 to 4 mm at L3-L4 to L5-S1, thicker with age",
)
FACET_ANGLE_DEG = Measure(
    (14.0, 20.0, 24.0, 29.0, 36.0, 44.0, 52.0, 60.0, 60.0),
    0.16,
    "joint against the sagittal plane, from 25 at L1-L2 to 50 at L5-S1: Masharawi 2004 (Spine 29:1755)",
)
FACET_OFF_MIDLINE = Measure(
    (11.5, 12.5, 13.5, 14.5, 15.8, 18.0, 21.0, 20.0, 16.0),
    0.06,
    "Masharawi 2004 (Spine 29:1755): distance between the joints grows to the feet",
)
PSOAS_RADIUS = Measure(
    (0.1, 4.0, 8.5, 12.5, 16.0, 19.0, 18.5, 15.0, 13.0),
    0.20,
    "Reid 1994 (Surg Radiol Anat 16:425): cross-section of 200 at L1-L2 to 1,200 mm2 at L4-L5",
)


def draw(rng: np.random.Generator, measure: Measure, *, own: float = 0.03) -> NDArray[np.float32]:
    """Draw one person's values at every disc, float32 [discs].

    Args:
        rng: generator.
        measure: what is drawn; the person deviates from its means by one factor for all discs.
        own: further deviation of each disc on its own, as a share.
    """
    person = 1.0 + measure.spread * np.clip(rng.standard_normal(), -LIMIT_SD, LIMIT_SD)
    disc = 1.0 + own * np.clip(rng.standard_normal(len(measure.mean)), -LIMIT_SD, LIMIT_SD)
    return np.asarray(np.array(measure.mean) * person * disc, np.float32)
