"""How much a disagreement still counts as agreement: the weights of AC2 and of weighted kappa.

Source: K. L. Gwet, Handbook of Inter-Rater Reliability, 4th ed. 2014, chapter 3; the formulas are in
docs/statistics.md.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.compat import StrEnum
from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import whole_number


class Weights(StrEnum):
    """How much a disagreement of d categories still counts as agreement: 1 for d = 0, less for larger d."""

    IDENTITY = "identity"
    LINEAR = "linear"
    QUADRATIC = "quadratic"
    ORDINAL = "ordinal"


AnyWeights: TypeAlias = Weights | ArrayLike
"""One of the named kinds, or a custom matrix, float [q, q]."""


def weight_matrix(categories: int, weights: AnyWeights) -> NDArray[np.float64]:
    """Return the weights, float64 [q, q], of every pair of categories.

    With d the distance of two categories on a scale of q: identity 1 for d = 0, else 0; linear 1 - d / (q - 1);
    quadratic 1 - d^2 / (q - 1)^2; ordinal 1 - d (d + 1) / (q (q - 1)).

    Args:
        categories: length q of the scale, at least 2.
        weights: a named kind, or a custom matrix [q, q]: symmetric, 1 on the diagonal, 0 to 1 elsewhere.

    Raises:
        EvaluationError: the scale is too short, the kind is unknown, or the matrix is not of that form.
    """
    categories = whole_number(categories, what="categories", least=2)
    if not isinstance(weights, str):
        return _checked(weights, categories)
    if weights not in list(Weights):
        raise EvaluationError(f'weights "{weights}"; expected {", ".join(Weights)} or a matrix [q, q]')
    code = np.arange(categories)
    distance = np.abs(code[:, None] - code[None, :]).astype(np.float64)
    match Weights(weights):
        case Weights.IDENTITY:
            weight = (distance == 0).astype(np.float64)
        case Weights.LINEAR:
            weight = 1 - distance / (categories - 1)
        case Weights.QUADRATIC:
            weight = 1 - distance**2 / (categories - 1) ** 2
        case Weights.ORDINAL:
            weight = 1 - distance * (distance + 1) / (categories * (categories - 1))
    return np.asarray(weight)


def weights_name(weights: AnyWeights) -> str:
    """Return the name of the weights, for an estimate's method."""
    return str(weights) if isinstance(weights, str) else "custom weights"


def is_identity(weight: NDArray[np.float64]) -> bool:
    """Whether only full agreement counts."""
    return bool((weight == np.eye(len(weight))).all())


def _checked(weights: ArrayLike, categories: int) -> NDArray[np.float64]:
    try:
        weight = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        raise EvaluationError(f"weights {weights!r}; expected {', '.join(Weights)} or a matrix [q, q]") from None
    if weight.shape != (categories, categories):
        raise EvaluationError(f"weights of shape {weight.shape}; expected {(categories, categories)}, one per pair")
    if not ((weight >= 0) & (weight <= 1)).all():
        raise EvaluationError(f"weights from {weight.min():g} to {weight.max():g}; expected 0 to 1")
    if not (np.diag(weight) == 1).all():
        raise EvaluationError(f"weights of {np.diag(weight).min():g} for full agreement; expected 1 on the diagonal")
    if not np.allclose(weight, weight.T, rtol=0, atol=1e-9):
        raise EvaluationError("weights that differ with the order of the raters; expected a symmetric matrix")
    return weight
