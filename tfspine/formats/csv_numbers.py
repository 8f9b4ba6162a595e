"""Convert text in a table to numbers, with a decimal point or a decimal comma, whichever the whole table uses."""

import math
import re
from collections.abc import Sequence

from tfspine.errors import FormatError
from tfspine.formats.csv_files import CsvTable

NOTHING = ("", "nan")
"""Spellings of a missing number, in lower case."""

_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""Pattern of text that may be either thousands or a number with three decimals."""


def numbers_of(table: CsvTable, columns: Sequence[str]) -> dict[str, list[float]]:
    """Return the numbers of some columns, NaN if missing.

    A comma is a decimal comma if no number of these columns has a point and at least one comma cannot separate
    thousands: ``0,5`` or ``12,25``, but not ``1,234``.

    Raises:
        FormatError: a value is not a number, one table has both points and commas, or it is unclear whether commas are
            decimal; the message gives the line.
    """
    is_comma = _has_decimal_commas(table, columns)
    return {
        column: [_number(table, row, column, is_comma=is_comma) for row in range(len(table.rows))] for column in columns
    }


def _has_decimal_commas(table: CsvTable, columns: Sequence[str]) -> bool:
    cells = [(row, column, values[column]) for row, values in enumerate(table.rows) for column in columns]
    commas = [cell for cell in cells if _COMMA.fullmatch(cell[2])]
    if not commas:
        return False
    row, column, text = commas[0]
    where = f'{table.where(row)}: {column} "{text}"'
    pointed = next((cell for cell in cells if "." in cell[2] and _is_number(cell[2])), None)
    if pointed is not None:
        raise FormatError(
            f"{where}: a comma, where line {table.lines[pointed[0]]} has a point ({pointed[2]}); expected one decimal "
            "sign throughout"
        )
    if all(_THOUSANDS.fullmatch(text) for _, _, text in commas):
        raise FormatError(
            f"{where}: ambiguous: thousands or decimals; write decimals with a point, thousands without a separator"
        )
    return True


def _number(table: CsvTable, row: int, column: str, *, is_comma: bool) -> float:
    text = table.rows[row][column]
    if text.lower() in NOTHING:
        return math.nan
    written = text.replace(",", ".") if is_comma and _COMMA.fullmatch(text) else text
    if not _is_number(written):
        raise FormatError(f'{table.where(row)}: {column} "{text}"; expected a number or nothing')
    return float(written)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    # Python accepts 1_000 and digits of other scripts as numbers; in a table, both are mistakes.
    return text.isascii() and "_" not in text
