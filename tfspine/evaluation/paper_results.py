"""The tables of the paper, for any readers and sets."""

from collections.abc import Mapping
from functools import partial
from typing import TypeVar

from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.coverage import full_coverage
from tfspine.evaluation.boxes.member_average import average_metrics
from tfspine.evaluation.boxes.paired_p import paired_p_values
from tfspine.evaluation.boxes.reader_metrics import THRESHOLDS, MetricsBySet, ReaderMetrics, compare
from tfspine.evaluation.figures.bars import cohort_figure, reference_figure
from tfspine.evaluation.figures.estimates import Forest
from tfspine.evaluation.question import Question
from tfspine.evaluation.results import Result, forest_result
from tfspine.evaluation.tables.cohort import cohort_table
from tfspine.evaluation.tables.coverage import coverage_table
from tfspine.evaluation.tables.paper import (
    PValues,
    accuracy_table,
    agreement_table,
    recall_table,
    reference_table,
    repeat_table,
)
from tfspine.evaluation.tables.recall_cost import RATES, recall_cost_table

T = TypeVar("T")


def metrics_of(question: Question) -> MetricsBySet:
    """Return the metrics of every set and reader, averages of members included.

    Raises:
        EvaluationError: an average names a reader that does not exist.
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


def paper_results(question: Question, sets: MetricsBySet) -> list[Result]:
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


def _recall_cost(question: Question, sets: MetricsBySet) -> Result:
    table = recall_cost_table(question.sets, sets, averages=question.averages or {}, told=question.told)
    label = ("set", "reader") if len(question.sets) > 1 else ("reader",)
    series = {"recall": "in use"} | {f"recall_at_{rate:g}": f"at {rate:g} false boxes" for rate in RATES}
    return forest_result(table, Forest(series, axis="recall, %", label=label, factor=100.0))


def _p_values(question: Question) -> PValues:
    sets = [set_ for set_ in (question.internal, question.external) if set_ is not None]
    found = [paired_p_values(set_, model=question.model, averages=question.averages or {}) for set_ in sets]
    return {key: p_value for of_set in found for key, p_value in of_set.items()}


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


def _named(readers: Mapping[str, T], name: str) -> T:
    if name not in readers:
        raise EvaluationError(f'no reader "{name}"; expected one of {", ".join(readers)}')
    return readers[name]
