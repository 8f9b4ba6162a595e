"""Tables in which every value stays text."""

from pathlib import Path

import pandas as pd

from tfspine.formats.csv_files import read_csv_file


def read_table_of_words(path: Path, columns: tuple[str, ...], *, optional: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read some columns of a CSV as text: pseudonyms such as ``0123456789`` or ``12345e6789`` must not become numbers.

    Raises:
        FormatError: the file cannot be read or lacks a column.
    """
    needed = [name for name in columns if name not in optional]
    table = read_csv_file(path, needed, optional=optional)
    return pd.DataFrame(list(table.rows), columns=list(columns), dtype="str")
