"""The printed summary of an evaluation: levels and sides, the paper's tables, what was left out, where the rest is."""

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tfspine.evaluation.boxes.reader_metrics import MetricsBySet
from tfspine.evaluation.question import Question
from tfspine.evaluation.results import Result
from tfspine.evaluation.tables.coverage import coverage_lines
from tfspine.evaluation.tables.table import DASH, Table, as_text, without_readers
from tfspine.formats.flow_csv import FLOW_FILE, read_flow_table
from tfspine.table_text import COLUMNS, print_table

OF_THE_AVERAGE = (
    "regions",
    "regions_accuracy",
    "regions_predictive",
    "end_to_end",
    "levels",
    "recall_cost",
    "recall",
    "accuracy",
)
"""Tables that print only the average of members; as in the paper, members are listed only by their agreement."""

LEFT = ("Set", "Reader", "Region", "Agreement", "Grades", "Characteristic", "Levels")


def summary_text(
    question: Question, sets: MetricsBySet, results: Sequence[Result], *, flow: Sequence[str], closing: str
) -> str:
    """Return the paper's tables as text of fixed width, and what was not compared."""
    text = io.StringIO()
    console = Console(file=text, width=COLUMNS, markup=False, emoji=False, highlight=False)
    for result in results:
        table = result.table
        table = without_readers(table, question.members) if table.name in OF_THE_AVERAGE else table
        print_table(console, as_text(table), title=table.title, left=LEFT)
        if result.table.note:
            console.print(f"{result.table.note}\n")
    for line in flow:
        console.print(line)
    for read_set in filter(None, (question.internal, question.external)):
        for line in (read_set.count_words(), *coverage_lines(read_set)):
            console.print(f"{read_set.name}: {line}" if len(sets) > 1 else line)
    for set_, readers in sets.items():
        for name, reader in readers.items():
            if reader.outside_boxes and name not in (question.averages or {}):
                where = f"{name}, {set_}" if len(sets) > 1 else name
                console.print(
                    f"{where}: {reader.outside_boxes} boxes on {reader.outside_slices} slices outside the reference "
                    "or the split: not compared"
                )
        for name in sorted((question.averages or {}).keys() - readers.keys()):
            console.print(f"{name}, {set_}: no average, as not all of its members read this set")
    for note in question.notes:
        console.print(note)
    console.print(closing)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def flow_lines(folder: Path) -> list[str]:
    """Return the flow chart as lines: each step, and indented below it the exclusions with their reasons."""
    if not (folder / FLOW_FILE).is_file():
        return []
    return ["Studies, from the export to the tests"] + [
        f"    left out: {row.studies} {row.reason}" if row.reason else f"  {row.part}: {row.studies} {row.step}"
        for row in read_flow_table(folder)
    ]


def closing_lines(out: Path, question: Question, names: Sequence[str], *, absent: Sequence[Table] = ()) -> str:
    """Return the notes for all tables, the files that were written, and the tables that are missing with the reason."""
    set_ = question.internal
    endings: dict[str, list[str]] = {}
    for name in names:
        head, _, ending = name.rpartition(".")
        endings.setdefault(head, []).append(ending)
    heads: dict[str, list[str]] = {}
    for head, found in endings.items():
        if not head.startswith("confusion_"):
            heads.setdefault(", ".join(found), []).append(head)
    reasons: dict[str, list[str]] = {}
    for table in absent:
        reasons.setdefault(table.note, []).append(table.name)
    lines = [
        f"{DASH}: not defined by these data. Grades are compared on boxes of IoU > {set_.iou:g}. Intervals: "
        f"{set_.confidence:.0%}; where nothing differs they show what so few boxes may still hide, and there is no P.",
        f"In {out}: metrics.json (full precision), confusion_READER_REGION (png)",
        *(f"  as {kinds}: {', '.join(of_kinds)}" for kinds, of_kinds in heads.items()),
        *(f"Not made: {', '.join(of_reason)}: {reason}" for reason, of_reason in reasons.items()),
    ]
    return "\n".join(lines)
