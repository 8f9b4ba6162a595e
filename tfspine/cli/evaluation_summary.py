"""What ``tfspine evaluate`` prints: the paper's tables as text of fixed width, what was left out, where the rest is."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tfspine.evaluation.results import Result
    from tfspine.evaluation.stages import Question, Sets
    from tfspine.evaluation.tables import Table

SUMMARY_COLUMNS = 170
OF_THE_AVERAGE = ("recall", "accuracy")
"""Tables that print the average of versions alone, as in the paper, which lists versions by their agreement only."""

LEFT = ("Set", "Reader", "Region", "Agreement", "Grades", "Characteristic")


def summary_text(
    question: "Question", sets: "Sets", results: "Sequence[Result]", *, flow: Sequence[str], closing: str
) -> str:
    """Return the paper's tables as text of fixed width, and what was not compared."""
    from rich.console import Console

    text = io.StringIO()
    console = Console(file=text, width=SUMMARY_COLUMNS)
    versions = {member for members in (question.averages or {}).values() for member in members}
    for result in results:
        console.print(_rich(_without(versions, result.table) if result.table.name in OF_THE_AVERAGE else result.table))
        if result.table.note:
            console.print(f"{result.table.note}\n")
    for line in flow:
        console.print(line)
    for set_, readers in sets.items():
        for name, reader in readers.items():
            if reader.outside_boxes and name not in (question.averages or {}):
                where = f"{name}, {set_}" if len(sets) > 1 else name
                console.print(
                    f"{where}: {reader.outside_boxes} boxes on {reader.outside_slices} slices outside the reference "
                    "or the split: not compared"
                )
    console.print(closing)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _without(readers: set[str], table: "Table") -> "Table":
    """Return a table without the rows of some readers, and say so."""
    rows = tuple(row for row in table.rows if row["reader"] not in readers)
    return (
        table
        if len(rows) == len(table.rows)
        else replace(table, title=f"{table.title} (versions: in the files)", rows=rows)
    )


def flow_lines(folder: Path) -> list[str]:
    """Return the flow chart as lines: a step, and indented below it who left there and why."""
    path = folder / "flow.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return ["Studies, from the export to the tests"] + [
        f"    left out: {row['studies']} {row['reason']}"
        if row["reason"]
        else f"  {row['part']}: {row['studies']} {row['step']}"
        for row in rows
    ]


def closing_lines(out: Path, question: "Question", names: Sequence[str]) -> str:
    """Return what holds for all tables, and which files there are."""
    set_ = question.internal
    endings: dict[str, list[str]] = {name.rpartition(".")[0]: [] for name in names}
    for name in names:
        head, _, ending = name.rpartition(".")
        endings[head].append(ending)
    files = ", ".join(f"{head} ({' '.join(found)})" for head, found in endings.items() if "confusion" not in head)
    return (
        f"Grades are compared on boxes of IoU > {set_.iou:g}. Intervals: {set_.confidence:.0%}. "
        f"In {out}: metrics.json (full precision), {files}, confusion_* (png)"
    )


def _rich(table: "Table") -> Any:
    from rich import box
    from rich.table import Table as RichTable

    from tfspine.evaluation.tables import shown

    texts = shown(table)
    drawn = RichTable(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in texts.columns:
        justify: Literal["left", "right"] = "left" if column in LEFT else "right"
        drawn.add_column(column.strip(), justify=justify, no_wrap=True)
    for row in texts.itertuples(index=False):
        drawn.add_row(*row)
    return drawn
