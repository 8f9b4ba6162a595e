"""Which of a reader's boxes match which of the reference's: greedy, one to one (docs/statistics.md, Matching of boxes).

Boxes are ``yxyx`` pixels (`boxes.py`). A pair needs an IoU strictly above the threshold. Pairs are taken by falling
IoU; of equal IoU the box with the higher score goes first, then the lower index of the reference, then of the reader.
Greedy is not optimal: where boxes crowd, another assignment can hold more pairs. A box without area matches nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfspine import boxes
from tfspine.errors import EvaluationError
from tfspine.formats.boxes_csv import CORNER_COLUMNS

BOX = list(CORNER_COLUMNS)


@dataclass(frozen=True)
class Pair:
    """Positions of a reference box and of the reader's box that matches it, and their IoU."""

    reference: int
    reader: int
    iou: float


@dataclass(frozen=True)
class Candidates:
    """Boxes that overlap: positions among the reference's and the reader's boxes, int [C], and IoU, float [C]."""

    reference: NDArray[np.int64]
    reader: NDArray[np.int64]
    iou: NDArray[np.float64]


def match_tables(
    reference: pd.DataFrame, reader: pd.DataFrame, *, threshold: float, label: Sequence[str]
) -> tuple[Pair, ...]:
    """Match the rows of two tables of boxes that agree in all columns of `label`.

    Args:
        reference: table with the columns of `label`, the four of the box, and `score`.
        reader: the same of the reader.
        threshold: IoU that a pair must exceed, 0 <= threshold < 1.
        label: columns that must be equal in both boxes: image, region, side; a missing value equals a missing one.

    Returns:
        Pairs whose positions are row numbers (not index labels) of the two tables.

    Raises:
        EvaluationError: the threshold is out of range, or a box has a corner that is missing or infinite.
    """
    candidates = find_candidates(reference, reader, threshold=threshold, label=label)
    scores = np.nan_to_num(reader["score"].to_numpy(np.float64))
    return tuple(sorted(_greedy(candidates, scores), key=lambda pair: pair.reference))


def find_candidates(
    reference: pd.DataFrame, reader: pd.DataFrame, *, threshold: float, label: Sequence[str]
) -> Candidates:
    """Return all pairs of rows that agree in all columns of `label` and whose boxes overlap by more than `threshold`.

    Raises:
        EvaluationError: as in `match_tables`.
    """
    check_threshold(threshold)
    groups = _positions(reader, label)
    shared = [(rows, groups[key]) for key, rows in _positions(reference, label).items() if key in groups]
    none = [np.empty(0, np.int64)]
    rows = np.concatenate([np.repeat(rows, len(columns)) for rows, columns in shared] or none)
    columns = np.concatenate([np.tile(columns, len(rows)) for rows, columns in shared] or none)
    reference_boxes, reader_boxes = (_corners(table) for table in (reference, reader))
    overlap = boxes.iou_of_pairs(reference_boxes[rows], reader_boxes[columns])
    above = overlap > threshold
    return Candidates(rows[above], columns[above], overlap[above])


def take_in_turn(candidates: Candidates, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Go through candidates in `order` and return the positions of those whose two boxes were not taken before."""
    taken: list[int] = []
    references: set[int] = set()
    readers: set[int] = set()
    pairs = zip(order.tolist(), candidates.reference[order].tolist(), candidates.reader[order].tolist(), strict=True)
    for position, reference, reader in pairs:
        if reference not in references and reader not in readers:
            references.add(reference)
            readers.add(reader)
            taken.append(position)
    return np.array(taken, np.int64)


def label_keys(table: pd.DataFrame, label: Sequence[str]) -> list[tuple[object, ...]]:
    """Return the values of some columns, one tuple per row; None, NaN and the like become ""."""
    columns = [table[column].astype(object).where(table[column].notna(), "") for column in label]
    return list(zip(*columns, strict=True))


def _greedy(candidates: Candidates, scores: NDArray[np.float64]) -> tuple[Pair, ...]:
    """Return the pairs in the order in which they are taken; `scores` [M] are the reader's."""
    # The last key of lexsort has priority.
    order = np.lexsort((candidates.reader, candidates.reference, -scores[candidates.reader], -candidates.iou))
    return tuple(
        Pair(int(candidates.reference[at]), int(candidates.reader[at]), float(candidates.iou[at]))
        for at in take_in_turn(candidates, order)
    )


def check_threshold(threshold: float) -> None:
    """Raise if no pair could pass an IoU threshold, or all would.

    Raises:
        EvaluationError: the threshold lies outside 0 <= threshold < 1, for example 30 where 0.3 was meant.
    """
    if not 0.0 <= threshold < 1.0:
        raise EvaluationError(f"IoU threshold {threshold}; expected 0 <= threshold < 1")


def _corners(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the boxes of a table, float64 [N, 4]."""
    corners = table[BOX].to_numpy(np.float64)
    if not np.isfinite(corners).all():
        raise EvaluationError("a box with a missing or infinite corner; expected four numbers in pixels")
    return corners


def _positions(table: pd.DataFrame, label: Sequence[str]) -> dict[tuple[object, ...], NDArray[np.int64]]:
    """Return the row numbers of each label that occurs."""
    positions: dict[tuple[object, ...], list[int]] = {}
    for position, key in enumerate(label_keys(table, label)):
        positions.setdefault(key, []).append(position)
    return {key: np.array(rows) for key, rows in positions.items()}
