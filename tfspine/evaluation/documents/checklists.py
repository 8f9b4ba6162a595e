"""CLAIM 2024 and STARD 2015, filled in as far as the run recorded the answer.

CLAIM: Tejani et al., Radiol Artif Intell 2024;6:e240300. STARD: Bossuyt et al., Radiology 2015;277:826-832. Items are
paraphrased; the numbers are those of the publications. A filled item names the output in which an author finds what to
report; it does not mean that the report is complete.
"""

import csv
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tfspine.compat import StrEnum
from tfspine.evaluation.documents.study_facts import Answer, Fact, Facts
from tfspine.evaluation.figures.bars import stacked_figure
from tfspine.evaluation.tables.table import DASH, Column, Table

UNKNOWN = "not recorded in the run"


class Checklist(StrEnum):
    """Which checklist; the value is the stem of its files."""

    CLAIM_2024 = "claim_2024"
    STARD_2015 = "stard_2015"


@dataclass(frozen=True)
class ChecklistItem:
    """One item: its number in the publication, its section, what it requires, and the facts that answer it."""

    number: str
    section: str
    text: str
    facts: tuple[Fact, ...]


def checklist_items(checklist: Checklist) -> tuple[ChecklistItem, ...]:
    """Return the items of a checklist in their order."""
    source = resources.files("tfspine.evaluation.documents").joinpath("items", f"{checklist.value}.csv")
    rows = csv.DictReader(source.read_text(encoding="utf-8").splitlines())
    return tuple(
        ChecklistItem(
            row["number"], row["section"], row["item"], tuple(Fact(name) for name in (row["facts"] or "").split())
        )
        for row in rows
    )


def checklist_table(checklist: Checklist, facts: Facts) -> Table:
    """Return one row per item: what the run recorded and where to find it, or that it is unknown."""
    rows = []
    for item in checklist_items(checklist):
        answers: list[Answer] = [facts[fact] for fact in item.facts if fact in facts]
        rows.append(
            {
                "number": item.number,
                "section": item.section,
                "item": item.text,
                "answer": "; ".join(answer.text for answer in answers) or UNKNOWN,
                "where": ", ".join(dict.fromkeys(answer.where for answer in answers)) or DASH,
            }
        )
    known = sum(row["answer"] != UNKNOWN for row in rows)
    title = checklist.value.replace("_", " ").upper()
    return Table(
        checklist.value,
        f"{title}: {known} of {len(rows)} items were recorded in the run",
        (
            Column("number", "No."),
            Column("section", "Section"),
            Column("item", "Item"),
            Column("answer", "What the run recorded"),
            Column("where", "Found in"),
        ),
        tuple(rows),
    )


def checklist_figure(table: Table, *, path: Path, title: str) -> None:
    """Draw how many items of each section the run can answer in part, and how many the authors have to write."""
    sections = list(dict.fromkeys(row["section"] for row in table.rows))
    known = [[row["answer"] != UNKNOWN for row in table.rows if row["section"] == section] for section in sections]
    counts = {
        "recorded in the run": [sum(of_section) for of_section in known],
        "for the authors to write": [len(of_section) - sum(of_section) for of_section in known],
    }
    stacked_figure(sections, counts, axis="items", path=path, title=title)
