"""The measures in the report, from what ``tfspine evaluate`` wrote; numbers as text, no markup yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.landis_koch import landis_koch
from tfspine.evaluation.tables.table import DASH, REGION_TITLES, estimate_from_dict, format_estimate, format_percent
from tfspine.labels import Region


@dataclass(frozen=True)
class MeasureRow:
    """One reader and region: numbers as text. Agreement is followed by the name of its band."""

    reader: str
    region: str
    boxes: int
    studies: str
    recall: str
    false_boxes: str
    agreement_four: str
    band_four: str
    agreement_two: str
    band_two: str
    sensitivity: str
    specificity: str
    end_to_end_sensitivity: str


@dataclass(frozen=True)
class RegionGradeRow:
    """One reader and region with one grade for each level and side, as a radiologist receives them: numbers as text."""

    reader: str
    region: str
    regions: int
    not_found: int
    over_called: int
    under_called: int
    extra: int
    studies: str
    agreement_four: str
    agreement_two: str
    sensitivity: str
    specificity: str
    with_missed: str


def measure_rows(metrics: Mapping[str, Any]) -> list[MeasureRow]:
    """Return the rows of the table of measures from the content of `metrics.json`, with intervals by patients.

    Raises:
        EvaluationError: the file is of a version without intervals by patients.
    """
    rows = []
    for reader, content in metrics["readers"].items():
        for name, region in content["regions"].items():
            if "by_patient" not in region:
                raise EvaluationError("metrics.json: no intervals by patients; make it again with tfspine evaluate")
            at_iou = {found["threshold"]: found for found in region["detection"]}
            found = at_iou.get(metrics["iou"], region["detection"][0])["by_patient"]
            measures = region["by_patient"]
            recall = estimate_from_dict(found["recall"])
            four, two = (estimate_from_dict(measures[f"agreement_{scale}"]["coefficient"]) for scale in ("four", "two"))
            accuracy = {key: estimate_from_dict(value) for key, value in measures["accuracy"].items()}
            rows.append(
                MeasureRow(
                    reader=reader,
                    region=REGION_TITLES[Region(name)],
                    boxes=recall.n,
                    studies=_studies_of(content),
                    recall=format_percent(recall),
                    false_boxes=format_estimate(estimate_from_dict(found["false_positives_per_image"])),
                    agreement_four=format_estimate(four),
                    band_four=landis_koch(four.value) or DASH,
                    agreement_two=format_estimate(two),
                    band_two=landis_koch(two.value) or DASH,
                    sensitivity=format_percent(accuracy["sensitivity"]),
                    specificity=format_percent(accuracy["specificity"]),
                    end_to_end_sensitivity=format_percent(accuracy["end_to_end_sensitivity"]),
                )
            )
    return rows


def region_grade_rows(
    metrics: Mapping[str, Any], agreement: Sequence[Mapping[str, Any]], accuracy: Sequence[Mapping[str, Any]]
) -> list[RegionGradeRow]:
    """Return the rows of the table of levels and sides.

    Args:
        metrics: content of `metrics.json`.
        agreement: rows of `regions.json`.
        accuracy: rows of `regions_accuracy.json`; each reader and region has one row in both.
    """
    shares = {(row["reader"], row["region"]): row for row in accuracy if _is_of_first_set(row)}
    rows = []
    for row in agreement:
        share = shares.get((row["reader"], row["region"]))
        if share is None or not _is_of_first_set(row):
            continue
        rows.append(
            RegionGradeRow(
                reader=row["reader"],
                region=row["region"],
                regions=int(row["regions"]),
                not_found=int(row["not_found"]),
                over_called=int(row["over_called"]),
                under_called=int(row["under_called"]),
                extra=int(row["extra"]),
                studies=_studies_of(metrics["readers"].get(row["reader"], {})),
                agreement_four=format_estimate(estimate_from_dict(row["agreement_four"])),
                agreement_two=format_estimate(estimate_from_dict(row["agreement_two"])),
                sensitivity=format_percent(estimate_from_dict(share["sensitivity"])),
                specificity=format_percent(estimate_from_dict(share["specificity"])),
                with_missed=format_percent(estimate_from_dict(share["with_missed"])),
            )
        )
    return rows


def _is_of_first_set(row: Mapping[str, Any]) -> bool:
    """Return whether a row is of the set that `metrics.json` describes; an external set is another one."""
    return bool(row.get("set", "internal") == "internal")


def _studies_of(reader: Mapping[str, Any]) -> str:
    """Return the number of studies behind a reader's coefficients, as text; a dash where the metrics lack it."""
    number = reader.get("studies_read", reader.get("studies"))
    return DASH if number is None else f"{number} {'study' if number == 1 else 'studies'}"
