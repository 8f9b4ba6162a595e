"""The paper's tables for any readers (docs/paper.md): boxes and recall as its Table 2, agreement as 3 and 4, accuracy.

Every function takes the metrics of each set (internal, external) and reader; with more than one set the first column
names it. Intervals and P are clustered by patient; the paper's own, by box, are given too, under keys that end in
``_by_box``: these treat boxes of one spine as independent.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tfspine.evaluation.boxes.paired_p import BY_BOX
from tfspine.evaluation.boxes.reader_metrics import THRESHOLDS, MetricsBySet, RegionMetrics
from tfspine.evaluation.statistics.agreement import Agreement
from tfspine.evaluation.statistics.landis_koch import benchmark, landis_koch
from tfspine.evaluation.statistics.paired_tests import pooled_z
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Grade, Region

PValues = Mapping[tuple[str, str, Region, str], float]
"""P of a difference from the model by set, reader, region and measure (`paired_p.MEASURES`, each also `BY_BOX`)."""

_UNITS = (
    "Intervals and P are clustered by patient; by box, as in the paper, they treat boxes of one patient as independent."
)
_AGREEMENT_NOTE = (
    "Pairs: boxes that both drew and graded. Agreement: Landis and Koch; benchmark: the highest such band "
    "reached with a probability of 0.95 (Gwet 2014). P: against no agreement beyond chance; the average "
    f"of members has none. {_UNITS}"
)


def reference_table(sets: MetricsBySet) -> Table:
    """Return one row per set and region: the reference's boxes by grade. They are the same for every reader."""
    rows = {}
    for where, region in _walk(sets):
        grades = {grade.word: count for grade, count in zip(Grade, region.reference_grades, strict=True)}
        total = {"boxes": region.detection[0].recall.n, "images": region.images}
        rows[where["set"], where["region"]] = where | grades | total
    return Table(
        "reference",
        "Boxes of the reference",
        (
            *_set_column(sets),
            Column("region", "Region"),
            *(Column(grade.word, grade.word.title(), Kind.COUNT) for grade in Grade),
            Column("boxes", "Boxes", Kind.COUNT),
            Column("images", "Images", Kind.COUNT),
        ),
        tuple(rows.values()),
    )


def recall_table(sets: MetricsBySet, *, iou: float) -> Table:
    """Return one row per reader and region: recall and false boxes at each IoU; boxes found and mean IoU at `iou`.

    `iou` is the one at which grades are compared; if it was not measured, the nearest value is used.
    """
    at_iou = min(THRESHOLDS, key=lambda each: abs(each - iou))
    rows = []
    for where, region in _walk(sets):
        at = region.detection[THRESHOLDS.index(at_iou)]
        rows.append(
            where
            | {"boxes": at.recall.n, "found": at.matched if at.recall.n else None, "patients": region.patients}
            | {f"recall_{found.threshold:g}": found.by_patient.recall for found in region.detection}
            | {
                f"false_boxes_{found.threshold:g}": found.by_patient.false_positives_per_image
                for found in region.detection
            }
            | {"mean_iou": at.by_patient.mean_iou, "recall_by_box": at.recall}
        )
    return Table(
        "recall",
        "Boxes found",
        (
            *_who(sets),
            Column("boxes", "Boxes", Kind.COUNT),
            Column("found", "Found", Kind.COUNT),
            Column("patients", "Patients", Kind.COUNT),
            *(
                column
                for threshold in THRESHOLDS
                for column in (
                    Column(f"recall_{threshold:g}", f"Recall %, IoU > {threshold:g}", Kind.PERCENT),
                    Column(f"false_boxes_{threshold:g}", f"False per image, IoU > {threshold:g}", Kind.COEFFICIENT),
                )
            ),
            Column("recall_by_box", f"Recall %, by box, IoU > {at_iou:g}", Kind.PERCENT),
            Column("mean_iou", "Mean IoU", Kind.COEFFICIENT),
        ),
        tuple(rows),
        note=f"False: boxes that match no box of the reference. Found and mean IoU: at IoU > {at_iou:g}. {_UNITS}",
    )


def agreement_table(sets: MetricsBySet, *, grades: int) -> Table:
    """Return one row per reader and region: Gwet's AC1 on the scale of four or two `grades`, band, P and pairs."""
    rows = [where | _agreement_row(region, grades) for where, region in _walk(sets)]
    two = grades == 2
    return Table(
        "agreement_two" if two else "agreement_four",
        f"Agreement on {'normal/mild against moderate/severe' if two else 'four grades'}",
        (*_who(sets), *_agreement_columns()),
        tuple(rows),
        note=_AGREEMENT_NOTE,
    )


def repeat_table(repeats: MetricsBySet) -> Table:
    """Return the agreement of readers with themselves: the readers of `repeats` are second readings of the same."""
    rows = [
        where | {"grades": scale} | _agreement_row(region, grades)
        for where, region in _walk(repeats)
        for scale, grades in (("four", 4), ("two", 2))
    ]
    return Table(
        "repeat",
        "Intra-reader agreement: a reader against a second reading by the same reader",
        (*_who(repeats), Column("grades", "Grades"), *_agreement_columns()),
        tuple(rows),
        note=_AGREEMENT_NOTE,
    )


def accuracy_table(sets: MetricsBySet, *, model: str | None = None, p_values: PValues | None = None) -> Table:
    """Return one row per reader and region: sensitivity, specificity, and sensitivity with missed boxes as misses.

    `model` is the reader with whom the others are compared. P is of the paired difference (`paired_p_values`); by box
    it is that of the pooled z of two proportions, as in the paper, which treats the two as independent, although they
    read the same studies. Both are of what the two read; without `p_values` P by box is of what each of them read.
    """
    rows = []
    for where, region in _walk(sets):
        other = _region_of(sets, where["set"], model, region.region)
        row = dict(where)
        for name in ("sensitivity", "specificity", "end_to_end_sensitivity"):
            row[name] = getattr(region.by_patient.accuracy, name)
            row[f"{name}_by_box"] = getattr(region.accuracy, name)
        if other is not None and where["reader"] != model:
            for name in ("sensitivity", "specificity"):
                row[f"p_{name}"] = (p_values or {}).get((where["set"], where["reader"], region.region, name))
                key = (where["set"], where["reader"], region.region, f"{name}{BY_BOX}")
                pooled = _pooled_p(getattr(region.accuracy, name), getattr(other.accuracy, name))
                row[f"p_{name}_by_box"] = (p_values or {}).get(key, pooled)
        rows.append(row)
    against = model is not None and any(len(readers) > 1 for readers in sets.values())
    return Table(
        "accuracy",
        "Sensitivity and specificity for moderate/severe",
        (
            *_who(sets),
            *_share_columns("sensitivity", "Sensitivity", against=against),
            *_share_columns("specificity", "Specificity", against=against),
            Column("end_to_end_sensitivity", "With missed %", Kind.PERCENT_OF),
            Column("end_to_end_sensitivity_by_box", "With missed %, by box", Kind.PERCENT_OF),
        ),
        tuple(rows),
        note="With missed: positives not found are misses. In brackets: numbers of boxes, for an average the mean "
        "of its members. " + f"P: against {model}, paired; by box, pooled z of two proportions. " * against + _UNITS,
    )


def _share_columns(key: str, title: str, *, against: bool) -> tuple[Column, ...]:
    """Return a share by patient and by box, each with its P if there is a reader to compare with."""
    return (
        Column(key, f"{title} %", Kind.PERCENT_OF),
        *([Column(f"p_{key}", "P", Kind.P)] if against else []),
        Column(f"{key}_by_box", f"{title} %, by box", Kind.PERCENT_OF),
        *([Column(f"p_{key}_by_box", "P by box", Kind.P)] if against else []),
    )


def _agreement_row(region: RegionMetrics, grades: int) -> dict[str, Any]:
    two = grades == 2
    agreement = region.by_patient.agreement_two if two else region.by_patient.agreement_four
    by_box = region.agreement_two if two else region.agreement_four
    return {
        "pairs": agreement.coefficient.n,
        "patients": region.patients,
        "gwet": agreement.coefficient,
        "band": landis_koch(agreement.coefficient.value),
        "benchmark": _benchmark(agreement),
        "p": agreement.p_value,
        "gwet_by_box": by_box.coefficient,
        "p_by_box": by_box.p_value,
    }


def _walk(sets: MetricsBySet) -> Iterator[tuple[dict[str, Any], RegionMetrics]]:
    """Yield every region of every reader of every set, with the first columns of its row."""
    for name, readers in sets.items():
        for reader, metrics in readers.items():
            for region in metrics.regions.values():
                yield {"set": name, "reader": reader, "region": REGION_TITLES[region.region]}, region


def _who(sets: MetricsBySet) -> tuple[Column, ...]:
    return (*_set_column(sets), Column("reader", "Reader"), Column("region", "Region"))


def _set_column(sets: MetricsBySet) -> tuple[Column, ...]:
    return (Column("set", "Set"),) if len(sets) > 1 else ()


def _agreement_columns() -> tuple[Column, ...]:
    return (
        Column("pairs", "Pairs", Kind.COUNT),
        Column("patients", "Patients", Kind.COUNT),
        Column("gwet", "Gwet AC1", Kind.COEFFICIENT),
        Column("band", "Agreement"),
        Column("benchmark", "Benchmark"),
        Column("p", "P", Kind.P),
        Column("gwet_by_box", "Gwet AC1, by box", Kind.COEFFICIENT),
        Column("p_by_box", "P by box", Kind.P),
    )


def _benchmark(agreement: Agreement) -> str | None:
    found = benchmark(agreement.coefficient.value, agreement.standard_error)
    return str(found.band) if found else None


def _region_of(sets: MetricsBySet, name: str | None, reader: str | None, region: Region) -> RegionMetrics | None:
    metrics = sets.get(name or "", {}).get(reader or "")
    return metrics.regions.get(region) if metrics else None


def _pooled_p(first: Any, second: Any) -> float | None:
    """P of two shares; None where one is undefined. The average of members may be of fractional boxes."""
    if not (first.is_defined and second.is_defined):
        return None
    return pooled_z(first.value, first.n, second.value, second.n).p_value
