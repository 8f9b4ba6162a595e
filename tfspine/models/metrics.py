"""Gwet's AC1 of the four grades, counted while training."""

from typing import Any

import keras
from keras import ops

from tfspine.labels import GRADES


@keras.saving.register_keras_serializable(package="tfspine")
class GwetAC1(keras.metrics.Metric):
    """Agreement of the most probable grade with the true one beyond chance.

    With p the confusion matrix as shares and pi_k the mean of its k-th row and column sums (Gwet 2008, Br J Math
    Stat Psychol 61:29-48, equations 5 to 7): AC1 = (p_a - p_e) / (1 - p_e), p_a = sum p_kk,
    p_e = sum pi_k (1 - pi_k) / (q - 1) over q grades. For reports, `evaluation` computes it with intervals.
    """

    def __init__(self, name: str = "ac1", **kwargs: Any) -> None:
        super().__init__(name=name, **{key: kwargs[key] for key in kwargs if key != "dtype"})
        self.confusion = self.add_variable((len(GRADES), len(GRADES)), initializer="zeros", name="confusion")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one-hot grades [N, 4] and probabilities [N, 4] to the confusion matrix; every crop counts once."""
        true = ops.one_hot(ops.argmax(y_true, axis=-1), len(GRADES), dtype="float32")
        predicted = ops.one_hot(ops.argmax(y_pred, axis=-1), len(GRADES), dtype="float32")
        self.confusion.assign_add(ops.matmul(ops.transpose(true), predicted))

    def result(self) -> Any:
        """Return AC1 of the crops counted since the last reset; 0 if there were none."""
        shares = self.confusion / ops.maximum(ops.sum(self.confusion), 1.0)
        agreement = ops.trace(shares)
        marginal = (ops.sum(shares, axis=0) + ops.sum(shares, axis=1)) / 2
        by_chance = ops.sum(marginal * (1 - marginal)) / (len(GRADES) - 1)
        return (agreement - by_chance) / (1 - by_chance)
