"""Tables as text for a terminal of 80 columns: a wider table is split, and each part repeats the row names."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = 80


def print_table(console: Console, texts: "pd.DataFrame", *, title: str, left: Collection[str]) -> None:
    """Print a table of texts under a title, in as many parts as the width of the console requires.

    Args:
        console: of fixed width.
        texts: one column for each heading; markup in it is not interpreted.
        title: the title above the table; a long one is wrapped.
        left: headings of the left-aligned columns; the leading ones are row names and are repeated in every part.
    """
    console.print(Text(title))
    for part in _parts(console, texts, left):
        console.print(_drawn(texts.iloc[:, part], left))


def _parts(console: Console, texts: "pd.DataFrame", left: Collection[str]) -> list[list[int]]:
    """Return the columns of each part: the row names, and as many other columns as fit beside them."""
    headings = list(texts.columns)
    naming = [place for place, heading in enumerate(headings) if set(headings[: place + 1]) <= set(left)]
    parts: list[list[int]] = []
    for place in range(len(naming), len(headings)):
        wider = [*(parts[-1] if parts else naming), place]
        table = _drawn(texts.iloc[:, wider], left)
        width = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
        if parts and width > console.width:
            parts.append([*naming, place])
        else:
            parts[-1:] = [wider]
    return parts or [naming]


def _drawn(texts: "pd.DataFrame", left: Collection[str]) -> Table:
    """Return the table; if even two columns are too wide, their text is wrapped and never cut."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in texts.columns:
        justify: Literal["left", "right"] = "left" if heading in left else "right"
        drawn.add_column(Text(heading.strip()), justify=justify, overflow="fold")
    for row in _rows(texts):
        drawn.add_row(*map(Text, row))
    return drawn


def _rows(texts: "pd.DataFrame") -> Sequence[Sequence[str]]:
    rows: list[list[str]] = texts.astype(str).to_numpy().tolist()
    return rows
