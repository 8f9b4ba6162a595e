"""The published loss and its weights against arithmetic by hand."""

import math
from pathlib import Path

import keras
import numpy as np
import pytest

from tfspine.config import GraderLoss
from tfspine.errors import RecordError
from tfspine.labels import Grade
from tfspine.models.losses import WeightedCrossentropy, class_weights, make_loss, published_weights

COUNTS = {Grade.NORMAL: 60, Grade.MILD: 20, Grade.MODERATE: 15, Grade.SEVERE: 5}


def test_published_weights_are_those_of_the_paper() -> None:
    # Rows true, columns predicted; n(normal) / n(true) off the diagonal: 60/20, 60/15, 60/5.
    assert published_weights(COUNTS) == (
        (1, 1, 1, 1),
        (3, 1, 3, 3),
        (4, 4, 1, 4),
        (12, 12, 12, 1),
    )


def test_published_loss_weighs_only_wrong_answers() -> None:
    probabilities = np.array(
        [
            [0.2, 0.5, 0.2, 0.1],  # normal taken for mild: weight 1
            [0.6, 0.2, 0.1, 0.1],  # mild taken for normal: weight 3
            [0.1, 0.6, 0.2, 0.1],  # mild taken for mild: weight 1
            [0.1, 0.2, 0.4, 0.3],  # severe taken for moderate: weight 12
        ],
        np.float32,
    )
    true = np.eye(4, dtype=np.float32)[[0, 1, 1, 3]]
    expected = np.mean([-math.log(0.2), -3 * math.log(0.2), -math.log(0.6), -12 * math.log(0.3)])
    assert float(make_loss(GraderLoss.PUBLISHED, COUNTS)(true, probabilities)) == pytest.approx(expected, rel=1e-6)


def test_class_weights_are_inverse_frequencies_with_mean_one() -> None:
    table = class_weights(COUNTS)
    # 100 crops over 4 grades: 25 / n.
    assert [row[0] for row in table] == [25 / 60, 25 / 20, 25 / 15, 25 / 5]
    assert all(len(set(row)) == 1 for row in table)
    mean = sum(COUNTS[grade] * table[grade][0] for grade in Grade) / 100
    assert mean == pytest.approx(1.0)


def test_plain_loss_is_kerass_cross_entropy() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), 10).astype(np.float32)
    true = np.eye(4, dtype=np.float32)[generator.integers(0, 4, 10)]
    expected = float(keras.losses.CategoricalCrossentropy()(true, probabilities))
    assert float(make_loss(GraderLoss.PLAIN, COUNTS)(true, probabilities)) == pytest.approx(expected, rel=1e-6)


def test_an_absent_grade_divides_nothing_by_zero() -> None:
    counts = {**COUNTS, Grade.SEVERE: 0}
    assert np.isfinite(published_weights(counts)).all()
    assert np.isfinite(class_weights(counts)).all()


def test_published_loss_without_normal_crops_is_refused() -> None:
    with pytest.raises(RecordError, match="no training crop is graded normal"):
        make_loss(GraderLoss.PUBLISHED, {**COUNTS, Grade.NORMAL: 0})


def test_a_model_reloads_with_its_loss(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(4, activation="softmax")])
    model.compile("sgd", make_loss(GraderLoss.PUBLISHED, COUNTS))
    model.save(tmp_path / "model.keras")
    loss = keras.saving.load_model(tmp_path / "model.keras").loss
    assert isinstance(loss, WeightedCrossentropy)
    assert loss.table == published_weights(COUNTS)
