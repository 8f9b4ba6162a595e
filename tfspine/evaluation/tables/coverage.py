"""Who read what: studies and regions of each reader, so that what was never read is not counted as missed."""

from collections.abc import Sequence
from typing import Any

from tfspine.evaluation.boxes.coverage import planes_of
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.tables.table import REGION_TITLES, Column, Kind, Table
from tfspine.labels import Region


def coverage_table(sets: Sequence[ReadingSet]) -> Table:
    """Return one row per set, reader and region: studies and images read, of how many; no rows where all was read."""
    rows: list[dict[str, Any]] = [
        {
            "set": set_.name,
            "reader": reader,
            "region": REGION_TITLES[region],
            "read": read,
            "studies": studies,
            "images": len(set_.read_by(reader).images(set_.covered, region)),
            "known_from": set_.read_by(reader).source,
        }
        for set_ in sets
        for reader in set_.readers
        for region, (read, studies) in _counts(set_, reader).items()
    ]
    return Table(
        "coverage",
        "What each reader read",
        (
            *((Column("set", "Set"),) if len(sets) > 1 else ()),
            Column("reader", "Reader"),
            Column("region", "Region"),
            Column("read", "Studies read", Kind.COUNT),
            Column("studies", "of", Kind.COUNT),
            Column("images", "Images read", Kind.COUNT),
            Column("known_from", "Known from"),
        ),
        tuple(rows) if any(row["read"] < row["studies"] for row in rows) else (),
        note="Each reader is measured on what this reader read, and compared on what both read. A dash: never read. "
        "--read states what the boxes do not show.",
    )


def coverage_lines(set_: ReadingSet) -> list[str]:
    """Return a line for each reader who left something out: ``human read 10 of 20 studies (known from its boxes)``."""
    lines: list[str] = []
    every = frozenset(set_.covered["study"])
    for reader in set_.readers:
        counts = _counts(set_, reader)
        if all(read == studies for read, studies in counts.values()):
            continue
        coverage = set_.read_by(reader)
        line = f"{reader} read {len(every & coverage.any_region)} of {len(every)} studies"
        if len({(read / studies) for read, studies in counts.values()}) > 1:
            by_region = (
                f"{REGION_TITLES[region]} {f'{read} of {studies}' if read else 'never'}"
                for region, (read, studies) in counts.items()
            )
            line += f": {', '.join(by_region)}"
        lines.append(f"{line} (known from {coverage.source})")
    return lines


def _counts(set_: ReadingSet, reader: str) -> dict[Region, tuple[int, int]]:
    """Return for each region of the reference how many studies a reader read, and how many there are."""
    coverage = set_.read_by(reader)
    counts = {}
    for region in set_.reference_metrics.regions:
        studies = frozenset(planes_of(set_.covered, region)["study"])
        counts[region] = (len(studies & coverage.of(region)), len(studies))
    return counts
