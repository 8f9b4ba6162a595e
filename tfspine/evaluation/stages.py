"""The stages of an evaluation: what the paper prints, then what a careful reviewer would ask for."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from tfspine.config import EvaluationConfig
from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.coverage import full_coverage
from tfspine.evaluation.boxes.member_average import average_metrics
from tfspine.evaluation.boxes.paired_p import paired_p_values
from tfspine.evaluation.boxes.reader_metrics import THRESHOLDS, ReaderMetrics, compare
from tfspine.evaluation.documents.checklists import Checklist, checklist_figure, checklist_table
from tfspine.evaluation.documents.study_facts import Facts
from tfspine.evaluation.figures.bars import cohort_figure, reference_figure
from tfspine.evaluation.figures.curves import froc_figure, reliability_figure, roc_figure
from tfspine.evaluation.figures.estimates import Forest
from tfspine.evaluation.question import Question, Sets, one_for_each_model, without_versions
from tfspine.evaluation.results import Result, forest_result
from tfspine.evaluation.tables.agreement_weighted import weighted_table
from tfspine.evaluation.tables.bootstrap import bootstrap_table
from tfspine.evaluation.tables.challenge import challenge_table
from tfspine.evaluation.tables.cohort import cohort_table
from tfspine.evaluation.tables.comparisons import comparison_table
from tfspine.evaluation.tables.confusion import confusion_table
from tfspine.evaluation.tables.coverage import coverage_table
from tfspine.evaluation.tables.detection import detection_curves, detection_table
from tfspine.evaluation.tables.multi_reader import multi_reader_table
from tfspine.evaluation.tables.paper import (
    PValues,
    accuracy_table,
    agreement_table,
    recall_table,
    reference_table,
    repeat_table,
)
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
from tfspine.evaluation.tables.recall_cost import RATES, recall_cost_table, threshold_in_use
from tfspine.evaluation.tables.rejection import rejection_table
from tfspine.evaluation.tables.subgroups import subgroup_table
from tfspine.evaluation.tables.table import Table

T = TypeVar("T")


def metrics_of(question: Question) -> Sets:
    """Return the metrics of every set and reader, averages of versions included.

    Raises:
        EvaluationError: an average names a reader that there is not.
    """
    sets = {}
    for set_ in (question.internal, question.external):
        if set_ is None:
            continue
        readers = dict(set_.metrics)
        for name, members in (question.averages or {}).items():
            if set_ is question.internal or all(member in readers for member in members):
                readers[name] = average_metrics([_named(set_.metrics, member) for member in members])
        sets[set_.name] = readers
    return sets


def paper_results(question: Question, sets: Sets) -> list[Result]:
    """Return the tables of the paper, in its order; those without data are left out."""
    label = ("set", "reader") if len(sets) > 1 else ("reader",)
    percent = partial(Forest, label=label, factor=100.0)
    results = []
    if question.cohort:
        cohort = cohort_table(question.cohort, people=question.people, clinical=question.clinical)
        results.append(Result(cohort, lambda path, title: cohort_figure(cohort, path=path, title=title)))
    of_sets = [set_ for set_ in (question.internal, question.external) if set_ is not None]
    counts = reference_table({set_.name: {"reference": set_.reference_metrics} for set_ in of_sets})
    results.append(Result(counts, lambda path, title: reference_figure(counts, path=path, title=title)))
    read = coverage_table(of_sets)
    if read.rows:
        results.append(Result(read))
    results.append(_recall_cost(question, sets))
    recall = recall_table(sets, iou=question.internal.iou)
    series = {f"recall_{threshold:g}": f"IoU > {threshold:g}" for threshold in THRESHOLDS}
    results.append(forest_result(recall, percent(series, axis="recall, %")))
    for grades in (4, 2):
        forest = Forest({"gwet": "AC1"}, axis="Gwet AC1", label=label)
        results.append(forest_result(agreement_table(sets, grades=grades), forest))
    series = {
        "sensitivity": "sensitivity",
        "specificity": "specificity",
        "end_to_end_sensitivity": "sensitivity with missed",
    }
    accuracy = accuracy_table(sets, model=question.model, p_values=_p_values(question))
    results.append(forest_result(accuracy, percent(series, axis="%")))
    if question.repeats:
        repeats = {question.internal.name: _repeated(question)}
        forest = Forest({"gwet": "AC1"}, axis="Gwet AC1 on four and on two grades", label=("reader", "grades"))
        results.append(forest_result(repeat_table(repeats), forest))
    return results


def _p_values(question: Question) -> PValues:
    sets = [set_ for set_ in (question.internal, question.external) if set_ is not None]
    found = [paired_p_values(set_, model=question.model, averages=question.averages or {}) for set_ in sets]
    return {key: p_value for of_set in found for key, p_value in of_set.items()}


def _recall_cost(question: Question, sets: Sets) -> Result:
    table = recall_cost_table(question.sets, sets, averages=question.averages or {}, told=question.told)
    label = ("set", "reader") if len(question.sets) > 1 else ("reader",)
    series = {"recall": "in use"} | {f"recall_at_{rate:g}": f"at {rate:g} false boxes" for rate in RATES}
    return forest_result(table, Forest(series, axis="recall, %", label=label, factor=100.0))


def reviewer_results(question: Question, settings: EvaluationConfig, *, seed: int) -> list[Result]:
    """Return what lies beyond the paper, of the internal set; the note of a table without rows says what it needs."""
    set_ = question.internal
    model = question.reader
    axis = "Gwet AC1 (all: of all boxes the reader drew; matched: of those found)"
    by = Forest({"gwet_four": "four grades", "gwet_two": "two grades"}, axis=axis, label=("reader", "boxes"))
    others = without_versions(question)
    results = [
        Result(confusion_table(set_.metrics)),
        forest_result(
            weighted_table(set_),
            Forest({"ac2": "Gwet AC2", "kappa": "Cohen kappa"}, axis="coefficient, quadratic weights"),
        ),
        _drawn_of(
            model,
            bootstrap_table(set_, replicates=settings.replicates, seed=seed),
            Forest(
                {"bootstrap": "patients drawn again", "usual": "boxes independent"},
                axis=f"{model}: estimate",
                label=("measure",),
            ),
        ),
        forest_result(patient_table(set_), by),
        _drawn_of(
            model,
            subgroup_table(set_, studies=question.studies),
            replace(by, axis=f"{model}: Gwet AC1 (boxes in brackets)", label=("line",), count="n"),
        ),
        forest_result(
            comparison_table(others, model=model, margin=settings.margin),
            Forest(
                {"difference": "difference"},
                axis=f"{model} less the reader (dashed: the margin)",
                label=("reader", "measure"),
                lines=(0.0, -settings.margin),
            ),
        ),
    ]
    readers = one_for_each_model(question, others)
    in_arms = {reader for members in question.arms.values() for reader in members}
    people = [reader for reader in readers if reader != model and reader not in in_arms]
    together = reader_agreement_table(others, model=model, readers=readers)
    results.append(
        forest_result(
            together,
            Forest({"gwet_four": "four grades", "gwet_two": "two grades"}, axis="Gwet AC1", label=("readers",)),
        )
    )
    arms = question.arms if in_arms <= set(set_.readers) else {}
    at_random = multi_reader_table(set_, model=model, readers=people, arms=arms)
    results.append(
        forest_result(
            at_random,
            Forest({"difference": "difference"}, axis="difference", label=("comparison", "measure"), lines=(0.0,)),
        )
    )
    results += _score_results(question, settings, seed=seed)
    versions = {
        name: members
        for name, members in (question.averages or {}).items()
        if all(member in set_.readers for member in members)
    }
    rejection = Forest(
        {"exact": "same grade", "gwet": "Gwet AC1"},
        axis="of the regions kept, by share refused",
        label=("reader", "refused"),
    )
    results.append(forest_result(rejection_table(set_, averages=versions), rejection))
    return results


def external_results(question: Question, settings: EvaluationConfig, *, seed: int) -> list[Result]:
    """Return the same of the external set, under names that begin with ``external_``; nothing without one."""
    if question.external is None:
        return []
    turned = replace(question, internal=question.external, external=None, studies=question.external_studies)
    results = reviewer_results(turned, settings, seed=seed)
    return [
        replace(result, table=replace(table, name=f"external_{table.name}", title=f"External: {table.title}"))
        for result in results
        for table in (result.table,)
    ]


def checklist_results(facts: Facts) -> list[Result]:
    """Return the filled checklists."""
    return [_checklist_result(checklist, facts) for checklist in Checklist]


def _checklist_result(checklist: Checklist, facts: Facts) -> Result:
    table = checklist_table(checklist, facts)
    return Result(table, lambda path, title: checklist_figure(table, path=path, title=title))


def _score_results(question: Question, settings: EvaluationConfig, *, seed: int) -> list[Result]:
    """Return what only readers with scores and probabilities have."""
    set_, validation = question.internal, question.validation
    # Nine versions would cross out one another: their ensemble stands for them where there is one.
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


def _repeated(question: Question) -> dict[str, ReaderMetrics]:
    set_ = question.internal
    first = {"reference": set_.reference, **set_.readers}
    read_again = question.repeats_read or {}
    return {
        name: compare(
            _named(first, name),
            again,
            iou=set_.iou,
            confidence=set_.confidence,
            covered=set_.covered,
            read=set_.read_by(name).with_other(read_again.get(name) or full_coverage(set_.covered)),
            patients=set_.patients,
        )
        for name, again in (question.repeats or {}).items()
    }


def _drawn_of(model: str, table: Table, forest: Forest) -> Result:
    """Return a table of all readers whose figure shows the model alone, or it would be as tall as a door."""
    rows = tuple(row for row in table.rows if row["reader"] == model)
    return Result(table, forest_result(replace(table, rows=rows), forest).draw)


def _named(readers: Mapping[str, T], name: str) -> T:
    if name not in readers:
        raise EvaluationError(f'no reader "{name}"; expected one of {", ".join(readers)}')
    return readers[name]
