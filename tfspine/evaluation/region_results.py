"""The tables that are printed first: each level and side of a patient, and whether the levels are right."""

from collections.abc import Mapping, Sequence
from functools import partial

from tfspine.evaluation.boxes.member_average import mean_of
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.boxes.region_metrics import RegionGradeMetrics, region_metrics
from tfspine.evaluation.figures.estimates import Forest
from tfspine.evaluation.results import Result, forest_result
from tfspine.evaluation.tables.levels import level_table
from tfspine.evaluation.tables.regions import (
    end_to_end_table,
    region_accuracy_table,
    region_agreement_table,
    region_predictive_table,
)
from tfspine.labels import Region

Regions = Mapping[Region, RegionGradeMetrics]


def region_results(sets: Sequence[ReadingSet], *, averages: Mapping[str, Sequence[str]] | None = None) -> list[Result]:
    """Return the tables of regions and of levels; the note of a table without rows states what it needs.

    Args:
        sets: the internal set and, where there is one, the external.
        averages: members by the name under which their mean is shown.
    """
    measured = {set_.name: _with_averages(regions_of_readers(set_), averages or {}) for set_ in sets}
    label = ("set", "reader") if len(sets) > 1 else ("reader",)
    agreement = {"agreement_four": "AC1, four grades", "agreement_two": "AC1, two grades", "kappa": "kappa, quadratic"}
    accuracy = {"sensitivity": "sensitivity", "specificity": "specificity", "with_missed": "sensitivity with missed"}
    percent = partial(Forest, axis="%", factor=100.0)
    return [
        forest_result(
            region_agreement_table(measured, note=_left_out(sets)),
            Forest(agreement, axis="coefficient, one grade per level and side", label=label),
        ),
        forest_result(region_accuracy_table(measured), percent(accuracy, label=label)),
        forest_result(
            region_predictive_table(measured),
            percent({"ppv": "positive predictive value", "npv": "negative predictive value"}, label=label),
        ),
        forest_result(
            end_to_end_table(measured),
            percent({"right_four": "right of four grades", "right_two": "right of two"}, label=label),
        ),
        forest_result(
            level_table(sets), percent({"right": "level right"}, label=("set", "line") if len(sets) > 1 else ("line",))
        ),
    ]


def regions_of_readers(set_: ReadingSet) -> dict[str, Regions]:
    """Return the metrics of each reader who names levels, by kind of region; empty if the reference names none."""
    found: dict[str, Regions] = {}
    for name, grades in set_.grades.items():
        if not all(grades.has_levels):
            continue
        rows = grades.regions
        found[name] = {
            region: region_metrics(
                rows[rows["region"] == region.value],
                set_.patient_of(rows.loc[rows["region"] == region.value, "study"]),
                extra=grades.extra[region],
                confidence=set_.confidence,
            )
            for region in set_.compared[name].regions
        }
    return found


def _with_averages(readers: dict[str, Regions], averages: Mapping[str, Sequence[str]]) -> dict[str, Regions]:
    """Return the readers, and the mean of each average whose members are all among them."""
    means = {
        name: mean_of([readers[member] for member in members])
        for name, members in averages.items()
        if all(member in readers for member in members)
    }
    return readers | means


def _left_out(sets: Sequence[ReadingSet]) -> str:
    """Say which boxes grade no region."""
    told = []
    for set_ in sets:
        where = f" ({set_.name})" if len(sets) > 1 else ""
        for name, grades in set_.grades.items():
            if not grades.has_levels[1]:
                told.append(f"{name}{where} gives no level and is not included")
            elif grades.unplaced[1]:
                told.append(f"{grades.unplaced[1]} boxes of {name}{where}")
        of_reference = max((grades.unplaced[0] for grades in set_.grades.values()), default=0)
        if of_reference:
            told.append(f"{of_reference} of the reference{where}")
    return f"Without level or side, and so in no region: {'; '.join(told)}." if told else ""
