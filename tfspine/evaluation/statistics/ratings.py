"""Ratings as codes of a scale, and their probabilities: which input is invalid, and how missing ratings are treated.

Ratings are codes 0 to q - 1 of a scale of q categories; q is the length of the scale, also where a category never
occurs. A missing rating is NaN.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfspine.compat import StrEnum
from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import number_array, whole_number

_ROUNDING = 1e-6
"""How far a probability may exceed 1: the rounding of a sum of a few float32 values."""

_SUM_TOLERANCE = 1.001e-3
"""How far from 1 the sum of a row may be: a float32 softmax, rounded to three places when written as text."""


class Missing(StrEnum):
    """How a subject that not every rater rated is treated.

    Listwise leaves it out. Available uses what it has: a subject with one rating counts towards how
    often each category occurs, one with two or more towards agreement as well.
    """

    LISTWISE = "listwise"
    AVAILABLE = "available"


def rating_matrix(raters: Sequence[ArrayLike], *, categories: int) -> NDArray[np.float64]:
    """Return vectors of ratings [n], one per rater, as float64 [n, raters].

    Raises:
        EvaluationError: the vectors differ in length, or a rating is not on the scale.
    """
    vectors = [number_array(rater, what="ratings") for rater in raters]
    shapes = [vector.shape for vector in vectors]
    if vectors[0].ndim != 1 or len(set(shapes)) > 1:
        raise EvaluationError(f"ratings of shapes {' and '.join(map(str, shapes))}; expected one [n] for all")
    return checked_ratings(np.stack(vectors, axis=1), categories=categories)


def checked_ratings(ratings: ArrayLike, *, categories: int) -> NDArray[np.float64]:
    """Return ratings, float64 [n, raters], all of them on the scale or NaN.

    Raises:
        EvaluationError: the scale has fewer than two categories, the array is not [n, raters] with two raters or
            more, or a rating is not on the scale.
    """
    categories = whole_number(categories, what="categories", least=2)
    matrix = number_array(ratings, what="ratings")
    if matrix.ndim != 2 or matrix.shape[1] < 2:
        raise EvaluationError(f"ratings of shape {matrix.shape}; expected [n, raters] with two raters or more")
    on_scale = np.isin(matrix, np.arange(categories)) | np.isnan(matrix)
    if not on_scale.all():
        raise EvaluationError(
            f"rating {matrix[~on_scale][0]:g}; expected a whole number from 0 to {categories - 1}, NaN where missing"
        )
    return matrix


def complete(matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which subjects, bool [n], every rater rated."""
    return np.asarray(~np.isnan(matrix).any(axis=1))


def joint_counts(first: ArrayLike, second: ArrayLike, *, categories: int) -> NDArray[np.int64]:
    """Return how often each pair of ratings occurs, int64 [q, q], first rater in rows; NaN pairs are left out.

    Raises:
        EvaluationError: the vectors differ in length or a rating is not on the scale.
    """
    matrix = rating_matrix([first, second], categories=categories)
    rows, columns = matrix[complete(matrix)].astype(int).T
    table = np.zeros((int(categories), int(categories)), np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def category_counts(matrix: NDArray[np.float64], *, categories: int) -> NDArray[np.float64]:
    """Return how many raters put each subject in each category, float64 [n, q], of ratings [n, raters]."""
    return np.asarray((matrix[:, :, None] == np.arange(categories)).sum(axis=1), np.float64)


def graded_probabilities(
    probabilities: ArrayLike, grades: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return probabilities [m, q] and grades [m] of the rows that the reference graded, and a mask of those rows [n].

    Raises:
        EvaluationError: shapes that do not fit, no probabilities, or a grade off the scale.
    """
    shares, rated = number_array(probabilities, what="probabilities"), number_array(grades, what="grades")
    if shares.ndim != 2 or rated.shape != shares.shape[:1]:
        raise EvaluationError(f"probabilities {shares.shape} and grades {rated.shape}; expected [n, q] and [n]")
    check_probabilities(shares)
    graded = ~np.isnan(rated)
    wrong = graded & ~np.isin(rated, np.arange(shares.shape[1]))
    if wrong.any():
        raise EvaluationError(f"grade {rated[wrong][0]:g}; expected a whole number from 0 to {shares.shape[1] - 1}")
    return shares[graded], rated[graded].astype(np.int64), graded


def check_probabilities(shares: NDArray[np.float64]) -> None:
    """Raise if rows [..., q] are not probabilities of two grades or more.

    Raises:
        EvaluationError: a number outside 0 to 1, or a row that does not sum to 1 within a thousandth.
    """
    if shares.shape[-1] < 2:
        raise EvaluationError(f"probabilities of shape {shares.shape}; expected those of two grades or more per region")
    inside = (shares >= 0) & (shares <= 1 + _ROUNDING)
    if not inside.all():
        wrong = shares[~inside][0]
        raise EvaluationError(f"probability {wrong:g}; expected 0 to 1 (a softmax's output, not logits or per cent)")
    total = shares.sum(axis=-1)
    off = np.abs(total - 1) > _SUM_TOLERANCE
    if off.any():
        row = ", ".join(str(index) for index in np.argwhere(off)[0])
        raise EvaluationError(f"row {row} of probabilities sums to {total[off][0]:g}; expected 1")
