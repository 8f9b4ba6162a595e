"""Which levels a row of foramina looks like: its course, width and height are compared for each possible lowest level.

At the sacrum the row of foramina turns to the back, its two sides diverge, because pedicles grow wider to L5, and the
foramina of the sacrum are half as tall as those above. In a row that begins one level higher or lower this happens
elsewhere. Each guess of the lowest level gives expected values; the guesses are compared by their likelihood (normal
distributions, whose spreads are wider than those of simulated patients, because real spines differ more).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfspine.study.piles import Pile

COURSE_DEG = (-9.8, -8.9, -6.2, -1.2, 5.5, 14.4, 16.6)
"""From each level to the next, T11-T12 to S1-S2: how far the row of foramina runs to the back of straight down, in a
lordosis of about 40 degrees (Been & Kalichman 2014, Spine J 14:87-97; simulated patients' mean)."""

OFF_MIDLINE_MM = (14.7, 15.4, 16.2, 16.7, 17.8, 19.7, 22.4, 22.4)
"""Distance of the foramina from the midline, at every level: half the canal and half the pedicle, 8.7 mm wide at L1 to
18 mm at L5 (Zindrick 1987, Spine 12:160-166; Cook & Baker 2021, Int J Spine Surg 15:1072-1081)."""

HEIGHT_MM = (20.0, 21.6, 23.8, 24.0, 23.5, 23.9, 23.1, 14.5)
"""Height of their boxes with bone around them (Hasegawa 1995, J Bone Joint Surg Am 77:32-38; simulated patients)."""

LEAST_HEIGHT_MM = 1.0
"""A box may have no height left at the edge of its image; this keeps the logarithm of its height finite."""

COURSE_SPREAD_DEG, PITCH_DEG, LORDOSIS_SPREAD = 4.0, 5.0, 0.25
WIDTH_SPREAD_MM, WIDTH_OF_PERSON = 1.5, 0.08
HEIGHT_SPREAD, HEIGHT_OF_PERSON = 0.1, 0.12
"""Standard deviations: of each level separately, and of the person: how the patient lies, how far the spine is bent,
and its size as a share."""

L5_S1 = 6
"""The index of the level in these tables."""


@dataclass(frozen=True)
class Fit:
    """By how much the natural logarithm of the likelihood is larger with the lowest level L5-S1.

    `over_higher` compares with L4-L5 and T12-L1 as its first of five, `over_sacral` with S1-S2.
    """

    over_higher: float
    over_sacral: float


def fit_of(piles: Sequence[Pile], ranks: Sequence[int]) -> Fit:
    """Compare the guesses.

    Args:
        piles: levels at which foramina were found, from head to feet.
        ranks: how many levels each lies above the lowest; levels above those of the tables are left out.
    """
    known = [(pile, rank) for pile, rank in zip(piles, ranks, strict=True) if rank < L5_S1]
    usual, higher, sacral = (_log_likelihood(known, lowest) for lowest in (L5_S1, L5_S1 - 1, L5_S1 + 1))
    return Fit(usual - higher, usual - sacral)


def _log_likelihood(known: Sequence[tuple[Pile, int]], lowest: int) -> float:
    index = np.array([lowest - rank for _, rank in known])
    places = np.array([pile.centre_mm for pile, _ in known])
    steps = np.diff(places, axis=0)
    course = np.degrees(np.arctan2(steps[:, 1], -steps[:, 2]))
    # Across a level without foramina the course is the mean of two.
    expected = np.array([np.mean(COURSE_DEG[start:end]) for start, end in itertools.pairwise(index)])
    widths = np.array([pile.off_midline_mm for pile, _ in known])
    has_both = np.isfinite(widths)
    usual_widths = np.array(OFF_MIDLINE_MM)[index]
    heights = np.log([max(pile.height_mm, LEAST_HEIGHT_MM) for pile, _ in known])
    return (
        _log_normal(course - expected, COURSE_SPREAD_DEG, PITCH_DEG * np.ones(len(steps)), LORDOSIS_SPREAD * expected)
        + _log_normal((widths - usual_widths)[has_both], WIDTH_SPREAD_MM, WIDTH_OF_PERSON * usual_widths[has_both])
        + _log_normal(heights - np.log(HEIGHT_MM)[index], HEIGHT_SPREAD, HEIGHT_OF_PERSON * np.ones(len(known)))
    )


def _log_normal(misses: NDArray[np.float64], spread: float, *of_person: NDArray[np.float64]) -> float:
    """Return the log density, up to a constant, of normal values that share deviations of the person."""
    if not len(misses):
        return 0.0
    covariance = spread**2 * np.eye(len(misses)) + sum(np.outer(shared, shared) for shared in of_person)
    return float(-0.5 * misses @ np.linalg.solve(covariance, misses) - 0.5 * np.linalg.slogdet(covariance)[1])
