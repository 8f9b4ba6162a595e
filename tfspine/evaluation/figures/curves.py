"""Curves of an evaluation, one panel per region and one line per reader: FROC, ROC, reliability."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfspine.evaluation.boxes.grade_threshold import GradedProbabilities, OperatingPoint
from tfspine.evaluation.figures.estimates import COLORS, MARKERS, as_label, new_figure, save
from tfspine.evaluation.statistics.probability_scores import ReliabilityBin, reliability
from tfspine.evaluation.statistics.roc import roc_curve
from tfspine.evaluation.statistics.temperature import temperature_scaled
from tfspine.evaluation.tables.detection import Curves
from tfspine.evaluation.tables.table import REGION_TITLES
from tfspine.labels import Region

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = ("-", "--", "-.", ":")

Graded = Sequence[tuple[str, Region, GradedProbabilities]]


def froc_figure(
    curves: Curves, *, thresholds: Mapping[tuple[str, Region], float], iou: float, path: Path, title: str
) -> None:
    """Draw recall against wrong boxes per image; a marker is the score from which boxes count, where there is one."""

    def draw(axes: "Axes", reader: str, region: Region, number: int) -> None:
        curve = curves[reader, region]
        axes.step(
            [0, *curve.false_positives_per_image],
            [0, *curve.recall],
            where="post",
            **_style(number),
            label=as_label(reader),
        )
        threshold = thresholds.get((reader, region), np.nan)
        counted = np.flatnonzero(curve.scores >= threshold)
        if len(counted):
            place = (curve.false_positives_per_image[counted[-1]], curve.recall[counted[-1]])
            color, label = COLORS[number % len(COLORS)], f"{reader}, score in use"
            axes.plot(*place, MARKERS[number % len(MARKERS)], color=color, markersize=8, label=label)
        widest = max(0.5, *axes.get_xlim())
        axes.set_xlim(-0.02 * widest, widest)  # a curve without a wrong box is a line at 0

    labels = ("false boxes per image", f"recall at IoU > {iou:g}")
    _panels(list(curves), draw, axes_labels=labels, diagonal=None, path=path, title=title)


def roc_figure(
    graded: Graded, *, points: dict[tuple[str, Region], OperatingPoint | None], path: Path, title: str
) -> None:
    """Draw sensitivity against the share of false alarms; a marker is the threshold that validation chose.

    A panel states where all of its regions are of one kind and therefore have no curve.
    """
    found = {(reader, region): item for reader, region, item in graded}

    def draw(axes: "Axes", reader: str, region: Region, number: int) -> None:
        item = found[reader, region]
        if item.is_positive.all() or not item.is_positive.any():
            kind = "normal or mild" if item.is_positive.all() else "moderate or severe"
            axes.text(0.5, 0.4 - 0.1 * number, f"{reader}: no {kind} box", ha="center", fontsize=9)
            return
        curve = roc_curve(item.is_positive, item.scores)
        axes.plot(curve.false_positive_rate, curve.true_positive_rate, **_style(number), label=as_label(reader))
        point = points.get((reader, region))
        if point is not None:
            called = item.scores >= point.threshold
            place = (called[~item.is_positive].mean(), called[item.is_positive].mean())
            color, label = COLORS[number % len(COLORS)], f"{as_label(reader)}, threshold of validation"
            axes.plot(*place, MARKERS[number % len(MARKERS)], color=color, markersize=8, label=label)

    labels = ("1 - specificity", "sensitivity")
    _panels(list(found), draw, axes_labels=labels, diagonal=((0, 1), (0, 1)), path=path, title=title)


def reliability_figure(
    graded: Graded,
    *,
    temperatures: dict[tuple[str, Region], float],
    bins: int,
    confidence: float,
    path: Path,
    title: str,
) -> None:
    """Draw how often the most probable grade is right against its stated probability, with its interval.

    A filled marker is the model without scaling, a hollow one after temperature scaling.
    """
    found = {(reader, region): item for reader, region, item in graded}

    def draw(axes: "Axes", reader: str, region: Region, number: int) -> None:
        item = found[reader, region]
        _bins(
            axes,
            reliability(item.probabilities, item.truth, bins=bins, confidence=confidence),
            number=number,
            label=as_label(reader),
            hollow=False,
        )
        temperature = temperatures.get((reader, region), float("nan"))
        if not np.isnan(temperature):
            scaled = temperature_scaled(item.probabilities, temperature=temperature)
            _bins(
                axes,
                reliability(scaled, item.truth, bins=bins, confidence=confidence),
                number=number,
                label=f"{as_label(reader)}, scaled",
                hollow=True,
            )

    labels = ("probability of the grade", "share graded correctly")
    _panels(list(found), draw, axes_labels=labels, diagonal=((0, 1), (0, 1)), path=path, title=title)


def _bins(axes: "Axes", bins: Sequence[ReliabilityBin], *, number: int, label: str, hollow: bool) -> None:
    found = [each for each in bins if each.accuracy.n]
    color = COLORS[number % len(COLORS)]
    for each in found:
        axes.plot([each.confidence] * 2, [each.accuracy.low, each.accuracy.high], color=color, linewidth=0.7)
    axes.plot(
        [each.confidence for each in found],
        [each.accuracy.value for each in found],
        marker=MARKERS[number % len(MARKERS)],
        color=color,
        linestyle=":" if hollow else "-",
        markerfacecolor="white" if hollow else color,
        linewidth=1.2,
        label=label,
    )


def _panels(
    keys: Sequence[tuple[str, Region]],
    draw: "Callable[[Axes, str, Region, int], None]",
    *,
    axes_labels: tuple[str, str],
    diagonal: tuple[tuple[float, float], tuple[float, float]] | None,
    path: Path,
    title: str,
) -> None:
    regions = [region for region in Region if any(key[1] is region for key in keys)]
    readers = list(dict.fromkeys(reader for reader, _ in keys))
    figure = new_figure(0.8 + 3.4 * max(len(regions), 1), 4.3)
    grid = figure.subplots(1, max(len(regions), 1), squeeze=False)[0]
    for axes, region in zip(grid, regions, strict=False):
        if diagonal:
            axes.plot(*diagonal, color="0.6", linewidth=0.8)
            axes.set_xlim(-0.02, 1.02)
        for number, reader in enumerate(readers):
            if (reader, region) in keys:
                draw(axes, reader, region, number)
        axes.set_ylim(-0.02, 1.02)
        axes.set_title(REGION_TITLES[region], fontsize=10)
        axes.set_xlabel(axes_labels[0])
        axes.grid(color="0.9", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_ylabel(axes_labels[1])
    save(figure, path, title=title, columns=4)


def _style(number: int) -> dict[str, Any]:
    return {"color": COLORS[number % len(COLORS)], "linestyle": LINES[number % len(LINES)], "linewidth": 1.6}
