"""Tables of boxes small enough to print."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from tfspine.formats.boxes_csv import BOX_COLUMNS


@pytest.fixture
def box_table() -> Callable[..., pd.DataFrame]:
    """Return a function that makes a table of boxes from rows that say only what matters."""

    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        usual = dict.fromkeys(BOX_COLUMNS, None) | {
            "study": "s1", "slice": "s1-axial-01", "plane": "axial", "region": "central_canal",
            "ymin": 0.0, "xmin": 0.0, "ymax": 10.0, "xmax": 10.0,
        }  # fmt: skip
        return pd.DataFrame([usual | row for row in rows], columns=list(BOX_COLUMNS))

    return make


@pytest.fixture
def ranked(box_table: Callable[..., pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three references on three slices; by score: hit, wrong, hit, second box on a box already found."""
    reference = box_table(*({"slice": f"s1-axial-{n:02d}"} for n in (1, 2, 3)))
    reader = box_table(
        {"slice": "s1-axial-01", "score": 0.9},
        {"slice": "s1-axial-02", "score": 0.8, "xmin": 40.0, "xmax": 50.0},
        {"slice": "s1-axial-02", "score": 0.7},
        {"slice": "s1-axial-01", "score": 0.6},
    )
    return reference, reader
