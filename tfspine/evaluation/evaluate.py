"""All measurements of an evaluation: the paper's tables, additional tables for reviewers, the filled checklists."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tfspine.config import EvaluationConfig
from tfspine.evaluation.boxes.reader_metrics import MetricsBySet
from tfspine.evaluation.documents.checklists import Checklist, checklist_figure, checklist_table
from tfspine.evaluation.documents.model_card import model_card
from tfspine.evaluation.documents.study_facts import Answer, Fact
from tfspine.evaluation.measured_facts import measured_facts
from tfspine.evaluation.paper_results import metrics_of, paper_results
from tfspine.evaluation.question import Question, at_operating_boxes
from tfspine.evaluation.region_results import region_results
from tfspine.evaluation.results import Result
from tfspine.evaluation.reviewer_results import external_results, reviewer_results
from tfspine.evaluation.tables.table import Table, metrics_dict, plain_rows, without_readers
from tfspine.progress import Track

ON_THE_CARD = (
    *("regions", "regions_accuracy", "regions_predictive", "end_to_end", "levels", "reference", "recall_cost"),
    *("recall", "agreement_four", "agreement_two", "accuracy", "calibration", "operating"),
)
"""Tables that a model card shows."""

NOTICE = "Research software. Not a medical device; not for diagnosis."
SIMULATED = "Trained or tested on simulated patients: these figures do not show how it performs on patients."


@dataclass(frozen=True)
class EvaluationResults:
    """The results of an evaluation.

    Attributes:
        question: with every model's boxes at its operating point.
        sets: metrics by set and reader, averages included.
        printed: the tables that are printed: by level and side, then those of the paper.
        others: the tables that are written only.
        absent: tables without rows; their notes state what they need.
    """

    question: Question
    sets: MetricsBySet
    printed: tuple[Result, ...]
    others: tuple[Result, ...] = ()
    absent: tuple[Table, ...] = ()

    @property
    def results(self) -> tuple[Result, ...]:
        """All tables that have rows."""
        return (*self.printed, *self.others)


def measure_as_paper(question: Question, settings: EvaluationConfig) -> EvaluationResults:
    """Measure what the paper prints, preceded by one grade for each level and side.

    Args:
        question: who read what.
        settings: `[evaluation]`.
    """
    placed = at_operating_boxes(question, allowed=settings.false_boxes_per_image)
    sets = metrics_of(placed)
    regions = region_results(placed.sets, averages=placed.averages)
    printed = (*(result for result in regions if result.table.rows), *paper_results(placed, sets))
    return EvaluationResults(placed, sets, printed, absent=tuple(item.table for item in regions if not item.table.rows))


def measure_in_full(question: Question, settings: EvaluationConfig, *, seed: int, track: Track) -> EvaluationResults:
    """Measure the same, and the tables beyond the paper.

    Args:
        question: who read what.
        settings: `[evaluation]`.
        seed: of the bootstrap.
        track: reports progress, table by table.
    """
    paper = measure_as_paper(question, settings)
    makes = [
        *reviewer_results(paper.question, settings, seed=seed),
        *external_results(paper.question, settings, seed=seed),
    ]
    asked = [result for make in track(makes, "measuring", len(makes)) for result in make()]
    others = tuple(result for result in asked if result.table.rows)
    absent = (*paper.absent, *(result.table for result in asked if not result.table.rows))
    return EvaluationResults(paper.question, paper.sets, paper.printed, others, absent)


def known_facts(
    measured: EvaluationResults, facts: Mapping[Fact, Answer], *, reference: str, has_flow: bool
) -> dict[Fact, Answer]:
    """Return what other commands' manifests and this evaluation know of the study."""
    tables = {result.table.name: result.table for result in measured.results}
    return {**facts, **measured_facts(measured.question, tables, reference=reference, has_flow=has_flow)}


def checklist_results(facts: Mapping[Fact, Answer]) -> Iterator[Result]:
    """Yield the filled checklists with their figures."""
    for checklist in Checklist:
        table = checklist_table(checklist, facts)
        yield Result(table, partial(_draw_checklist, table))


def _draw_checklist(table: Table, path: Path, title: str) -> None:
    checklist_figure(table, path=path, title=title)


def card_of(measured: EvaluationResults, facts: Mapping[Fact, Answer]) -> str:
    """Return the model card of the question's model, in Markdown."""
    notice = [NOTICE, *([SIMULATED] if Fact.SIMULATED in facts else [])]
    tables = [
        without_readers(result.table, measured.question.members)
        for result in measured.results
        if result.table.name in ON_THE_CARD
    ]
    return model_card(measured.question.model, facts, tables=tables, notice=notice)


def metrics_content(measured: EvaluationResults, settings: EvaluationConfig) -> dict[str, Any]:
    """Return metrics and tables as plain values for JSON, unrounded."""
    readers = {
        name: {reader: metrics_dict(metrics) for reader, metrics in of_set.items()}
        for name, of_set in measured.sets.items()
    }
    first, *others = readers
    return {
        "iou": settings.iou,
        "confidence": settings.confidence,
        "readers": readers[first],
        **{name: {"readers": readers[name]} for name in others},
        "tables": {result.table.name: plain_rows(result.table) for result in measured.results},
    }
