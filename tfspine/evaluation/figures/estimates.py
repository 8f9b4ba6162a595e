"""Figures of an evaluation: confusion matrices, and estimates with their intervals. Readable in black and white."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from tfspine.evaluation.boxes.reader_metrics import RegionMetrics
from tfspine.evaluation.statistics.estimate import Estimate
from tfspine.evaluation.tables.table import DASH, REGION_TITLES, Table
from tfspine.extras import is_installed
from tfspine.labels import GRADE_WORDS

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORMAP = "Blues"
"""One hue, light to dark, in an order that colour-blind people and black-and-white prints preserve."""

DARK_CELL = 0.55
"""Share of its row above which a cell is dark and gets white numbers."""

COLORS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours, which colour-blind people can tell apart (jfly.uni-koeln.de/color)."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One shape for each series, so that colours are not needed to tell them apart."""

DPI = 150

LETTERS_PER_INCH = 11
"""How many letters of a title fit into an inch, at the widest."""


@dataclass(frozen=True)
class Forest:
    """The parts of a table that a forest plot shows.

    Attributes:
        series: title of each estimate by the key of its column.
        axis: label of the horizontal axis.
        label: columns that together give the name of a line.
        factor: 100 to show shares in per cent.
        lines: where to draw lines: a plain one at 0, others dashed.
        count: column whose number is shown in brackets after the name of a line, or empty.
    """

    series: Mapping[str, str]
    axis: str
    label: tuple[str, ...] = ("reader",)
    factor: float = 1.0
    lines: tuple[float, ...] = ()
    count: str = ""


def confusion_figure(metrics: RegionMetrics, *, set_name: str, reader: str, path: Path) -> None:
    """Draw the reference's grades (rows) against the reader's (columns) with a column of boxes not found.

    A cell shows the count; its shade is the share of the row, so that rare grades are as visible as common ones. Boxes
    that were found, but that either side left without a grade, have no cell: the axis label gives their number.
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
    ungraded = f"; {metrics.ungraded:,} found without a grade" if metrics.ungraded else ""
    axes.set_xlabel(f"{reader} (boxes{ungraded})")
    axes.set_ylabel("reference (boxes)")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.colorbar(image, label="share of the reference's grade", shrink=0.8).outline.set_visible(False)
    axes.set_title(f"{REGION_TITLES[metrics.region]}, {set_name} set")
    _write(figure, path)


def forest_figure(table: Table, *, forest: Forest, path: Path, title: str) -> None:
    """Draw the estimates of a table with their intervals: one panel per region, one line per row, the first on top.

    Undefined estimates are not drawn; their line is kept, so that one sees that they are missing, with a dash where
    none of its estimates is defined.
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
            for number, key in enumerate(forest.series):
                spread = 0.5 * (number - (len(forest.series) - 1) / 2) / max(len(forest.series), 1)
                _estimate(axes, row.get(key), place + spread, number, forest.factor)
            if not any(_is_drawn(row.get(key)) for key in forest.series):
                axes.text(0.5, place, DASH, transform=axes.get_yaxis_transform(), ha="center", va="center")
        for line in forest.lines:
            axes.axvline(line * forest.factor, color="0.4", linestyle="--" if line else "-", linewidth=1)
        axes.set_yticks(range(len(rows)), names[region] if not shared or axes is grid[0] else [""] * len(rows))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_title(region, fontsize=10)
        axes.grid(axis="x", color="0.85", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    figure.supxlabel(f"{forest.axis}, with intervals", fontsize=10)
    names_of_series = list(forest.series.values()) if len(forest.series) > 1 else []
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linestyle="-", linewidth=1.4, **_marker(n)) for n in range(len(names_of_series))]
    save(figure, path, title=title, handles=handles, labels=names_of_series, columns=len(forest.series))


def can_draw() -> bool:
    """Return whether Matplotlib is installed, which an installation without the extra ``report`` lacks."""
    return is_installed("matplotlib")


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure that can be saved without a display; sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(
    figure: "Figure",
    path: Path,
    *,
    title: str,
    handles: "Sequence[Artist] | None" = None,
    labels: Sequence[str] = (),
    columns: int = 1,
) -> None:
    """Write a figure with a title above it and, below the title, a legend.

    Args:
        figure: what was drawn.
        path: where to write it.
        title: above everything; long ones are wrapped.
        handles: what the legend shows, or None for all that was drawn with a label.
        labels: their names.
        columns: number of entries side by side.
    """
    if handles is None:
        found = dict(item for axes in figure.axes for item in zip(*axes.get_legend_handles_labels()[::-1], strict=True))
        handles, labels = list(found.values()), list(found)
    # The title belongs to the legend: a figure title and a legend outside its panels would be drawn over each other.
    figure.legend(
        handles,
        labels,
        title="\n".join(wrap(title, int(LETTERS_PER_INCH * figure.get_figwidth()))),
        loc="outside upper center",
        ncols=max(columns, 1),
        frameon=False,
        fontsize=9,
        title_fontsize=11,
    )
    _write(figure, path)


def as_label(name: str) -> str:
    """Return the name of a reader as a label of the legend, which would omit one that begins with an underscore."""
    return f" {name}" if name.startswith("_") else name


def _write(figure: "Figure", path: Path) -> None:
    """Write a figure; a dollar sign in a name does not start a formula."""
    import matplotlib
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    # Labels of ticks are created while drawing.
    with matplotlib.rc_context({"text.parse_math": False}):
        figure.savefig(path, dpi=DPI)


def _lines_of(table: Table, region: str, forest: Forest) -> list[str]:
    return [
        ", ".join(str(row[key]) for key in forest.label if row.get(key))
        + (f" ({row[forest.count]})" if forest.count else "")
        for row in table.rows
        if row["region"] == region
    ]


def _is_drawn(estimate: object) -> bool:
    return isinstance(estimate, Estimate) and estimate.is_defined


def _estimate(axes: "Axes", estimate: object, place: float, number: int, factor: float) -> None:
    if not isinstance(estimate, Estimate) or not estimate.is_defined:
        return
    value, low, high = (factor * part for part in (estimate.value, estimate.low, estimate.high))
    axes.plot([low, high], [place, place], color=COLORS[number], linewidth=1.4)
    axes.plot(value, place, **_marker(number))


def _marker(number: int) -> dict[str, Any]:
    """Return the style of a series: every second marker is hollow, so that colours are not needed."""
    filled = COLORS[number] if number % 2 == 0 else "white"
    return {"color": COLORS[number], "marker": MARKERS[number], "markerfacecolor": filled, "markersize": 5}
