"""A table keeps its numbers unrounded; only `as_text` converts them to text. An undefined number prints as a dash."""

import dataclasses
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from tfspine.compat import StrEnum
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.labels import Region

DASH = "–"

_MARKS = re.compile(r"[\\|*`]|<(?=[a-zA-Z/!?])|(?<=\])\(")
"""Characters with a meaning in Markdown: cells, emphasis, code, HTML, and the address of a link."""

REGION_TITLES: dict[Region, str] = {
    Region.CENTRAL_CANAL: "Central canal",
    Region.LATERAL_RECESS: "Lateral recesses",
    Region.NEURAL_FORAMEN: "Neural foramina",
}


class Kind(StrEnum):
    """How a column is printed.

    Text, count, number (two decimals), share (in per cent) and p are plain values. The others are estimates with their
    interval: a coefficient with two decimals, a share in per cent, and a share with the counts behind it.
    """

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    SHARE = "share"
    P = "p"
    COEFFICIENT = "coefficient"
    PERCENT = "percent"
    PERCENT_OF = "percent of"


@dataclass(frozen=True)
class Column:
    """One column: the key of its values in the rows, its heading, and how it is printed."""

    key: str
    title: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True)
class Table:
    """Rows of values and of `Estimate`s by the keys of the columns. `name` is the stem of its files."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    note: str = ""


def as_text(table: Table) -> pd.DataFrame:
    """Return the table as text, rounded, under its headings."""
    texts = [[_text(row.get(column.key), column.kind) for column in table.columns] for row in table.rows]
    return pd.DataFrame(texts, columns=[column.title for column in table.columns], dtype="str")


def plain(table: Table) -> pd.DataFrame:
    """Return the table with unrounded numbers: an estimate takes five columns, KEY and KEY_low, _high, _n, _method."""
    records = [_flat(row, table.columns) for row in table.rows]
    return pd.DataFrame(records)


def plain_rows(table: Table) -> list[dict[str, Any]]:
    """Return the rows for JSON: unrounded, an estimate as an object, None where undefined."""
    return [{column.key: plain_value(row.get(column.key)) for column in table.columns} for row in table.rows]


def without_readers(table: Table, readers: Collection[str]) -> Table:
    """Return a table without the rows of some readers, members of a model, and state this in its title."""
    rows = tuple(row for row in table.rows if row.get("reader") not in readers)
    if len(rows) == len(table.rows):
        return table
    return replace(table, title=f"{table.title} (members: in the files)", rows=rows)


def to_markdown(table: pd.DataFrame) -> str:
    """Return a table as GitHub Markdown; its contents are shown literally, whatever characters they contain."""
    lines = [list(map(str, table.columns)), *table.astype(str).to_numpy().tolist()]
    heading, *rows = [[markdown_text(cell) for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heading, ["---"] * len(table.columns), *rows))


def markdown_text(text: str) -> str:
    """Return text escaped for Markdown, on one line, without tables, emphasis, links, code or HTML."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def metrics_dict(metrics: Any) -> dict[str, Any]:
    """Return a dataclass of metrics as plain values for JSON, unrounded, with None where undefined."""
    content: dict[str, Any] = plain_value(metrics)
    return content


def estimate_from_dict(content: Mapping[str, Any]) -> Estimate:
    """Read one estimate back from `metrics_dict`, with None converted to NaN."""
    value, low, high = (math.nan if content[name] is None else content[name] for name in ("value", "low", "high"))
    return Estimate(value, low, high, content["n"], content["method"])


def format_estimate(estimate: Estimate) -> str:
    """Write an estimate with its interval: ``0.89 (0.87, 0.91)``."""
    if not estimate.is_defined:
        return DASH
    return f"{format_number(estimate.value)} ({_limits(estimate, format_number)})"


def format_percent(estimate: Estimate, *, counts: bool = False) -> str:
    """Write a share in per cent with its interval, as ``91.1 (80.4, 97.0)``, on request followed by ``[51/56]``.

    The mean of several members need not be a whole count: ``[9.7/10]``. Without units it is ``– [0/0]``.
    """
    if not estimate.is_defined:
        return f"{DASH} [0/0]" if counts and estimate.n == 0 else DASH
    text = f"{_tenth(estimate.value)} ({_limits(estimate, _tenth)})"
    return f"{text} [{_count(estimate.value * estimate.n, '')}/{estimate.n}]" if counts else text


def format_number(value: float) -> str:
    """Write a number with two decimals."""
    return DASH if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}"


def format_p(p_value: float) -> str:
    """Write a P value as radiology journals do: ``<.001``, ``.034``."""
    if math.isnan(p_value):
        return DASH
    return "<.001" if p_value < 0.001 else f"{p_value:.3f}".removeprefix("0")


def plain_value(value: Any) -> Any:
    """Return a value that JSON can hold: dataclasses as objects, tuples as lists, None for undefined numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain_value(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _text(value: Any, kind: Kind) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return DASH
    match kind:
        case Kind.TEXT:
            return str(value)
        case Kind.COUNT:
            return _count(value, ",")
        case Kind.NUMBER:
            return format_number(value)
        case Kind.SHARE:
            return _tenth(value)
        case Kind.P:
            return format_p(value)
        case Kind.COEFFICIENT:
            return format_estimate(value)
        case Kind.PERCENT:
            return format_percent(value)
        case Kind.PERCENT_OF:
            return format_percent(value, counts=True)


def _flat(row: Mapping[str, Any], columns: tuple[Column, ...]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for column in columns:
        value = row.get(column.key)
        if isinstance(value, Estimate):
            flat[column.key] = value.value
            flat |= {f"{column.key}_{part}": getattr(value, part) for part in ("low", "high", "n", "method")}
        else:
            flat[column.key] = value
    return flat


def _limits(estimate: Estimate, text: Callable[[float], str]) -> str:
    limits = (estimate.low, estimate.high)
    return "no interval" if any(map(math.isnan, limits)) else ", ".join(map(text, limits))


def _tenth(share: float) -> str:
    return DASH if math.isnan(share) else f"{round(100 * share, 1) + 0.0:.1f}"


def _count(number: float, separator: str) -> str:
    is_whole = math.isclose(number, round(number), abs_tol=1e-6)
    return format(round(number), separator) if is_whole else format(round(number, 1) + 0.0, f"{separator}.1f")
