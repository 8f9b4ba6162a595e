"""The table of levels: whether boxes that were found have the right level, with certain and uncertain levels apart."""

from collections.abc import Sequence

from tfspine.evaluation.boxes.level_accuracy import ALL, STUDIES, level_accuracies, named_levels
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table

TITLES = {region.value: title for region, title in REGION_TITLES.items()}


def level_table(sets: Sequence[ReadingSet]) -> Table:
    """Return one row per reader, region (and whole study) and certainty."""
    rows = []
    for set_ in sets:
        for reader in set_.readers:
            levels = named_levels(set_.compared[reader], iou=set_.iou)
            if levels["off"].isna().all():
                continue  # this reader gave no levels
            patients = set_.patient_of(levels["study"])
            for what, kind, found in level_accuracies(levels, patients, confidence=set_.confidence):
                of_boxes = {"above": found.above, "below": found.below, "unnamed": found.unnamed}
                rows.append(
                    {"set": set_.name, "reader": reader, "region": TITLES.get(what, what), "levels": kind}
                    | {"line": reader if kind == ALL else f"{reader}, {kind}", "right": found.right}
                    | ({} if what == STUDIES else of_boxes)
                )
    return Table(
        "levels",
        "Levels: boxes at the level that the reader gives",
        (
            *((Column("set", "Set"),) if len(sets) > 1 else ()),
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("levels", "Levels"),
            Column("right", "Right %", Kind.PERCENT_OF),
            Column("above", "Too high", Kind.COUNT),
            Column("below", "Too low", Kind.COUNT),
            Column("unnamed", "No level", Kind.COUNT),
        ),
        tuple(rows),
        note="Boxes that match one of the reference, by whether the reader is certain of the level; studies: "
        "those in which every such box is right (uncertain: with an uncertain level). No level: not counted in "
        "the percentage."
        if rows
        else "the boxes of the reference have no level, or no reader's have",
    )
