"""Published tables of counts as the ratings that they count."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def raters_of(counts: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ratings [n] of both raters from counts [q, q], first rater in rows, second in columns."""
    table = np.asarray(counts)
    first, second = (np.repeat(index.ravel(), table.ravel()) for index in np.indices(table.shape))
    return first, second
