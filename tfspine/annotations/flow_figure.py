"""The flow of studies as a figure: boxes and arrows, each with its number."""

import io
import textwrap
from collections.abc import Sequence
from typing import Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from tfspine.annotations.flow import Flow, FlowStep, Group, describe

COLUMN_WIDTH = 8.0
STEP_HEIGHT = 2.6
MAIN_X, SIDE_X = 2.2, 4.9
FONT = 8.5
SIDE_CHARACTERS = 32
PAD = 0.16
"""Distance between the text of a box and its border."""

BOX_HALF_HEIGHT = 0.6
"""Height of a box with four lines."""

FORMATS = ("svg", "png")

SVG_STYLE = {"svg.hashsalt": "tfspine", "svg.fonttype": "none"}
"""The same run produces the same bytes, and words and numbers are stored as text."""


def flow_figure(flows: Sequence[Flow], *, file_format: str) -> bytes:
    """Draw flows next to each other.

    Args:
        flows: cohorts, such as the internal and the external one.
        file_format: one of `FORMATS`.

    Returns:
        The content of the file.
    """
    rows = max(len(flow.steps) + bool(flow.ends) for flow in flows)
    figure = Figure(figsize=(0.72 * COLUMN_WIDTH * len(flows), 0.62 * STEP_HEIGHT * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlim(0, COLUMN_WIDTH * len(flows))
    axes.set_ylim(-STEP_HEIGHT * (rows - 0.5), STEP_HEIGHT * 0.5)
    axes.axis("off")
    for column, flow in enumerate(flows):
        _draw(axes, flow, column * COLUMN_WIDTH)
    content = io.BytesIO()
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # so that a dollar sign in the name of a cohort does not start a formula
    with matplotlib.rc_context(SVG_STYLE):
        figure.savefig(content, format=file_format, dpi=150, metadata={"Date": None} if file_format == "svg" else None)
    return content.getvalue()


def _draw(axes: Axes, flow: Flow, left: float) -> None:
    x = left + MAIN_X
    axes.text(x, 0.46 * STEP_HEIGHT, flow.part, ha="center", va="top", fontsize=FONT + 1.5, weight="bold")
    for number, step in enumerate(flow.steps):
        y = -STEP_HEIGHT * number
        is_last = number == len(flow.steps) - 1
        flagged = f"\n{flow.flagged:,} flagged for a person" if is_last and flow.flagged else ""
        _box(axes, x, y, _words(step.group) + flagged)
        if not is_last:
            _arrow(axes, (x, y), (x, y - STEP_HEIGHT), f"{flow.steps[number + 1].group.studies:,}")
            _side(axes, step, x, left + SIDE_X, y - STEP_HEIGHT / 2)
    places = [x] if len(flow.ends) == 1 else [left + COLUMN_WIDTH * share for share in _shares(len(flow.ends))]
    y = -STEP_HEIGHT * len(flow.steps)
    for place, group in zip(places, flow.ends, strict=True):
        _arrow(axes, (x, y + STEP_HEIGHT), (place, y), f"{group.studies:,}")
        _box(axes, place, y, _words(group))


def _shares(count: int) -> list[float]:
    """Return the horizontal positions of this many boxes in a row, as shares of the width."""
    return [(number + 0.5) / count for number in range(count)]


def _side(axes: Axes, step: FlowStep, x: float, side_x: float, y: float) -> None:
    """Draw the studies left out after a step, beside the arrow to the next step."""
    total = sum(count for _, count in step.left_out)
    lines = [f"{total:,} left out", *(f"{count:,} {reason}" for reason, count in step.left_out)]
    words = "\n".join(textwrap.fill(line, SIDE_CHARACTERS, subsequent_indent="    ") for line in lines)
    _arrow(axes, (x, y), (side_x - PAD, y), f"{total:,}")
    _box(axes, side_x, y, words, align="left")


def _box(axes: Axes, x: float, y: float, words: str, *, align: Literal["center", "left"] = "center") -> None:
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "black", "linewidth": 0.9}
    axes.text(x, y, words, ha=align, va="center", fontsize=FONT, bbox=box, zorder=3)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], number: str) -> None:
    """Draw an arrow with its number from the centre of a box, which covers its start, to the border of another."""
    is_across = start[1] == end[1]
    head = end if is_across else (end[0], end[1] + BOX_HALF_HEIGHT)
    axes.annotate("", head, start, arrowprops={"arrowstyle": "-|>", "color": "black", "linewidth": 0.9}, zorder=1)
    is_down = start[0] == end[0]
    along = 0.5 if is_across else 0.8 if is_down else 0.7
    x, y = (first + along * (last - first) for first, last in zip(start, head, strict=True))
    label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    if is_down:
        axes.text(x + PAD, y, number, ha="left", va="center", fontsize=FONT)
    else:
        axes.text(x, y, number, ha="center", va="center", fontsize=FONT, bbox=label, zorder=2)


def _words(group: Group) -> str:
    details = describe(group).replace("; ", "\n").replace(" and ", "\n")
    return f"{group.studies:,} {group.title}" + (f"\n{details}" if details else "")
