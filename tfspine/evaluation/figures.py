"""Figures of an evaluation: confusion matrices, and estimates with their intervals. Readable in black and white."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tfspine.evaluation.estimate import Estimate
from tfspine.evaluation.study_evaluation import RegionMetrics
from tfspine.evaluation.tables import REGION_TITLES, Table
from tfspine.labels import GRADE_WORDS

COLORMAP = "Blues"
"""One hue, light to dark: keeps its order for the colour-blind and in print."""

DARK_CELL = 0.55
"""Share of its row above which a cell is dark and takes white figures."""

COLORS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours, which the colour-blind tell apart (jfly.uni-koeln.de/color)."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One shape a series, so that colours are not needed to tell them apart."""

DPI = 150


@dataclass(frozen=True)
class Forest:
    """What of a table a forest plot shows.

    Attributes:
        series: title of each estimate by the key of its column.
        axis: label of the horizontal axis.
        label: columns whose values name a line.
        factor: 100 to show shares in per cent.
        lines: where to draw lines: a plain one at 0, others dashed.
        count: column whose number stands in brackets behind the name of a line, or nothing.
    """

    series: Mapping[str, str]
    axis: str
    label: tuple[str, ...] = ("reader",)
    factor: float = 1.0
    lines: tuple[float, ...] = ()
    count: str = ""


def confusion_figure(metrics: RegionMetrics, *, reader: str, path: Path) -> None:
    """Draw the reference's grades (rows) against the reader's (columns) with a column of boxes not found.

    A cell shows the count; its shade is the share of the row, so that rare grades show as well as common ones.
    """
    counts = np.column_stack([np.array(metrics.confusion), metrics.missed])
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)

    figure = new_figure(5.4, 4.4)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap=COLORMAP, vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > DARK_CELL else "black"
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=11)
    axes.axvline(len(GRADE_WORDS) - 0.5, color="white", linewidth=4)
    axes.set_xticks(range(len(GRADE_WORDS) + 1), [*GRADE_WORDS, "not found"])
    axes.set_yticks(range(len(GRADE_WORDS)), GRADE_WORDS)
    axes.set_xlabel(reader)
    axes.set_ylabel("reference")
    axes.set_title(REGION_TITLES[metrics.region])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.colorbar(image, label="share of the reference's grade", shrink=0.8).outline.set_visible(False)
    figure.savefig(path, dpi=DPI)


def forest_figure(table: Table, *, forest: Forest, path: Path) -> None:
    """Draw the estimates of a table with their intervals: a panel a region, a line a row, the first row on top.

    What is undefined is not drawn; its line stays, so that one sees that it is missing.
    """
    regions = list(dict.fromkeys(row["region"] for row in table.rows))
    names = {region: _lines_of(table, region, forest) for region in regions}
    tallest = max((len(lines) for lines in names.values()), default=1)
    height = 1.4 + 0.2 * tallest * (1 + 0.6 * len(forest.series))
    figure = new_figure(2.2 + 3.2 * max(len(regions), 1), height)
    shared = len({tuple(lines) for lines in names.values()}) == 1
    grid = figure.subplots(1, max(len(regions), 1), sharex=True, squeeze=False)[0]
    for axes, region in zip(grid, regions, strict=False):
        rows = [row for row in table.rows if row["region"] == region]
        for place, row in enumerate(rows):
            for number, (key, title) in enumerate(forest.series.items()):
                spread = 0.5 * (number - (len(forest.series) - 1) / 2) / max(len(forest.series), 1)
                _estimate(axes, row.get(key), place + spread, number, title if place == 0 else "_", forest.factor)
        for line in forest.lines:
            axes.axvline(line * forest.factor, color="0.4", linestyle="--" if line else "-", linewidth=1)
        axes.set_yticks(range(len(rows)), names[region] if not shared or axes is grid[0] else [""] * len(rows))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_title(region, fontsize=10)
        axes.grid(axis="x", color="0.85", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    figure.supxlabel(forest.axis, fontsize=10)
    if len(forest.series) > 1 and regions:
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(forest.series), frameon=False, fontsize=9)
    figure.savefig(path, dpi=DPI)


def cohort_figure(table: Table, *, path: Path) -> None:
    """Draw how many studies of each part come from which scanner, as stacked bars with the counts in them."""
    parts = [column for column in table.columns if column.key != "what"]
    scanners = [row for row in table.rows if row["what"].endswith(" T") or row["what"].endswith("not stated")]
    figure = new_figure(7.0, 1.6 + 0.5 * len(parts))
    axes = figure.add_subplot()
    start = np.zeros(len(parts))
    for number, row in enumerate(scanners):
        counts = np.array([int(str(row[part.key]).split(" ")[0].replace(",", "")) for part in parts])
        shade = 1 - 0.75 * (number + 1) / (len(scanners) + 1)
        axes.barh(range(len(parts)), counts, left=start, color=str(shade), edgecolor="black", label=row["what"])
        for place, count in enumerate(counts):
            if count:
                color = "white" if shade < DARK_CELL else "black"
                axes.text(start[place] + count / 2, place, str(count), ha="center", va="center", color=color)
        start = start + counts
    axes.set_yticks(range(len(parts)), [part.title for part in parts])
    axes.invert_yaxis()
    axes.set_xlabel("studies")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=min(len(scanners), 4) or 1, frameon=False, fontsize=9)
    figure.savefig(path, dpi=DPI)


def reference_figure(table: Table, *, path: Path) -> None:
    """Draw how many boxes of each region the reference gave which grade, as shares of the region."""
    figure = new_figure(7.0, 1.6 + 0.45 * len(table.rows))
    axes = figure.add_subplot()
    keys = [column.key for column in table.columns if column.key in ("set", "region")]
    names = [", ".join(str(row[key]) for key in keys) for row in table.rows]
    start = np.zeros(len(names))
    for number, word in enumerate(GRADE_WORDS):
        counts = np.array([row[word] for row in table.rows], np.float64)
        totals = np.array([sum(row[each] for each in GRADE_WORDS) for row in table.rows], np.float64).clip(1)
        shares = 100 * counts / totals
        shade = 0.95 - 0.3 * number
        axes.barh(range(len(names)), shares, left=start, color=str(shade), edgecolor="black", label=word)
        for place, share in enumerate(shares):
            if share > 4:
                color = "white" if shade < DARK_CELL else "black"
                axes.text(
                    start[place] + share / 2, place, f"{counts[place]:,.0f}", ha="center", va="center", color=color
                )
        start = start + shares
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("% of the graded boxes; counts where they fit")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=len(GRADE_WORDS), frameon=False, fontsize=9)
    figure.savefig(path, dpi=DPI)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that can be saved without a display; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _lines_of(table: Table, region: str, forest: Forest) -> list[str]:
    return [
        ", ".join(str(row[key]) for key in forest.label if row.get(key))
        + (f" ({row[forest.count]})" if forest.count else "")
        for row in table.rows
        if row["region"] == region
    ]


def _estimate(axes: Axes, estimate: object, place: float, number: int, title: str, factor: float) -> None:
    if not isinstance(estimate, Estimate) or not estimate.is_defined:
        axes.plot([], [], MARKERS[number], color=COLORS[number], label=title)
        return
    value, low, high = (factor * part for part in (estimate.value, estimate.low, estimate.high))
    axes.plot([low, high], [place, place], color=COLORS[number], linewidth=1.4)
    filled = COLORS[number] if number % 2 == 0 else "white"
    axes.plot(value, place, MARKERS[number], color=COLORS[number], markerfacecolor=filled, markersize=5, label=title)
