"""The tables of regions, one grade for each level and side: printed first, as this is what a radiologist receives."""

from collections.abc import Mapping
from typing import Any

from tfspine.evaluation.boxes.region_metrics import RegionGradeMetrics
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.grading_box import SURE_SHARE
from tfspine.labels import Region

RegionSets = Mapping[str, Mapping[str, Mapping[Region, RegionGradeMetrics]]]
"""Metrics by the name of the set, the reader, and the kind of region."""

RULE = (
    "One grade for each level and side of a patient: 5 canals, 10 recesses, 10 foramina. The worst box of a region "
    "grades it, the reference's by the same rule as the reader's; boxes of less than "
    f"{SURE_SHARE:g} of the region's best score do not count. A box with the wrong level grades the wrong region. "
    "Intervals are clustered by patient."
)
_AMONG_REGIONS = ("not_found", "over_called", "under_called")
"""Counts of some of the regions: shown as dashes if there are none."""

NO_LEVELS = "the boxes of the reference have no level, or no reader's have"


def region_agreement_table(sets: RegionSets, *, note: str = "") -> Table:
    """Return one row per reader and region: what was not found, over- and under-called, and agreement.

    Args:
        sets: the metrics.
        note: further text below the table.
    """
    return _table(
        sets,
        "regions",
        "Each level and side: agreement of the one grade",
        (
            Column("regions", "Regions", Kind.COUNT),
            Column("not_found", "Not found", Kind.COUNT),
            Column("over_called", "Over-called", Kind.COUNT),
            Column("under_called", "Under-called", Kind.COUNT),
            Column("extra", "Extra", Kind.COUNT),
            Column("agreement_four", "AC1, four grades", Kind.COEFFICIENT),
            Column("agreement_two", "AC1, two grades", Kind.COEFFICIENT),
            Column("kappa", "Kappa, quadratic", Kind.COEFFICIENT),
        ),
        note=" ".join(filter(None, (RULE, "Extra: graded by the reader only.", note))),
    )


def region_accuracy_table(sets: RegionSets) -> Table:
    """Return one row per reader and region: accuracy for moderate or severe, of regions that were graded."""
    return _table(
        sets,
        "regions_accuracy",
        "Each level and side: sensitivity and specificity for moderate/severe",
        (
            Column("sensitivity", "Sensitivity %", Kind.PERCENT_OF),
            Column("specificity", "Specificity %", Kind.PERCENT_OF),
            Column("with_missed", "With missed %", Kind.PERCENT_OF),
        ),
        note="With missed: a positive region that was not found is a miss; elsewhere regions that were graded.",
    )


def region_predictive_table(sets: RegionSets) -> Table:
    """Return one row per reader and region: predictive values and likelihood ratios for moderate or severe."""
    return _table(
        sets,
        "regions_predictive",
        "Each level and side: predictive values and likelihood ratios of moderate/severe",
        (
            Column("ppv", "PPV %", Kind.PERCENT_OF),
            Column("npv", "NPV %", Kind.PERCENT_OF),
            Column("likelihood_positive", "LR+", Kind.COEFFICIENT),
            Column("likelihood_negative", "LR-", Kind.COEFFICIENT),
        ),
        note="Of regions that were graded. PPV, NPV: predictive values, at the prevalence of these studies. LR: "
        "likelihood ratios; without a false positive LR+ is infinite, shown as a dash.",
    )


def end_to_end_table(sets: RegionSets) -> Table:
    """Return one row per reader and region: how many regions have the right grade, from a box at the right level."""
    return _table(
        sets,
        "end_to_end",
        "Each level and side, end to end: right grade at the right level",
        (
            Column("right_four", "Right of four grades %", Kind.PERCENT_OF),
            Column("right_two", "Right of two grades %", Kind.PERCENT_OF),
            Column("not_found", "Not found", Kind.COUNT),
            Column("wrong_level", "Wrong level", Kind.COUNT),
        ),
        note="Of all regions of the reference: not found is wrong, and so is a right grade from a box that lies at "
        "another level, or where the reference has no box.",
    )


def _table(sets: RegionSets, name: str, title: str, columns: tuple[Column, ...], *, note: str) -> Table:
    """Return one row per set, reader and region, of fields of `RegionGradeMetrics`."""
    rows = tuple(
        {"set": set_, "reader": reader, "region": REGION_TITLES[region]}
        | {column.key: _value(found, column.key) for column in columns}
        for set_, readers in sets.items()
        for reader, regions in readers.items()
        for region, found in regions.items()
    )
    who = (*((Column("set", "Set"),) if len(sets) > 1 else ()), Column("reader", "Reader"), Column("region", "Region"))
    return Table(name, title, (*who, *columns), rows, note=note if rows else NO_LEVELS)


def _value(found: RegionGradeMetrics, key: str) -> Any:
    """Return one field; None for counts of found, missed or wrong regions if none were read."""
    return None if key in _AMONG_REGIONS and not found.regions else getattr(found, key)
