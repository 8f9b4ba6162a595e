"""The table of what an importer left out, and why."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from tfspine.outputs import write_text
from tfspine.structures import Refusal

COLUMNS = ("file", "line", "reason")
FILE_NAME = "refused.csv"


def write_refused(folder: Path, refused: Iterable[Refusal]) -> None:
    """Write `refused.csv`: file, line (empty for a whole file), reason.

    Raises:
        OutputError: the file cannot be written.
    """
    table = pd.DataFrame([asdict(item) for item in refused], columns=list(COLUMNS))
    write_text(folder / FILE_NAME, table.astype({"line": "Int64"}).to_csv(index=False))
