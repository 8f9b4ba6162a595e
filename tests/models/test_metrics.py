"""AC1 while training against arithmetic by hand."""

import keras
import numpy as np
import pytest

from tfspine.models.metrics import GwetAC1


def _one_hot(grades: list[int]) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[grades]


def test_ac1_by_hand_and_over_several_batches() -> None:
    true = [0, 0, 0, 0, 0, 0, 1, 1, 2, 3]
    predicted = [0, 0, 0, 0, 0, 1, 1, 2, 2, 3]
    # 8 of 10 agree; marginals (6+5, 2+2, 1+2, 1+1) / 20 = 0.55, 0.2, 0.15, 0.1;
    # p_e = (0.55*0.45 + 0.2*0.8 + 0.15*0.85 + 0.1*0.9) / 3 = 0.625 / 3.
    by_chance = 0.625 / 3
    metric = GwetAC1()
    metric.update_state(_one_hot(true[:4]), _one_hot(predicted[:4]))
    metric.update_state(_one_hot(true[4:]), _one_hot(predicted[4:]))
    assert float(metric.result()) == pytest.approx((0.8 - by_chance) / (1 - by_chance), rel=1e-5)
    metric.reset_state()
    metric.update_state(_one_hot(true), _one_hot(true))
    assert float(metric.result()) == pytest.approx(1.0)


def test_ac1_counts_in_float32_under_half_precision() -> None:
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        metric = GwetAC1()
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    # 4100 crops: float16 cannot count past 2048.
    metric.update_state(_one_hot([0] * 4100), _one_hot([0] * 4099 + [1]))
    assert float(np.asarray(metric.confusion).sum()) == 4100
