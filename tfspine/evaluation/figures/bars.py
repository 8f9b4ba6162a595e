"""Stacked bars labelled with their counts: scanners of a cohort, grades of a reference."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfspine.colors import GRADE_COLORS
from tfspine.evaluation.figures.estimates import DARK_CELL, new_figure, save
from tfspine.evaluation.tables.table import Table
from tfspine.labels import GRADE_WORDS

NARROW = 0.04
"""Share of the axis below which a piece of a bar is too short for its count."""


def cohort_figure(table: Table, *, path: Path, title: str) -> None:
    """Draw how many studies of each part come from which scanner."""
    parts = [column for column in table.columns if column.key != "what"]
    scanners = {row["what"]: [row["studies"][part.key] for part in parts] for row in table.rows if "studies" in row}
    stacked_figure([part.title for part in parts], scanners, axis="studies", path=path, title=title)


def reference_figure(table: Table, *, path: Path, title: str) -> None:
    """Draw how many boxes of each region the reference gave which grade, as shares of its graded boxes."""
    keys = [column.key for column in table.columns if column.key in ("set", "region")]
    names = [", ".join(str(row[key]) for key in keys) for row in table.rows]
    counts = {word: [row[word] for row in table.rows] for word in GRADE_WORDS}
    axis = "% of the graded boxes; counts where they fit"
    colors = {grade.word: color for grade, color in GRADE_COLORS.items()}
    stacked_figure(names, counts, axis=axis, path=path, title=title, as_share=True, colors=colors)


def stacked_figure(
    names: Sequence[str],
    counts: Mapping[str, Sequence[int]],
    *,
    axis: str,
    path: Path,
    title: str,
    as_share: bool = False,
    colors: Mapping[str, str] | None = None,
) -> None:
    """Draw one bar for each name, the first on top, of pieces from light to dark, with counts where there is room.

    Args:
        names: of the bars.
        counts: of each piece, by its name, one for each bar.
        axis: label of the horizontal axis.
        path: where to write the picture.
        title: the text above it.
        as_share: draw every bar as long as 100 %.
        colors: of the pieces, light enough for black text, instead of greys.
    """
    table = np.array(list(counts.values()), np.float64).reshape(len(counts), len(names))
    totals = table.sum(axis=0)
    lengths = 100 * table / totals.clip(1) if as_share else table
    room = NARROW * (100 if as_share else totals.max(initial=1))
    figure = new_figure(7.0, 1.8 + 0.45 * len(names))
    axes = figure.add_subplot()
    start = np.zeros(len(names))
    for number, (piece, length) in enumerate(zip(counts, lengths, strict=True)):
        shade = 0.95 - 0.9 * number / max(len(counts) - 1, 1)
        fill = colors[piece] if colors else str(shade)
        axes.barh(range(len(names)), length, left=start, color=fill, edgecolor="black", label=piece)
        for place in np.flatnonzero((length >= room) & (length > 0)):
            color = "white" if shade < DARK_CELL and not colors else "black"
            middle = start[place] + length[place] / 2
            axes.text(middle, float(place), f"{table[number, place]:,.0f}", ha="center", va="center", color=color)
        start = start + length
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    save(figure, path, title=title, columns=4)
