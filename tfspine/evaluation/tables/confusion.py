"""Which grades were confused: the reference's boxes by its grade and by the reader's result."""

from collections.abc import Mapping

from tfspine.evaluation.boxes.reader_metrics import ReaderMetrics
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import GRADE_WORDS


def confusion_table(readers: Mapping[str, ReaderMetrics]) -> Table:
    """Return one row per reader, region and grade of the reference; every graded box of it is in one of the columns."""
    rows = []
    for reader, metrics in readers.items():
        for region in metrics.regions.values():
            graded = zip(GRADE_WORDS, region.confusion, region.missed, region.reference_grades, strict=True)
            for grade, calls, missed, boxes in graded:
                rows.append(
                    {"reader": reader, "region": REGION_TITLES[region.region], "grade": grade}
                    | dict(zip(GRADE_WORDS, calls, strict=True))
                    | {"ungraded": boxes - sum(calls) - missed, "not_found": missed, "boxes": boxes}
                )
    return Table(
        "confusion",
        "Grades of the reference against those of the reader, in boxes",
        (
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("grade", "Reference"),
            *(Column(word, f"Called {word}", Kind.COUNT) for word in GRADE_WORDS),
            Column("ungraded", "Found, not graded", Kind.COUNT),
            Column("not_found", "Not found", Kind.COUNT),
            Column("boxes", "Boxes", Kind.COUNT),
        ),
        tuple(rows),
        note="Drawn in confusion_READER_REGION.png.",
    )
