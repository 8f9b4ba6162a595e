"""``metrics.json`` of ``tfspine evaluate``, and its tables as ``NAME.json``: every number at full precision."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfspine.errors import FormatError
from tfspine.outputs import write_text

METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class ResultTable:
    """One table of results: a row has a value for each column, None if missing."""

    title: str
    note: str
    rows: Sequence[Mapping[str, Any]]


def write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write the measures of an evaluation.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(folder / METRICS_FILE, _text(metrics))


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read the measures of a folder that ``tfspine evaluate`` wrote.

    Raises:
        FormatError: the file cannot be read, or is not an object.
    """
    return _read(folder / METRICS_FILE)


def result_text(table: ResultTable) -> str:
    """Return the content of one table."""
    return _text({"title": table.title, "note": table.note, "rows": list(table.rows)})


def read_result(folder: Path, name: str) -> ResultTable | None:
    """Read one table, for example ``regions``, of a folder that ``tfspine evaluate`` wrote; None if it has none.

    Raises:
        FormatError: the file is not such a table.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    content = _read(path)
    try:
        return ResultTable(content["title"], content["note"], content["rows"])
    except KeyError as error:
        raise FormatError(f"{path}: no {error}; make it again with tfspine evaluate") from None


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not readable: {error}; make it with tfspine evaluate") from None
    if not isinstance(content, dict):
        raise FormatError(f"{path}: {type(content).__name__}; expected an object; make it again with tfspine evaluate")
    return content
