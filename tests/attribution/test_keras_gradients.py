"""The door to keras and tf-explain, on a small grader."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from tfspine.attribution.integrated_gradients import integrate_gradients
from tfspine.attribution.keras_gradients import class_functions, probabilities
from tfspine.config import Experiment
from tfspine.models.grader import build_grader

CROPS = np.random.default_rng(3).random((3, 16, 16, 3), np.float32)


@pytest.fixture(scope="module")
def grader(tiny: Callable[..., Experiment]):
    keras.utils.set_random_seed(7)
    return build_grader(tiny().grader)


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_gradients_are_those_of_finite_differences(grader, seed: int) -> None:
    output, gradients = class_functions(grader, 2)
    direction = np.random.default_rng(seed).normal(size=CROPS[:1].shape).astype(np.float32)
    step = 1e-4  # small, because every ReLU and maximum is a kink
    difference = (output(CROPS[:1] + step * direction) - output(CROPS[:1] - step * direction)) / (2 * step)
    assert_allclose((gradients(CROPS[:1]) * direction).sum(), difference[0], atol=5e-3)


def test_each_image_has_its_own_gradient(grader) -> None:
    _, gradients = class_functions(grader, 1)
    together = gradients(CROPS)
    assert_allclose(together, np.concatenate([gradients(crop[None]) for crop in CROPS]), atol=1e-6)


def test_the_four_grades_pull_against_one_another(grader) -> None:
    # Probabilities sum to 1, so their gradients sum to 0; dropout and batch statistics would break it.
    total = sum(class_functions(grader, grade)[1](CROPS) for grade in range(4))
    assert_allclose(total, np.zeros_like(CROPS), atol=1e-6)


def test_attributions_are_complete(grader) -> None:
    grade = int(probabilities(grader, CROPS)[0].argmax())
    output, gradients = class_functions(grader, grade)
    attribution = integrate_gradients(CROPS[0], output=output, gradients=gradients, steps=240, batch_size=32)
    assert_allclose(attribution.output, probabilities(grader, CROPS)[0, grade], atol=1e-6)
    assert attribution.completeness_gap < 0.05


def test_a_mean_of_networks_is_explained_as_one_function(grader, tiny: Callable[..., Experiment]) -> None:
    """The gradient of a mean is the mean of the gradients; the probabilities are those of the mean."""
    keras.utils.set_random_seed(8)
    networks = [grader, build_grader(tiny().grader)]

    def served(crops):
        return sum(network(crops) for network in networks) / 2

    both = [class_functions(network, 1) for network in networks]
    output, gradients = class_functions(served, 1)
    assert_allclose(output(CROPS), np.mean([one(CROPS) for one, _ in both], axis=0), atol=1e-6)
    assert_allclose(gradients(CROPS), np.mean([one(CROPS) for _, one in both], axis=0), atol=1e-6)
