"""Sizes of the lumbar spine: mean at every disc and spread between people, with their sources.

Rows run over `frame.DISCS`, from T11-T12 to S2-S3. `spread` is the standard deviation as a share of the mean; it is set
by hand and mostly smaller than published values, because parts must not overlap. If a source measured only some
levels, its trend is extrapolated to the others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMIT_SD = 2.2
"""Largest deviation from the mean that is sampled: beyond it parts would overlap."""


@dataclass(frozen=True)
class Measure:
    """One length in mm, or an angle in degrees if the name says so, at every disc."""

    mean: tuple[float, ...]
    spread: float
    source: str


BODY_HALF_WIDTH = Measure(
    (19.0, 20.0, 21.0, 22.0, 23.0, 24.5, 25.5, 23.0, 18.0),
    0.07,
    "Zhou 2000 (Eur Spine J 9:242-248) for the trend at L3 to L5; values set between its women and men",
)
BODY_HALF_DEPTH = Measure(
    (14.5, 15.5, 16.0, 16.5, 17.0, 17.5, 17.2, 11.5, 8.0),
    0.07,
    "Cook & Baker 2021 (Int J Spine Surg 15:1072-1081): upper length of L5 35.7, deviation 3.5 mm",
)
DISC_HALF_HEIGHT = Measure(
    (2.8, 3.3, 4.0, 4.6, 5.2, 5.6, 5.2, 1.2, 0.5),
    0.12,
    "Zhang 2018 (J Orthop Surg Res 13:34): 6.3-11.0, 7.0-12.1, 7.4-13.3, 7.8-14.6, 7.1-13.1 mm at L1-L2 to L5-S1",
)
DISC_DISTANCE = Measure(
    (28.0, 31.0, 33.5, 35.0, 36.0, 36.0, 33.0, 25.0),
    0.05,
    "set by eye: a few mm below body and disc heights added; one value for each vertebra between two discs",
)
TILT_DEG = Measure(
    (-13.0, -11.5, -9.0, -4.5, 2.0, 9.5, 24.0, 38.0, 47.0),
    0.0,
    "lordosis of about 40 degrees, a little below that of standing people (Been & Kalichman 2014, Spine J 14:87-97)",
)
SAC_HALF_WIDTH = Measure(
    (8.3, 8.8, 9.0, 9.0, 8.9, 8.7, 7.8, 5.5, 2.0),
    0.12,
    "Schonstrom 1985 (Spine 10:806-811): about 180 mm2; narrow below 100: Hamanishi 1994 (J Spinal Disord 7:388-393)",
)
SAC_HALF_DEPTH = Measure(
    (6.8, 7.3, 7.7, 7.4, 7.0, 6.7, 6.0, 3.8, 1.2),
    0.09,
    "Chatha & Schweitzer 2011 (Bull NYU Hosp Jt Dis 69:303-307): midline T2w, 15.6 mm at L1-L2 to 11.6 at L5-S1",
)
CANAL_DEPTH = Measure(
    (16.5, 17.5, 18.0, 18.0, 18.0, 18.5, 19.0, 14.0, 9.0),
    0.08,
    "Ullrich 1980 (Radiology 134:137-143): 11.5 mm at least; Cook & Baker 2021: 15.6 at the pedicles; wider at discs",
)
CANAL_HALF_WIDTH = Measure(
    (10.5, 11.0, 11.5, 11.8, 12.2, 12.8, 14.2, 14.0, 11.0),
    0.06,
    "Cook & Baker 2021: grows to 28.2 mm at L5, deviation 3.1",
)
EPIDURAL_GAP = Measure(
    (2.0, 1.6, 1.1, 1.0, 1.1, 2.0, 3.8, 4.5, 3.5),
    0.40,
    "set by eye against real slices: fat before the sac is thickest at L5-S1 and below",
)
FORAMEN_HALF_HEIGHT = Measure(
    (7.0, 8.0, 9.3, 9.8, 9.8, 9.4, 8.4, 4.0, 3.0),
    0.09,
    "Hasegawa 1995 (J Bone Joint Surg Am 77:32-38): roots suffer below 15 mm; tallest at L2-L4: Razzouk 2024 (below)",
)
FORAMEN_HALF_DEPTH = Measure(
    (4.6, 5.0, 5.2, 5.1, 4.9, 4.6, 4.3, 3.0, 2.5),
    0.09,
    "Razzouk 2024 (Neurosurgery 94:813-827): narrower to the feet; Gkasdaris 2018 (Maedica 13:294-304): 6 to 8 mm",
)
FLAVUM = Measure(
    (2.2, 2.5, 2.8, 3.0, 3.4, 3.7, 3.6, 1.0, 0.5),
    0.18,
    "Kolte 2015 (Asian Spine J 9:245-253): 3.4, 3.7, 3.7 mm at L3-L4 to L5-S1, thicker with age; others by eye",
)
FACET_ANGLE_DEG = Measure(
    (14.0, 20.0, 24.0, 29.0, 36.0, 44.0, 52.0, 60.0, 60.0),
    0.16,
    "joint against the sagittal plane: Masharawi 2004 (Spine 29:1755): 26-34 at T12 to L2, 40-56 at L3 to L5",
)
FACET_OFF_MIDLINE = Measure(
    (11.5, 12.5, 13.5, 14.5, 15.8, 18.0, 21.0, 20.0, 16.0),
    0.06,
    "set by eye against real slices: the distance between the joints grows to the feet",
)
PSOAS_RADIUS = Measure(
    (0.1, 4.0, 8.5, 12.5, 16.0, 19.0, 18.5, 15.0, 13.0),
    0.20,
    "Reid 1994 (Arch Phys Med Rehabil 75:703-708): 1,630 mm2 at L4-L5 in active young men; set lower for all ages",
)


def draw(rng: np.random.Generator, measure: Measure, *, own: float = 0.03) -> NDArray[np.float32]:
    """Sample one person's values at every disc, float32 [discs].

    Args:
        rng: generator.
        measure: the measure to sample; the person deviates from its means by one factor for all discs.
        own: additional independent deviation of each disc, as a share.
    """
    person = 1.0 + measure.spread * np.clip(rng.standard_normal(), -LIMIT_SD, LIMIT_SD)
    disc = 1.0 + own * np.clip(rng.standard_normal(len(measure.mean)), -LIMIT_SD, LIMIT_SD)
    return np.asarray(np.array(measure.mean) * person * disc, np.float32)
