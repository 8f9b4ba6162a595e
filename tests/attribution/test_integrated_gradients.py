"""The NumPy core on functions whose attributions are known (as saliency tests its own)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tfspine.attribution.integrated_gradients import integrate_gradients
from tfspine.errors import ConfigError

X, Y, Z = 2.0, 3.0, 1.5
IMAGE = np.array([[[X], [Y], [Z]]], np.float32)  # one row of three pixels


def output(images):
    """Return 5 x + y^2 + sin z: each pixel stands alone, so its attribution is its own term."""
    x, y, z = (images[:, 0, index, 0].astype(np.float64) for index in range(3))
    return 5 * x + y**2 + np.sin(z)


def gradients(images):
    x, y, z = (images[:, 0, index, 0].astype(np.float64) for index in range(3))
    return np.stack([np.full_like(x, 5), 2 * y, np.cos(z)], axis=-1)[:, None, :, None]


def attribute(**settings):
    return integrate_gradients(
        IMAGE, output=output, gradients=gradients, **({"steps": 200, "batch_size": 32} | settings)
    )


def test_known_attributions() -> None:
    attribution = attribute()
    assert_allclose(attribution.attributions[0, :, 0], [5 * X, Y**2, math.sin(Z)], rtol=1e-5)
    assert_allclose(attribution.output, 5 * X + Y**2 + math.sin(Z), rtol=1e-6)
    assert attribution.baseline_output == 0


def test_the_integral_is_the_trapezoids() -> None:
    # One step: the mean of both ends. For cos z that is (1 + cos z) / 2, and exact for the linear and square terms.
    attribution = attribute(steps=1)
    assert_allclose(attribution.attributions[0, :, 0], [5 * X, Y**2, Z * (1 + math.cos(Z)) / 2], rtol=1e-6)


def test_completeness_gap_is_the_error_of_the_integral() -> None:
    attribution = attribute(steps=1)
    error = Z * (1 + math.cos(Z)) / 2 - math.sin(Z)
    assert_allclose(attribution.completeness_gap, abs(error) / (5 * X + Y**2 + math.sin(Z)), rtol=1e-5)


def test_sign_and_baseline_are_kept() -> None:
    attribution = attribute(baseline=np.array([[[3.0], [0.0], [Z]]], np.float32))
    assert_allclose(attribution.attributions[0, :, 0], [5 * (X - 3), Y**2, 0], rtol=1e-5)


@given(st.integers(1, 60), st.integers(1, 60))
def test_batches_are_bounded_and_change_nothing(steps: int, batch_size: int) -> None:
    sizes = []

    def counted(images):
        sizes.append(len(images))
        return gradients(images)

    attribution = integrate_gradients(IMAGE, output=output, gradients=counted, steps=steps, batch_size=batch_size)
    assert max(sizes) <= batch_size
    assert len(set(sizes)) == 1
    assert_allclose(attribution.attributions, attribute(steps=steps, batch_size=1000).attributions, rtol=1e-6)


def test_a_function_that_does_not_change_has_no_share_to_miss() -> None:
    flat = integrate_gradients(
        IMAGE, output=lambda images: np.ones(len(images)), gradients=np.zeros_like, steps=5, batch_size=2
    )
    assert flat.completeness_gap == 0
    wrong = integrate_gradients(
        IMAGE, output=lambda images: np.ones(len(images)), gradients=np.ones_like, steps=5, batch_size=2
    )
    assert math.isinf(wrong.completeness_gap)
    assert not wrong.is_complete


@pytest.mark.parametrize("settings", [{"steps": 0}, {"batch_size": 0}, {"baseline": np.zeros((2, 2, 1))}])
def test_impossible_settings_are_refused(settings) -> None:
    with pytest.raises(ConfigError):
        attribute(**settings)
