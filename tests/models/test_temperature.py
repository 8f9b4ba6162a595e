"""Temperature scaling against temperatures put in by hand, and the graph against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from tfspine.errors import ModelError
from tfspine.models.temperature import TEMPERATURES, at_temperature, fit_temperature, is_at_limit, scaled


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_it_finds_by_how_much_a_grader_was_made_too_sure(temperature: float) -> None:
    """Grades drawn from probabilities whose logits are then multiplied: only dividing by that much sets them right."""
    generator = np.random.default_rng(1)
    logits = generator.normal(0, 1.5, (20_000, 4))
    right = special.softmax(logits, axis=1)
    grades = (generator.random((20_000, 1)) > right.cumsum(axis=1)).sum(axis=1)
    shown = special.softmax(logits * temperature, axis=1)
    assert fit_temperature(shown, grades) == pytest.approx(temperature, rel=0.03)


def test_two_grades_by_hand() -> None:
    """Always 0.9 to 0.1 and right three times of four: at T the odds 9 become 9 ** (1 / T) = 3, hence T = 2."""
    assert fit_temperature([[0.9, 0.1]] * 4, [0, 0, 0, 1]) == pytest.approx(2.0, rel=1e-3)


def test_always_right_ends_at_the_limit() -> None:
    temperature = fit_temperature([[0.6, 0.4]] * 3, [0, 0, 0])
    assert temperature == pytest.approx(TEMPERATURES[0], rel=1e-3)
    assert is_at_limit(temperature) and not is_at_limit(1.0)


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda row: sum(row) > 0.01), min_size=1),
    st.floats(0.1, 10),
)
def test_the_graph_does_as_numpy_and_keeps_the_order(rows: list[list[float]], temperature: float) -> None:
    shares = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    expected = scaled(shares, temperature)
    np.testing.assert_allclose(at_temperature(shares.astype(np.float32), temperature).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0)
    best = np.take_along_axis(expected, shares.argmax(axis=1)[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(best, expected.max(axis=1))


def test_temperature_one_changes_nothing_but_zeros() -> None:
    np.testing.assert_allclose(scaled([[0.5, 0.25, 0.25, 0.0]], 1.0), [[0.5, 0.25, 0.25, 0.0]], atol=2e-7)


@pytest.mark.parametrize(
    ("probabilities", "grades", "message"),
    [
        (np.zeros((0, 4)), [], "n above 0"),
        ([[0.5, 0.5]], [0, 1], r"expected \[n, q\] and \[n\]"),
        ([[0.5, 0.5]], [2], "grades from 2 to 2; expected 0 to 1"),
    ],
)
def test_what_cannot_be_fitted_is_refused(probabilities: object, grades: list[int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        fit_temperature(probabilities, grades)
