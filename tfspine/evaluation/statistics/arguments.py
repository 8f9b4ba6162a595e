"""Checks of the input of all statistics: numbers, counts, truth values, and groups of regions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfspine.errors import EvaluationError


def number_array(values: ArrayLike, *, what: str) -> NDArray[np.float64]:
    """Return values of any shape as float64; None becomes NaN.

    Args:
        values: numbers or truth values: a list, an array, or a column or table of pandas.
        what: name of the values, for the message.

    Raises:
        EvaluationError: text, or rows of unequal length.
    """
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise EvaluationError(
            f"{what} that are not numbers, or of unequal number; expected numbers, NaN where missing"
        ) from None


def whole_number(value: float, *, what: str, least: int = 0) -> int:
    """Return a whole number, such as a count, as an int: 3 for 3.0.

    Raises:
        EvaluationError: a fraction, infinity, NaN, text, or less than `least`.
    """
    if not _is_whole(value) or value < least:
        raise EvaluationError(f"{value} {what}; expected a whole number from {least}")
    return int(value)


def successes_of(successes: float, n: float) -> tuple[int, int]:
    """Return a count of successes and the number of units, as ints.

    Raises:
        EvaluationError: more successes than units, or either is not a whole number from 0.
    """
    if not (_is_whole(successes) and _is_whole(n) and 0 <= successes <= n):
        raise EvaluationError(f"{successes} of {n}; expected whole numbers, 0 <= successes <= n")
    return int(successes), int(n)


def truth_vectors(
    first: ArrayLike, second: ArrayLike, *, what: str = "calls"
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return two vectors of truth values, bool [n].

    Args:
        first: bool [n], or 0 and 1.
        second: bool [n], or 0 and 1.
        what: name of the two vectors, for the message.

    Raises:
        EvaluationError: the vectors differ in length or are not of truth values.
    """
    one, other = truth_values(first, what=what), truth_values(second, what=what)
    if one.ndim != 1 or one.shape != other.shape:
        raise EvaluationError(f"{what} of shapes {one.shape} and {other.shape}; expected two equal [n]")
    return one, other


def truth_values(values: ArrayLike, *, what: str) -> NDArray[np.bool_]:
    """Return truth values, bool of any shape, from bool or from 0 and 1.

    Raises:
        EvaluationError: another number, a missing one, or text.
    """
    found = number_array(values, what=what)
    wrong = ~np.isin(found, (0, 1))
    if wrong.any():
        raise EvaluationError(f"{what} of {found[wrong][0]:g}; expected true or false, or 1 and 0, for every region")
    return found.astype(bool)


def groups(names: Sequence[object] | NDArray[np.generic], *, what: str) -> NDArray[np.int64]:
    """Return the patient (or study) of each of n regions, int [n], counted from 0 in the order of the names.

    Args:
        names: [n], text or numbers.
        what: the kind of name, for the message: "patient".

    Raises:
        EvaluationError: not [n], or a region without a name.
    """
    array = np.asarray(names, dtype=object)
    if array.ndim != 1:
        raise EvaluationError(f"{what} names of shape {array.shape}; expected [n], one per region")
    position, _ = pd.factorize(array, sort=True)  # -1 for every kind of missing name
    if (position < 0).any():
        raise EvaluationError(f"a region without its {what}; expected a name or number for every region")
    return np.asarray(position, np.int64)


def _is_whole(value: float) -> bool:
    try:
        return int(value) == value
    except (TypeError, ValueError, OverflowError):
        return False
