"""``progress.jsonl`` of a run: one JSON object a line for each interval of a training, for programs that follow it.

Each has `time` (UTC, ISO 8601) and `step` or `epoch`, and of these what applies: the losses and measures of
`history.csv`, `learning_rate`, `images_per_s`, `input_wait_share` (of the interval, 0 to 1, spent waiting for the next
batch), `memory_bytes` (most that the process has held) and `gpu_memory_bytes` (most on the first GPU); after a
validation `recall` and `average_precision` by region. Unlike the history, a resumed run adds lines and removes none.
"""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tfspine.compat import UTC

PROGRESS_FILE = "progress.jsonl"


def append_progress(run_folder: Path, values: Mapping[str, Any]) -> None:
    """Add one line with the time; numbers that are not finite are null, because JSON has none.

    Args:
        run_folder: folder of the run.
        values: numbers, or mappings of numbers.
    """
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")} | _finite(values)
    with (run_folder / PROGRESS_FILE).open("a") as file:
        file.write(json.dumps(line) + "\n")


def read_progress(run_folder: Path) -> list[dict[str, Any]]:
    """Return the complete lines of a run, without one truncated by an interruption; none if the file is missing."""
    path = run_folder / PROGRESS_FILE
    lines = path.read_text().splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _finite(value) if isinstance(value, Mapping) else _number(value) for name, value in values.items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
