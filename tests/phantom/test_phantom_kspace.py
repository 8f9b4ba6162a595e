"""Sampling: nothing is lost where nothing is left out; rings, shifts, ghosts and noise are as large as theory says."""

import numpy as np
import pytest
from scipy.special import sici

from tfspine.phantom import kspace

SIZE = (64, 96)


@pytest.fixture
def image() -> kspace.Image:
    return np.random.default_rng(1).random(SIZE, dtype=np.float32)


def open_window(axis: int) -> np.ndarray:
    return kspace.sampling_window(SIZE[axis], axis=axis, sampled=1.0, apodisation=0.0)


def test_full_sampling_changes_nothing(image: kspace.Image) -> None:
    spectrum = kspace.windowed(kspace.spectrum_of(image), open_window(0), open_window(1))
    assert kspace.image_of(spectrum, SIZE) == pytest.approx(image, abs=1e-5)


def test_parseval(image: kspace.Image) -> None:
    """The energy of the spectrum is that of the image times the number of pixels; half of it is stored once."""
    spectrum = np.abs(kspace.spectrum_of(image)) ** 2
    energy = spectrum[:, 0].sum() + spectrum[:, -1].sum() + 2 * spectrum[:, 1:-1].sum()
    assert energy == pytest.approx((image**2).sum() * image.size, rel=1e-4)


def test_gibbs_overshoot_is_nine_percent_of_the_step() -> None:
    """Si(pi) / pi - 1/2 = 0.0895 of a step, whatever the share that is sampled."""
    expected = sici(np.pi)[0] / np.pi - 0.5
    step = np.zeros((8, 2048), np.float32)
    step[:, 512:1536] = 1.0
    for sampled in (0.05, 0.1):
        window = kspace.sampling_window(2048, axis=1, sampled=sampled, apodisation=0.0)
        spectrum = kspace.windowed(kspace.spectrum_of(step), np.ones(8, np.float32), window)
        assert kspace.image_of(spectrum, step.shape).max() - 1.0 == pytest.approx(expected, rel=0.03)


def test_apodisation_damps_the_rings() -> None:
    step = np.zeros((8, 1024), np.float32)
    step[:, 256:768] = 1.0
    window = kspace.sampling_window(1024, axis=1, sampled=0.1, apodisation=0.92)
    spectrum = kspace.windowed(kspace.spectrum_of(step), np.ones(8, np.float32), window)
    assert kspace.image_of(spectrum, step.shape).max() < 1.005  # Hamming's side lobes


@pytest.mark.parametrize("axis", [0, 1])
def test_whole_shifts_are_rolls(image: kspace.Image, axis: int) -> None:
    shifted = kspace.shifted(kspace.spectrum_of(image), 3.0, length=SIZE[axis], axis=axis)
    assert kspace.image_of(shifted, SIZE) == pytest.approx(np.roll(image, 3, axis=axis), abs=1e-5)


def test_half_a_pixel_twice_is_a_pixel() -> None:
    smooth = np.exp(-((np.arange(96, dtype=np.float32) - 40) ** 2) / 50)[np.newaxis].repeat(64, axis=0)
    spectrum = kspace.spectrum_of(smooth)
    for _ in range(2):
        spectrum = kspace.shifted(spectrum, 0.5, length=96, axis=1)
    assert kspace.image_of(spectrum, SIZE) == pytest.approx(np.roll(smooth, 1, axis=1), abs=1e-4)


def test_ghosts_stand_at_their_distance(image: kspace.Image) -> None:
    window = kspace.ghost_window(64, axis=0, strength=0.1, distance_px=16.0)
    ghosted = kspace.image_of(kspace.windowed(kspace.spectrum_of(image), window, open_window(1)), SIZE)
    expected = image + 0.1 * np.roll(image, 16, axis=0) + 0.1 * np.roll(image, -16, axis=0)
    assert ghosted == pytest.approx(expected, abs=1e-5)


def test_blur_spreads_a_point_like_a_gaussian() -> None:
    point = np.zeros(SIZE, np.float32)
    point[32, 48] = 1.0
    window = kspace.blur_window(64, axis=0, blur_px=2.0)
    column = kspace.image_of(kspace.windowed(kspace.spectrum_of(point), window, open_window(1)), SIZE)[:, 48]
    assert column[32] == pytest.approx(1 / (2 * np.sqrt(2 * np.pi)), rel=1e-3)
    assert column[34] / column[32] == pytest.approx(np.exp(-0.5), rel=1e-3)


@pytest.mark.parametrize("sampled", [1.0, 0.6])
def test_noise_has_its_deviation_whatever_is_sampled(sampled: float) -> None:
    rows, columns = (
        kspace.sampling_window(length, axis=axis, sampled=sampled, apodisation=0.5)
        for axis, length in enumerate((256, 320))
    )
    spectrum = kspace.noise_spectrum(np.random.default_rng(2), (256, 320), rows, columns, deviation=0.02)
    noise = kspace.image_of(spectrum, (256, 320))
    assert noise.std() == pytest.approx(0.02, rel=0.02)
    assert abs(noise.mean()) < 0.001


@pytest.mark.parametrize("axis", [0, 1])
def test_what_lies_outside_is_folded_to_the_other_side(axis: int) -> None:
    """By hand: 1 2 | 3 4 5 6 | 7 8 becomes 3+7a 4+8b 5+1b 6+2a with a = 3/4 and b = 1/4."""
    line = np.arange(1, 9, dtype=np.float32).reshape((8, 1) if axis == 0 else (1, 8))
    assert kspace.folded(line, margin=2, axis=axis).ravel().tolist() == [8.25, 6.0, 5.25, 7.5]
