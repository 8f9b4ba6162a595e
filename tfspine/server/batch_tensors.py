"""The tensors of several requests as those of one batch, and the outputs of the batch as those of each request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfspine.server.batching_file import BatchingOptions
from tfspine.server.graph_session import Feeds
from tfspine.server.request_error import failed_precondition, invalid


@dataclass(frozen=True)
class Sizes:
    """Rows of each request, and of the whole batch with what fills it up."""

    requests: tuple[int, ...]
    batch: int


def row_count(feeds: Feeds) -> int:
    """Return how many rows a request has.

    Raises:
        RequestError: an input is a scalar, or the inputs have different numbers of rows.
    """
    if any(array.ndim == 0 for array in feeds.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    counts = {len(array) for array in feeds.values()}
    if len(counts) > 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return counts.pop() if counts else 0


def merged(requests: Sequence[Feeds], options: BatchingOptions) -> tuple[dict[str, NDArray[Any]], Sizes]:
    """Return the inputs of several requests one below the other, filled up to an allowed size with their first row.

    Raises:
        RequestError: inputs of different sizes, and the options do not allow to fill them up.
    """
    counts = tuple(row_count(feeds) for feeds in requests)
    total = sum(counts)
    size = next((allowed for allowed in options.allowed_sizes if allowed >= total), total)
    batch = {}
    for name in requests[0]:
        arrays = [feeds[name] for feeds in requests]
        if len({array.shape[1:] for array in arrays}) > 1:
            arrays = _same_shapes(name, arrays, options)
        if size > total and total:
            first = next(array[:1] for array in arrays if len(array))
            arrays.append(np.repeat(first, size - total, axis=0))
        batch[name] = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return batch, Sizes(counts, size if total else 0)


def split_outputs(outputs: Sequence[NDArray[Any]], sizes: Sizes) -> list[list[NDArray[Any]]]:
    """Return the outputs of each request.

    Raises:
        RequestError: an output does not have one row for each row of the inputs.
    """
    for array in outputs:
        if array.ndim == 0:
            raise failed_precondition("Batched output tensor has 0 dimensions")
        if len(array) != sizes.batch:
            raise failed_precondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the "
                "input tensors"
            )
    ends = np.cumsum(sizes.requests)
    return [[array[end - count : end] for array in outputs] for count, end in zip(sizes.requests, ends, strict=True)]


def _same_shapes(name: str, arrays: Sequence[NDArray[Any]], options: BatchingOptions) -> list[NDArray[Any]]:
    if not options.pad_inputs or len({array.ndim for array in arrays}) > 1:
        raise failed_precondition(
            f"Tensors with name '{name}' from different tasks have different shapes and padding is turned off. Set "
            "pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions "
            "starting with the first dim."
        )
    largest = np.max([array.shape[1:] for array in arrays], axis=0)
    padded = []
    for array in arrays:
        widths = [(0, 0), *((0, int(size)) for size in largest - array.shape[1:])]
        fill = b"" if array.dtype == object else 0
        padded.append(np.pad(array, widths, constant_values=fill))
    return padded
