"""The tables of the paper for any readers, and the numbers as text. Rounding happens here and nowhere before.

Recall is laid out as Table 2, agreement as Tables 3 and 4 (PAPER.md). An undefined number prints as a dash.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tfspine.evaluation.bands import landis_koch
from tfspine.evaluation.estimate import Estimate
from tfspine.evaluation.study_evaluation import ReaderMetrics
from tfspine.labels import Grade, Region

DASH = "–"
REGION_TITLES: dict[Region, str] = {
    Region.CENTRAL_CANAL: "Central canal",
    Region.LATERAL_RECESS: "Lateral recesses",
    Region.NEURAL_FORAMEN: "Neural foramina",
}


def recall_table(readers: Mapping[str, ReaderMetrics]) -> pd.DataFrame:
    """Return one row per reader, region and IoU: the reference's boxes by grade, recall, extra boxes, mean IoU."""
    rows = []
    for name, metrics in readers.items():
        for region in metrics.regions.values():
            grades = {grade.word.title(): count for grade, count in zip(Grade, region.reference_grades, strict=True)}
            for found in region.detection:
                rows.append(
                    {"Reader": name, "Region": REGION_TITLES[region.region], **grades}
                    | {
                        "Boxes": found.recall.n,
                        "IoU >": f"{found.threshold:g}",
                        "Found": found.matched,
                        "Recall %": format_percent(found.recall),
                        "False positives per image": format_number(found.false_positives_per_image),
                        "Mean IoU": format_number(found.mean_iou),
                    }
                )
    return pd.DataFrame(rows)


def agreement_table(readers: Mapping[str, ReaderMetrics], *, grades: int) -> pd.DataFrame:
    """Return one row per reader and region: Gwet's AC1 on the scale of four or two `grades`, band, P and pairs."""
    rows = []
    for name, metrics in readers.items():
        for region in metrics.regions.values():
            agreement = region.agreement_two if grades == 2 else region.agreement_four
            rows.append(
                {
                    "Reader": name,
                    "Region": REGION_TITLES[region.region],
                    "Pairs": agreement.coefficient.n,
                    "Gwet AC1": format_estimate(agreement.coefficient),
                    "Agreement": landis_koch(agreement.coefficient.value) or DASH,
                    "P": format_p(agreement.p_value),
                }
            )
    return pd.DataFrame(rows)


def accuracy_table(readers: Mapping[str, ReaderMetrics]) -> pd.DataFrame:
    """Return one row per reader and region: sensitivity, specificity, and sensitivity with missed boxes as misses."""
    rows = []
    for name, metrics in readers.items():
        for region in metrics.regions.values():
            accuracy = region.accuracy
            rows.append(
                {
                    "Reader": name,
                    "Region": REGION_TITLES[region.region],
                    "Sensitivity %": format_percent(accuracy.sensitivity, counts=True),
                    "Specificity %": format_percent(accuracy.specificity, counts=True),
                    "End-to-end sensitivity %": format_percent(accuracy.end_to_end_sensitivity, counts=True),
                }
            )
    return pd.DataFrame(rows)


def to_markdown(table: pd.DataFrame) -> str:
    """Return a table as GitHub Markdown."""
    lines = [list(map(str, table.columns)), ["---"] * len(table.columns), *table.astype(str).to_numpy().tolist()]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def metrics_dict(metrics: ReaderMetrics) -> dict[str, Any]:
    """Return metrics as plain values for JSON, unrounded, with None where undefined."""
    plain: dict[str, Any] = _plain(dataclasses.asdict(metrics))
    return plain


def estimate_from_dict(content: Mapping[str, Any]) -> Estimate:
    """Read one estimate back out of `metrics_dict`, None again as NaN."""
    value, low, high = (math.nan if content[name] is None else content[name] for name in ("value", "low", "high"))
    return Estimate(value, low, high, content["n"], content["method"])


def format_estimate(estimate: Estimate) -> str:
    """Write an estimate with its interval: ``0.89 (0.87, 0.91)``."""
    if not estimate.is_defined:
        return DASH
    return f"{estimate.value:.2f} ({format_number(estimate.low)}, {format_number(estimate.high)})"


def format_percent(estimate: Estimate, *, counts: bool = False) -> str:
    """Write a share in per cent with its interval, as ``91.1 (80.4, 97.0)``, on request followed by ``[51/56]``."""
    if not estimate.is_defined:
        return DASH
    text = f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f}, {100 * estimate.high:.1f})"
    return f"{text} [{round(estimate.value * estimate.n)}/{estimate.n}]" if counts else text


def format_number(value: float) -> str:
    """Write a number with two decimals."""
    return DASH if math.isnan(value) else f"{value:.2f}"


def format_p(p_value: float) -> str:
    """Write a P value as radiology journals do: ``<.001``, ``.03``."""
    if math.isnan(p_value):
        return DASH
    return "<.001" if p_value < 0.001 else f"{p_value:.3f}".removeprefix("0")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
