"""Temperature scaling, and the operating point: known answers and what may not change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.grade_threshold import choose_operating_point
from tfspine.evaluation.statistics.temperature import TEMPERATURES, fit_temperature, is_at_limit, temperature_scaled


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_put_in_comes_out(temperature: float) -> None:
    """Grades are drawn from the true probabilities; the model says them too surely, or not surely enough."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5, (20_000, 4))
    true = softmax(logits)
    grades = np.array([rng.choice(4, p=row) for row in true])
    # With 20,000 grades the fit has a standard error of about 1 %.
    assert fit_temperature(softmax(logits * temperature), grades) == pytest.approx(temperature, rel=0.05)


def test_two_grades_by_hand() -> None:
    # 3 of 4 are right where the model says 0.9: the best it can say is 0.75, so log 9 / T = log 3 and T = 2.
    probabilities = np.tile([0.9, 0.1], (4, 1))
    assert fit_temperature(probabilities, [0, 0, 0, 1]) == pytest.approx(2.0, abs=1e-3)
    assert temperature_scaled(probabilities, temperature=2.0)[0] == pytest.approx([0.75, 0.25])


@given(
    st.lists(st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4), min_size=1, max_size=5),
    st.floats(0.1, 10.0),
)
def test_scaling_keeps_the_order_and_undoes_itself(rows, temperature) -> None:
    shares = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    scaled = temperature_scaled(shares, temperature=temperature)
    assert scaled.sum(axis=1) == pytest.approx(1.0)
    assert (scaled[np.arange(len(shares)), shares.argmax(axis=1)] == scaled.max(axis=1)).all()
    if scaled.min() > 1e-6:
        assert temperature_scaled(scaled, temperature=1 / temperature) == pytest.approx(shares, abs=1e-6)


def test_always_right_ends_at_the_limit() -> None:
    temperature = fit_temperature([[0.6, 0.4]] * 3, [0, 0, 0])
    assert temperature == pytest.approx(TEMPERATURES[0], rel=1e-3)
    assert is_at_limit(temperature) and not is_at_limit(1.0)


@pytest.mark.parametrize("shares", [[0.9, 0.1], [0.99, 0.01], [0.999, 0.001]])
def test_always_right_and_sure_of_it_ends_at_the_limit_too(shares: list[float]) -> None:
    # exp(-log(99) / T) is lost in rounding from about T = 0.12 on: the loss is flat there, and 0.05 as good as any.
    assert is_at_limit(fit_temperature([shares] * 3, [0, 0, 0]))


def test_probabilities_that_say_nothing_fit_no_temperature() -> None:
    assert is_at_limit(fit_temperature([[0.5, 0.5]] * 3, [0, 1, 1]))


def test_regions_without_a_grade_are_left_out() -> None:
    shares = [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]]
    assert fit_temperature([*shares, [0.5, 0.5]], [0, 0, 0, 1, np.nan]) == fit_temperature(shares, [0, 0, 0, 1])


def test_nothing_to_fit_on_is_undefined() -> None:
    assert np.isnan(fit_temperature(np.zeros((0, 4)), np.zeros(0)))


def test_wrong_input_is_refused() -> None:
    with pytest.raises(EvaluationError, match="temperature 0"):
        temperature_scaled([[0.5, 0.5]], temperature=0)
    with pytest.raises(EvaluationError, match="expected \\[n, q\\] and \\[n\\]"):
        fit_temperature([[0.5, 0.5]], [0, 1])
    with pytest.raises(EvaluationError, match="grade 2; expected a whole number from 0 to 1"):
        fit_temperature([[0.5, 0.5]], [2])
    with pytest.raises(EvaluationError, match=r"grade 0\.5"):
        fit_temperature([[0.5, 0.5]], [0.5])
    for shares, message in (([[5.0, -2.0]], "not logits"), ([[np.nan, 1.0]], "probability nan")):
        with pytest.raises(EvaluationError, match=message):
            fit_temperature(shares, [0])
        with pytest.raises(EvaluationError, match=message):
            temperature_scaled(shares, temperature=2.0)


def test_the_operating_point_by_hand() -> None:
    # At 0.7: both positives above, one of three negatives too. At 0.9: one positive, no negative. 1 + 2/3 is best.
    point = choose_operating_point([True, False, True, False, False], [0.9, 0.8, 0.7, 0.2, 0.1])
    assert point is not None
    assert (point.threshold, point.sensitivity, point.n) == (0.7, 1.0, 5)
    assert point.specificity == pytest.approx(2 / 3)


def test_of_equally_good_points_the_highest() -> None:
    # 0.9: 1/2 + 1; 0.5: 1 + 1/2. Both 1.5.
    point = choose_operating_point([True, False, True, False], [0.9, 0.7, 0.5, 0.3])
    assert point is not None
    assert point.threshold == 0.9


def test_equally_good_is_meant_exactly() -> None:
    # Of three and three: at 0.9 1/3 + 1, at 0.7 2/3 + 2/3; summed in floating point the second seems larger.
    point = choose_operating_point([1, 1, 0, 0, 0, 1], [0.9, 0.8, 0.8, 0.3, 0.2, 0.1])
    assert point is not None
    assert (point.threshold, point.sensitivity, point.specificity) == (0.9, 1 / 3, 1.0)


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        ([True, False], [np.nan, 0.5], "score nan"),
        ([1.0, np.nan], [0.2, 0.5], "truth values of nan"),
        ([0, 3], [0.2, 0.5], "truth values of 3"),
        ([True], [0.2, 0.5], "expected two equal"),
    ],
)
def test_no_point_is_chosen_on_regions_that_are_none(truth, scores, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        choose_operating_point(truth, scores)


@pytest.mark.parametrize("truth", [[True, True], [False, False], []])
def test_one_kind_alone_gives_no_point(truth: list[bool]) -> None:
    assert choose_operating_point(truth, [0.5] * len(truth)) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=40))
def test_no_threshold_is_better(items) -> None:
    truth, scores = np.array([item[0] for item in items]), np.array([item[1] for item in items]) / 10
    point = choose_operating_point(truth, scores)
    if point is None:
        return
    for threshold in np.unique(scores):
        called = scores >= threshold
        youden = called[truth].mean() + (~called[~truth]).mean()
        assert youden <= point.sensitivity + point.specificity + 1e-12
