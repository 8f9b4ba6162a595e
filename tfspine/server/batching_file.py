"""The batching parameters file of TensorFlow Serving (docs/serving.md, Configuration)."""

import os
from dataclasses import dataclass
from pathlib import Path

from tfspine.errors import ServerError
from tfspine.server.text_protos import message_class, read_text_message

_EXAMPLE = "serving/batching_parameters.txt"


@dataclass(frozen=True)
class BatchingOptions:
    """How requests that arrive together are merged; the defaults are TensorFlow Serving's.

    Attributes:
        max_batch_size: most rows of one request.
        timeout_s: how long the first request of a batch waits for others, in seconds.
        max_enqueued_batches: batches of one signature that may wait.
        threads: batches that are computed at once.
        allowed_sizes: sizes to which batches are filled up, ascending; none: batches stay as they are.
        pad_inputs: whether inputs of different sizes are filled up with zeros, instead of refused.
        split_large: whether a request may be divided among batches.
        max_execution_size: most rows of one batch.
    """

    max_batch_size: int = 1000
    timeout_s: float = 0.0
    max_enqueued_batches: int = 10
    threads: int = os.cpu_count() or 1
    allowed_sizes: tuple[int, ...] = ()
    pad_inputs: bool = False
    split_large: bool = False
    max_execution_size: int = 1000


def read_batching(path: Path) -> BatchingOptions:
    """Read a batching parameters file.

    Raises:
        ServerError: the file cannot be read, is no such message, or its sizes contradict one another.
    """
    parsed = read_text_message(path, message_class("BatchingParameters")(), _EXAMPLE)
    default = BatchingOptions()

    def number(field: str, default: int) -> int:
        value = int(getattr(parsed, field).value) if parsed.HasField(field) else default
        if value < (0 if field == "batch_timeout_micros" else 1):
            raise ServerError(f"{path}: {field} {value}; expected a positive number; see {_EXAMPLE}")
        return value

    largest = number("max_batch_size", default.max_batch_size)
    split = parsed.enable_large_batch_splitting.value
    execution = number("max_execution_batch_size", largest) if split else largest
    sizes = tuple(parsed.allowed_batch_sizes)
    if sizes and (list(sizes) != sorted(set(sizes)) or sizes[-1] != execution or sizes[0] < 1):
        raise ServerError(
            f"{path}: allowed_batch_sizes {', '.join(map(str, sizes))}; expected ascending sizes that end with the "
            f"largest batch, {execution}; see {_EXAMPLE}"
        )
    return BatchingOptions(
        max_batch_size=largest,
        timeout_s=number("batch_timeout_micros", 0) / 1e6,
        max_enqueued_batches=number("max_enqueued_batches", default.max_enqueued_batches),
        threads=number("num_batch_threads", default.threads),
        allowed_sizes=sizes,
        pad_inputs=parsed.pad_variable_length_inputs,
        split_large=split,
        max_execution_size=execution,
    )
