"""The grader's loss: categorical cross-entropy times a weight that depends on the true and the predicted grade.

Plain class weights are the special case in which the weight does not depend on the prediction.
"""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from tfspine.config import GraderLoss
from tfspine.errors import RecordError
from tfspine.labels import GRADES, Grade

WeightTable = tuple[tuple[float, ...], ...]
"""Four rows of four weights: rows are true grades, columns the grades predicted as most probable."""


@keras.saving.register_keras_serializable(package="tfspine")
class WeightedCrossentropy(keras.losses.Loss):
    """Categorical cross-entropy of each crop times ``table[true grade][most probable grade]``, then the mean.

    No gradient flows through the choice of the weight. It is computed in float32 under any precision policy.
    """

    def __init__(self, table: WeightTable, name: str = "weighted_crossentropy", **kwargs: Any) -> None:
        super().__init__(name=name, dtype="float32", **{key: kwargs[key] for key in kwargs if key != "dtype"})
        self.table = tuple(tuple(row) for row in table)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the weighted loss of each crop [N] from one-hot grades [N, 4] and probabilities [N, 4]."""
        weights = ops.reshape(ops.convert_to_tensor(self.table, dtype="float32"), [-1])
        chosen = ops.argmax(y_true, axis=-1) * len(GRADES) + ops.argmax(y_pred, axis=-1)
        return keras.losses.categorical_crossentropy(y_true, y_pred) * ops.take(weights, chosen)

    def get_config(self) -> dict[str, Any]:
        """Return what a saved model needs to recreate this loss."""
        return super().get_config() | {"table": self.table}


def make_loss(kind: GraderLoss, counts: Mapping[Grade, int]) -> WeightedCrossentropy:
    """Return the loss of the given kind; `counts` are the numbers of training crops of each grade.

    Raises:
        RecordError: the published loss was chosen, but no crop is graded normal, on which its weights are based.
    """
    match kind:
        case GraderLoss.PUBLISHED:
            table = published_weights(counts)
        case GraderLoss.CLASS_WEIGHTS:
            table = class_weights(counts)
        case GraderLoss.PLAIN:
            table = tuple((1.0,) * len(GRADES) for _ in GRADES)
    return WeightedCrossentropy(table)


def published_weights(counts: Mapping[Grade, int]) -> WeightTable:
    """Return the authors' weights (docs/paper.md, Loss).

    1 if the true grade is normal or was predicted, otherwise n(normal) / n(true grade). A grade without crops has
    weight 1, which is never used.

    Raises:
        RecordError: no crop is normal.
    """
    if not counts[Grade.NORMAL]:
        raise RecordError(
            'no training crop is graded normal, on which the published loss rests; --set grader.loss="class_weights"'
        )
    ratio = {true: counts[Grade.NORMAL] / counts[true] if counts[true] else 1.0 for true in GRADES}
    return tuple(
        tuple(1.0 if predicted is true or true is Grade.NORMAL else ratio[true] for predicted in GRADES)
        for true in GRADES
    )


def class_weights(counts: Mapping[Grade, int]) -> WeightTable:
    """Return weights inverse to the frequency of the true grade, whose mean over the crops is 1."""
    present = [grade for grade in GRADES if counts[grade]]
    total = sum(counts[grade] for grade in present)
    weight = {grade: total / (len(present) * counts[grade]) if counts[grade] else 1.0 for grade in GRADES}
    return tuple((weight[true],) * len(GRADES) for true in GRADES)
