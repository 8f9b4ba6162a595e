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
