"""Numbers in the text of a table, with a decimal point or a decimal comma, whichever the table has throughout."""

import math
import re
from collections.abc import Sequence

from tfspine.errors import FormatError
from tfspine.formats.csv_files import CsvTable

NOTHING = ("", "nan")
"""How a number that is missing is written, in lower case."""

_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""What may be a number of thousands as well as one with three decimals."""


def numbers_of(table: CsvTable, columns: Sequence[str]) -> dict[str, list[float]]:
    """Return the numbers of some columns, NaN where there is none.

    A comma is a decimal comma where no number of these columns has a point and at least one cannot be a count of
    thousands: ``0,5`` or ``12,25``, but not ``1,234``.

    Raises:
        FormatError: a value that is no number, points and commas in one table, or commas of which nothing says
            whether they are decimal; the message names the line.
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
            f"{where}: thousands or decimals? nothing in the table says; write decimals with a point, thousands "
            "without a sign"
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
    # Python takes 1_000 for a number, and digits of other scripts: neither is what somebody meant to write.
    return text.isascii() and "_" not in text
