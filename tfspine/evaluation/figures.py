"""Figures of an evaluation: confusion matrices, readable in black and white."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tfspine.evaluation.study_evaluation import RegionMetrics
from tfspine.evaluation.tables import REGION_TITLES
from tfspine.labels import GRADE_WORDS

COLORMAP = "Blues"
"""One hue, light to dark: keeps its order for the colour-blind and in print."""

DARK_CELL = 0.55
"""Share of its row above which a cell is dark and takes white figures."""


def confusion_figure(metrics: RegionMetrics, *, reader: str, path: Path) -> None:
    """Draw the reference's grades (rows) against the reader's (columns) with a column of boxes not found.

    A cell shows the count; its shade is the share of the row, so that rare grades show as well as common ones.
    """
    counts = np.column_stack([np.array(metrics.confusion), metrics.missed])
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)

    figure = Figure(figsize=(5.4, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
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
    figure.savefig(path, dpi=150)
