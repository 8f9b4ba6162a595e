"""What an importer left out, and why: `refused.csv`."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

import pandas as pd

from tfspine.outputs import write_text

COLUMNS = ("file", "line", "reason")
FILE_NAME = "refused.csv"


@dataclass(frozen=True)
class Refusal:
    """One file, or one line of a table (the header is line 1; None for the whole file), that was left out."""

    file: str
    line: int | None
    reason: str


def write_refused(folder: Path, refused: Iterable[Refusal]) -> None:
    """Write `refused.csv`: file, line (empty for a whole file), reason.

    Raises:
        OutputError: the file cannot be written.
    """
    table = pd.DataFrame([astuple(item) for item in refused], columns=list(COLUMNS))
    write_text(folder / FILE_NAME, table.astype({"line": "Int64"}).to_csv(index=False))
