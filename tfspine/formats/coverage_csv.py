"""The table of ``tfspine evaluate --read``: what a reader read, found or not, one row for each study, plane or slice.

``study`` is needed; ``plane`` and ``region`` restrict a row, and ``slice`` (or ``key``, so that ``slices.csv`` will do)
needs a plane. Other columns are ignored.
"""

from pathlib import Path

import pandas as pd

from tfspine.errors import FormatError
from tfspine.formats.csv_files import read_csv_file
from tfspine.labels import Plane, Region

COVERAGE_COLUMNS = ("study", "plane", "region", "slice")

_WORDS = {"plane": tuple(Plane), "region": tuple(Region)}


def read_coverage_table(path: Path) -> pd.DataFrame:
    """Return the column study, and plane, region and slice if the file has them.

    Raises:
        FormatError: the file cannot be read, a name is missing or unknown, or slices have no plane.
    """
    table = read_csv_file(path, ("study",))
    given = pd.DataFrame(list(table.rows), columns=list(table.columns), dtype="str")
    if "slice" not in given and "key" in given:
        given = given.rename(columns={"key": "slice"})
    if "slice" in given and "plane" not in given:
        raise FormatError(f"{path}: slices without their plane; add a column plane: {' or '.join(Plane)}")
    columns = [column for column in COVERAGE_COLUMNS if column in given]
    for column in columns:
        for row, word in enumerate(given[column]):
            if column in _WORDS and word not in _WORDS[column]:
                raise FormatError(f'{table.where(row)}: {column} "{word}"; expected one of {", ".join(_WORDS[column])}')
            if not word:
                raise FormatError(f"{table.where(row)}: no {column}; expected its name")
    return given[columns]
