"""Make `golden_pictures.npz` beside this file, by `python tests/phantom/make_golden_pictures.py`.

Every third pixel of every third row of four small studies, and a digest of their truth. Made once by the code that
worked every shape out everywhere; make it again only where pictures are meant to change, and say so in the commit.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfspine.config import PhantomConfig, Prevalence, Vendors
from tfspine.phantom.study import SimulatedStudy, simulate_study

GOLDEN = Path(__file__).with_name("golden_pictures.npz")

CASES = {
    "siemens": (1, 2, PhantomConfig(matrix_px=96)),
    "ge": (2, 3, PhantomConfig(matrix_px=80, prevalence=Prevalence.BALANCED)),
    "external": (3, 4, PhantomConfig(matrix_px=64, vendor=Vendors.EXTERNAL)),
    "randomized": (4, 5, PhantomConfig(matrix_px=80, randomize=True)),
}
"""Seed, number and settings of each study."""


def study_of(case: str) -> SimulatedStudy:
    """Return the study of a case."""
    seed, number, config = CASES[case]
    return simulate_study(config, seed=seed, number=number)


def pixels_of(study: SimulatedStudy) -> NDArray[np.uint16]:
    """Return some pixels of all images, one after the other, those of the localizer too."""
    return np.concatenate([ds.pixel_array[1::3, 1::3].ravel() for _, ds in study.files])


def truth_of(study: SimulatedStudy) -> str:
    """Return a digest of all that is known of a study."""
    rounded = [[round(severity, 9) for severity in severities] for severities in study.severities]
    boxes = [
        (
            slice_.key,
            [
                (np.round(item.box, 6).tolist(), item.region, item.side, item.grade, item.level)
                for item in slice_.annotations
            ],
        )
        for slice_ in study.truth
    ]
    return hashlib.sha256(repr((boxes, rounded, study.grades)).encode()).hexdigest()


if __name__ == "__main__":
    arrays = {}
    for name in CASES:
        made = study_of(name)
        arrays |= {f"{name}_pixels": pixels_of(made), f"{name}_truth": np.array(truth_of(made))}
    np.savez_compressed(GOLDEN, **arrays)
