"""Noise, ghosts and blur are measured as large as they were made."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import erf

from tfspine.dicom.pixels import window, window_limits
from tfspine.dicom.quality import edge_width_mm, ghosting, signal_to_noise
from tfspine.labels import Plane
from tfspine.phantom.anatomy import draw_anatomy
from tfspine.phantom.artefacts import Artefacts
from tfspine.phantom.cuts import axial_cuts, sagittal_cuts
from tfspine.phantom.protocol import PhaseEncoding, Protocol
from tfspine.phantom.scanner import scan

Pictures = list[NDArray[np.float64]]

AXIAL = Protocol(Plane.AXIAL, 4000, 90, 200.0, 144, sampled=(0.8, 1.0))
SAGITTAL = dataclasses.replace(
    AXIAL,
    plane=Plane.SAGITTAL,
    repetition_time_ms=550,
    echo_time_ms=12,
    phase=PhaseEncoding.COL,
    field_of_view_mm=270.0,
)
PROTOCOLS = pytest.mark.parametrize("protocol", [AXIAL, SAGITTAL], ids=["axial", "sagittal"])


def pictures(protocol: Protocol, **artefacts: float) -> Pictures:
    """Scan four slices of one simulated person and window them as ingest does."""
    anatomy = draw_anatomy(np.random.default_rng(3))
    rng = np.random.default_rng(5)
    protocol = dataclasses.replace(protocol, artefacts=Artefacts(**{"noise": 0.01, **artefacts}))  # type: ignore[arg-type]
    plan = axial_cuts if protocol.plane is Plane.AXIAL else sagittal_cuts
    cuts = list(plan(anatomy, protocol, rng))
    grey = [scan(anatomy, cut, protocol, rng).astype(np.float32) for cut in cuts[:: len(cuts) // 4][:4]]
    limits = window_limits(grey)
    return [window(picture, limits).astype(np.float64) for picture in grey]


def measured(series: Sequence[Pictures], measure: str) -> list[float]:
    values = []
    for one in series:
        if measure == "snr":
            value = signal_to_noise(one)
        elif measure == "ghosting":
            value = ghosting(one)
        else:
            value = edge_width_mm(one, [(1.0, 1.0)] * len(one))
        assert value is not None
        values.append(value)
    return values


def test_a_flat_picture_has_the_ratio_it_was_made_with() -> None:
    """120 over 6 is 20; the quietest twentieth of blocks of 46 degrees of freedom is at sqrt(chi2_0.05 / 46) = 0.83."""
    noisy = [np.rint(np.random.default_rng(seed).normal(120.0, 6.0, (128, 128))) for seed in range(3)]
    assert signal_to_noise(noisy) == pytest.approx(20 / 0.83, rel=0.03)


def test_borders_and_slopes_are_no_noise() -> None:
    """Half of the picture steps by 80 and all of it slopes: the blocks at the border do not count."""
    rng = np.random.default_rng(0)
    plain = rng.normal(120.0, 4.0, (96, 96))
    stepped = plain + np.linspace(-15, 15, 96) + np.where(np.arange(96)[:, np.newaxis] < 48, 80.0, 0.0)
    assert signal_to_noise([stepped]) == pytest.approx(signal_to_noise([plain]) * 160 / 120, rel=0.05)


def test_without_tissue_nothing_is_measured() -> None:
    black = [np.zeros((32, 32))]
    assert (signal_to_noise(black), ghosting(black), edge_width_mm(black, [(1.0, 1.0)])) == (None, None, None)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("strength", [0.1, 0.2])
def test_a_ghost_is_as_strong_as_it_was_made(axis: int, strength: float) -> None:
    """Two copies at a fifth of the field of view, whichever way they go, of pictures that have no echo themselves."""
    rng = np.random.default_rng(1)
    plain = [rng.uniform(0, 200, (128, 120)) for _ in range(10)]
    distance = plain[0].shape[axis] // 5
    ghosts = [
        picture + strength * sum(np.roll(picture, sign * distance, axis=axis) for sign in (-1, 1)) for picture in plain
    ]
    assert ghosting(plain) == pytest.approx(0.0, abs=0.06)
    assert ghosting(ghosts) == pytest.approx(strength, rel=0.25)


@pytest.mark.parametrize("deviation_px", [1.0, 1.4])
def test_a_blurred_border_is_as_wide_as_by_hand(deviation_px: float) -> None:
    """A step blurred by a Gaussian of deviation s has its whole height over its steepest slope: s sqrt(2 pi).

    The slope is taken over two pixels, erf(1 / (s sqrt 2)) / 2 of the step, which is a little flatter.
    """
    across = 40.0 + 160.0 * (1 + erf((np.arange(64) - 32) / (deviation_px * np.sqrt(2)))) / 2
    picture = np.tile(across, (64, 1))
    by_hand_px = 2 / erf(1 / (deviation_px * np.sqrt(2)))
    assert edge_width_mm([picture], [(9.0, 0.8)]) == pytest.approx(0.8 * by_hand_px, rel=0.02)
    assert by_hand_px == pytest.approx(deviation_px * np.sqrt(2 * np.pi), rel=0.2)


@settings(max_examples=10)
@given(st.integers(0, 7), st.integers(0, 100))
def test_turning_and_mirroring_change_nothing(turns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = np.repeat(np.repeat(rng.uniform(0, 255, (12, 12)), 8, axis=0), 8, axis=1) + rng.normal(0, 2, (96, 96))
    turned = np.rot90(picture if turns < 4 else picture.T, turns)
    # Blocks begin at every third pixel, from the other end when turned; hence the tolerance.
    assert signal_to_noise([turned]) == pytest.approx(signal_to_noise([picture]), rel=0.15)
    assert ghosting([turned]) == pytest.approx(ghosting([picture]), rel=0.02, abs=1e-3)
    assert edge_width_mm([turned], [(1.0, 1.0)]) == pytest.approx(edge_width_mm([picture], [(1.0, 1.0)]), rel=0.02)


@PROTOCOLS
@pytest.mark.parametrize("sampled", [(0.65, 0.8), (1.0, 1.0)], ids=["interpolated", "full"])
def test_more_noise_is_a_lower_ratio_interpolated_or_not(protocol: Protocol, sampled: tuple[float, float]) -> None:
    protocol = dataclasses.replace(protocol, sampled=sampled)
    values = measured([pictures(protocol, noise=noise) for noise in (0.01, 0.03, 0.09)], "snr")
    assert values == sorted(values, reverse=True)
    assert values[0] > 2 * values[2]
    assert values[2] < 6.5 < values[0]  # the limit of [exclusions]


@PROTOCOLS
def test_stronger_ghosts_measure_more(protocol: Protocol) -> None:
    values = measured([pictures(protocol, ghost=ghost, ghost_distance=0.3) for ghost in (0.0, 0.1, 0.2)], "ghosting")
    echo = values[0]  # of the picture itself: discs lie at even distances
    assert echo < 0.1
    assert values[1:] == pytest.approx([0.1, 0.2], abs=echo)


@PROTOCOLS
def test_more_blur_measures_wider_edges(protocol: Protocol) -> None:
    values = measured([pictures(protocol, blur_px=blur) for blur in (0.0, 1.0, 2.0)], "edge")
    assert values == sorted(values)
    assert values[2] > 1.6 * values[0]
