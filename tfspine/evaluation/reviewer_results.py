"""Tables beyond the paper's that a careful reviewer may require."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tfspine.config import EvaluationConfig
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.figures.curves import froc_figure, reliability_figure, roc_figure
from tfspine.evaluation.figures.estimates import Forest
from tfspine.evaluation.question import Question, one_for_each_model, without_members
from tfspine.evaluation.results import Result, forest_result
from tfspine.evaluation.tables.agreement_weighted import weighted_table
from tfspine.evaluation.tables.bootstrap import bootstrap_table
from tfspine.evaluation.tables.challenge import challenge_table
from tfspine.evaluation.tables.comparisons import comparison_table
from tfspine.evaluation.tables.confusion import confusion_table
from tfspine.evaluation.tables.detection import detection_curves, detection_table
from tfspine.evaluation.tables.multi_reader import multi_reader_table
from tfspine.evaluation.tables.patients import patient_table
from tfspine.evaluation.tables.probabilities import (
    calibration_table,
    discrimination_table,
    fitted_point,
    fitted_temperature,
    operating_table,
    readings_with_probabilities,
)
from tfspine.evaluation.tables.reader_agreement import reader_agreement_table
from tfspine.evaluation.tables.recall_cost import threshold_in_use
from tfspine.evaluation.tables.rejection import rejection_table
from tfspine.evaluation.tables.subgroups import subgroup_table
from tfspine.evaluation.tables.table import Table

Make = Callable[[], list[Result]]
"""Makes one table, or a few that share their numbers."""


def reviewer_results(question: Question, settings: EvaluationConfig, *, seed: int) -> list[Make]:
    """Return the functions that make each table beyond the paper, for the internal set.

    The note of a table without rows states what it needs.
    """
    set_ = question.internal
    model = question.reader
    readers = without_members(question)
    axis = "Gwet AC1 (all: of all boxes the reader drew; matched: of those found)"
    by = Forest({"gwet_four": "four grades", "gwet_two": "two grades"}, axis=axis, label=("reader", "boxes"))
    return [
        lambda: [Result(confusion_table(set_.metrics))],
        lambda: [_weighted(set_)],
        lambda: [_bootstrap(set_, model, replicates=settings.replicates, seed=seed)],
        lambda: [forest_result(patient_table(set_), by)],
        lambda: [
            _drawn_of(
                model,
                subgroup_table(set_, studies=question.studies),
                replace(by, axis=f"{model}: Gwet AC1 (boxes in brackets)", label=("line",), count="n"),
            )
        ],
        lambda: [_comparisons(set_, model, readers, margin=settings.margin)],
        lambda: _between_readers(question, one_for_each_model(question, readers)),
        lambda: _score_results(question, settings, seed=seed),
        lambda: [_rejection(question)],
    ]


def external_results(question: Question, settings: EvaluationConfig, *, seed: int) -> list[Make]:
    """Return the same for the external set, under names that begin with ``external_``; empty without one."""
    if question.external is None:
        return []
    turned = replace(question, internal=question.external, external=None, studies=question.external_studies)
    return [partial(_as_external, make) for make in reviewer_results(turned, settings, seed=seed)]


def _as_external(make: Make) -> list[Result]:
    return [
        replace(result, table=replace(table, name=f"external_{table.name}", title=f"External: {table.title}"))
        for result in make()
        for table in (result.table,)
    ]


def _weighted(set_: ReadingSet) -> Result:
    forest = Forest({"ac2": "Gwet AC2", "kappa": "Cohen kappa"}, axis="coefficient, quadratic weights")
    return forest_result(weighted_table(set_), forest)


def _bootstrap(set_: ReadingSet, model: str, *, replicates: int, seed: int) -> Result:
    forest = Forest(
        {"bootstrap": "bootstrap of patients", "usual": "boxes independent"},
        axis=f"{model}: estimate",
        label=("measure",),
    )
    return _drawn_of(model, bootstrap_table(set_, replicates=replicates, seed=seed), forest)


def _comparisons(set_: ReadingSet, model: str, readers: Sequence[str], *, margin: float) -> Result:
    forest = Forest(
        {"difference": "difference"},
        axis=f"{model} minus the reader (dashed: the margin)",
        label=("reader", "measure"),
        lines=(0.0, -margin),
    )
    return forest_result(comparison_table(set_, model=model, readers=readers, margin=margin), forest)


def _between_readers(question: Question, readers: Sequence[str]) -> list[Result]:
    """Return how far readers agree with one another, and the model against readers as random effects."""
    set_, model = question.internal, question.reader
    in_arms = {reader for members in question.arms.values() for reader in members}
    people = [reader for reader in readers if reader != model and reader not in in_arms]
    arms = question.arms if in_arms <= set(set_.readers) else {}
    together = Forest({"gwet_four": "four grades", "gwet_two": "two grades"}, axis="Gwet AC1", label=("readers",))
    at_random = Forest({"difference": "difference"}, axis="difference", label=("comparison", "measure"), lines=(0.0,))
    return [
        forest_result(reader_agreement_table(set_, model=model, readers=readers), together),
        forest_result(multi_reader_table(set_, model=model, readers=people, arms=arms), at_random),
    ]


def _rejection(question: Question) -> Result:
    set_ = question.internal
    averages = {
        name: members
        for name, members in (question.averages or {}).items()
        if all(member in set_.readers for member in members)
    }
    forest = Forest(
        {"exact": "same grade", "gwet": "Gwet AC1"},
        axis="of the regions kept, by share refused",
        label=("reader", "refused"),
    )
    return forest_result(rejection_table(set_, averages=averages), forest)


def _score_results(question: Question, settings: EvaluationConfig, *, seed: int) -> list[Result]:
    """Return the tables that need readers with scores and probabilities."""
    set_, validation = question.internal, question.validation
    # Curves of nine members would hide one another: their ensemble is drawn instead where there is one.
    hidden = {
        member
        for name, members in (question.averages or {}).items()
        if f"{name}_ensemble" in set_.readers
        for member in members
    }
    curves = {key: curve for key, curve in detection_curves(set_).items() if key[0] not in hidden}
    graded = [item for item in readings_with_probabilities(set_) if item[0] not in hidden]
    points = {(reader, region): fitted_point(validation, reader, region) for reader, region, _ in graded}
    temperatures = {(reader, region): fitted_temperature(validation, reader, region) for reader, region, _ in graded}

    def draw_froc(path: Path, title: str) -> None:
        thresholds = {(reader, region): threshold_in_use(set_, reader, region) for reader, region in curves}
        froc_figure(curves, thresholds=thresholds, iou=set_.iou, path=path, title=title)

    def draw_roc(path: Path, title: str) -> None:
        roc_figure(graded, points=points, path=path, title=title)

    def draw_reliability(path: Path, title: str) -> None:
        reliability_figure(
            graded,
            temperatures=temperatures,
            bins=settings.bins,
            confidence=set_.confidence,
            path=path,
            title=title,
        )

    operating = Forest(
        {"sensitivity": "sensitivity", "specificity": "specificity"}, axis="% at the operating point", factor=100.0
    )
    return [
        Result(detection_table(set_, replicates=settings.replicates, seed=seed), draw_froc),
        Result(discrimination_table(set_), draw_roc),
        Result(calibration_table(set_, validation=validation, bins=settings.bins), draw_reliability),
        forest_result(challenge_table(set_), Forest({"loss": "loss"}, axis="RSNA 2024 loss")),
        forest_result(operating_table(set_, validation=validation), operating),
    ]


def _drawn_of(model: str, table: Table, forest: Forest) -> Result:
    """Return a table of all readers whose figure shows only the model: all readers would not fit on a page."""
    rows = tuple(row for row in table.rows if row["reader"] == model)
    return Result(table, forest_result(replace(table, rows=rows), forest).draw)
