"""The output of an evaluation: tables, each with its figure, in every format that people and programs read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfspine.evaluation.figures.estimates import Forest, can_draw, forest_figure
from tfspine.evaluation.tables.table import Table, as_text, markdown_text, plain, plain_rows, to_markdown
from tfspine.formats.metrics_json import ResultTable, result_text
from tfspine.outputs import write_text

Draw = Callable[[Path, str], None]
"""Draws a figure into a file, under a title."""


@dataclass(frozen=True)
class Result:
    """A table and the function that draws its figure; None for confusions, drawn per reader and region (`figures/`)."""

    table: Table
    draw: Draw | None = None


def forest_result(table: Table, forest: Forest) -> Result:
    """Return a table with a figure of its estimates, or without one where it has no rows."""
    if not table.rows:
        return Result(table)
    return Result(table, lambda path, title: forest_figure(table, forest=forest, path=path, title=title))


def write_results(folder: Path, results: Sequence[Result]) -> tuple[str, ...]:
    """Write NAME.csv and NAME.json unrounded, NAME.md rounded, NAME.png, and return the names of the files.

    Figures need the extra ``report``; without it they are left out (`can_draw`).

    Raises:
        OutputError: a file cannot be written.
    """
    return tuple(name for result in results for name in _write(folder, result))


def _write(folder: Path, result: Result) -> Iterator[str]:
    table = result.table
    content = ResultTable(table.title, table.note, plain_rows(table))
    for ending, text in (
        ("csv", plain(table).to_csv(index=False)),
        ("json", result_text(content)),
        ("md", f"{to_markdown(as_text(table))}\n{_caption(table)}\n"),
    ):
        write_text(folder / f"{table.name}.{ending}", text)
        yield f"{table.name}.{ending}"
    if result.draw is not None and can_draw():
        result.draw(folder / f"{table.name}.png", table.title)
        yield f"{table.name}.png"


def _caption(table: Table) -> str:
    return " ".join(filter(None, (f"**{markdown_text(table.title)}.**", markdown_text(table.note))))
