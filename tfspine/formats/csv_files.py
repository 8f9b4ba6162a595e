"""Read CSV files of common variants as text: commas, semicolons or tabs; UTF-8, UTF-16 or Windows-1252.

Spreadsheet programs use the separator, decimal sign and encoding of their country and system. A file that can be read
in only one way is read; for any other, a one-line error says what is wrong. Values stay text (a pseudonym
``0123456789`` must not become a number); `csv_numbers.py` reads those that are numbers.
"""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfspine.errors import FormatError

SEPARATORS = (",", ";", "\t", "|")

TextRow = dict[str, str]
"""The values of one row by column."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # must precede UTF-16, as its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and the encodings that begin with them (Unicode Standard 16.0, section 23.8)."""

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""First bytes of an .xlsx or .ods (ZIP) and of an .xls (compound file)."""

_LINE_END = re.compile(r"\r\n|\r|\n")

_BLANKS = " \t\r\n\u00a0\ufeff"
"""Characters that may surround a value without being part of it; spreadsheets write no-break spaces."""


@dataclass(frozen=True)
class CsvTable:
    """The text of a CSV file.

    Attributes:
        path: the file.
        columns: names of the columns, in the order of the file.
        rows: the values of each row by column; rows without any value are left out.
        lines: the line of the file in which each row begins, the first line being 1.
        separator: the character between the values.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    lines: tuple[int, ...]
    separator: str

    def where(self, row: int) -> str:
        """Return the location of a row (counted from 0) for a message."""
        return f"{self.path}: line {self.lines[row]}"


def read_csv_file(path: Path, columns: Sequence[str], *, optional: Sequence[str] = ()) -> CsvTable:
    """Read a CSV file that has the given columns; it may have others too.

    The separator is the one that yields the most expected columns in the header. Column names are matched in any case.
    Rows may be shorter, or have extra empty values, as spreadsheets write them, as long as no required column lacks a
    value.

    Args:
        path: the file.
        columns: required columns.
        optional: columns that may be missing, in the header or at the end of a row; they are read as empty.

    Returns:
        The table, with the expected columns under the names given here.

    Raises:
        FormatError: the file cannot be read as text, lacks a column or has it twice, or a row has more or fewer values
            than there are columns.
    """
    wanted = ", ".join(columns)
    text = read_text(path, expected=f"a CSV file with {wanted}")
    separator, text, before = _separator(text, {name.lower() for name in (*columns, *optional)})
    lines = _records(path, text, separator, before)
    if not lines:
        raise FormatError(f"{path}: empty; expected a table with the columns {wanted}")
    header = _header(path, lines[0][1], (*columns, *optional))
    missing = [name for name in columns if name not in header]
    if missing:
        raise FormatError(
            f"{path}: no column {missing[0]}; expected the columns {wanted}, separated by commas, semicolons or tabs"
        )
    needed = 1 + max((header.index(name) for name in columns), default=-1)
    absent = {name: "" for name in optional if name not in header}
    rows = [_row(path, line, values, header, needed, separator) | absent for line, values in lines[1:]]
    return CsvTable(path, (*header, *absent), tuple(rows), tuple(line for line, _ in lines[1:]), separator)


def read_numbered_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, TextRow]]:
    """Return (line, row) of every row of a CSV file of other people, the header being line 1, in these columns alone.

    Raises:
        FormatError: the file cannot be read or lacks a column.
    """
    table = read_csv_file(path, columns)
    return [(line, {name: row[name] for name in columns}) for line, row in zip(table.lines, table.rows, strict=True)]


def require_once(table: CsvTable, column: str) -> None:
    """Refuse a table in which a name that must be unique occurs twice.

    Raises:
        FormatError: a name occurs twice; the message gives the line.
    """
    first: dict[str, int] = {}
    for row, values in enumerate(table.rows):
        former = first.setdefault(values[column], row)
        if former != row:
            raise FormatError(
                f"{table.where(row)}: {column} {values[column]} is repeated, first on line {table.lines[former]}; "
                "expected it once"
            )


def read_text(path: Path, *, expected: str) -> str:
    """Return the text of a file, in the encoding found from its first bytes or, if they do not decide, from all bytes.

    Raises:
        FormatError: the file cannot be read or is not text; the message says what was `expected`, and quotes nothing
            from the file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror}; expected {expected}") from None
    if content.startswith(_WORKBOOKS):
        raise FormatError(f"{path}: a spreadsheet program's own format, not text; save it as CSV; expected {expected}")
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    try:
        if encoding is None:
            encoding = _guess(content)
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise FormatError(
            f"{path}: not text in {encoding}, though it looks like it; save it in UTF-8; expected {expected}"
        ) from None


def _guess(content: bytes) -> str:
    """Return the encoding of text without a mark: UTF-16 has many zero bytes, Windows-1252 is invalid as UTF-8."""
    if b"\0" in content:
        return "utf-16-le" if content[1::2].count(0) > content[::2].count(0) else "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _separator(text: str, expected: set[str]) -> tuple[str, str, int]:
    """Return the separator, the text from the header on, and the number of lines before the header."""
    begun = text.lstrip("\r\n")
    before = len(_LINE_END.findall(text[: len(text) - len(begun)]))
    first, *others = _LINE_END.split(begun, maxsplit=1)
    # Excel may write a first line that names the separator.
    if first.lower().startswith("sep=") and len(first) == len("sep=?"):
        return first[-1], "".join(others), before + 1

    def found(separator: str) -> tuple[int, int]:
        names = next(csv.reader([first], delimiter=separator), [])
        return sum(name.strip(_BLANKS).lower() in expected for name in names), len(names)

    return max(SEPARATORS, key=found), begun, before


def _records(path: Path, text: str, separator: str, before: int) -> list[tuple[int, list[str]]]:
    """Return the line number and the values of every row that has a value, the header first."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    records, began = [], before + 1
    try:
        for values in reader:
            stripped = [value.strip(_BLANKS) for value in values]
            if any(stripped):
                records.append((began, stripped))
            began = before + reader.line_num + 1
    except csv.Error as error:
        raise FormatError(f"{path}: line {began}: {error}; expected quotes in pairs around a value") from None
    return records


def _header(path: Path, names: Sequence[str], expected: Sequence[str]) -> tuple[str, ...]:
    """Return the column names, the expected ones in the spelling used here."""
    known = {name.lower(): name for name in expected}
    header = tuple(known.get(name.lower(), name) for name in names)
    twice = [name for name in known.values() if header.count(name) > 1]
    if twice:
        raise FormatError(f"{path}: column {twice[0]} is there twice; expected it once: remove the other")
    return header


def _row(
    path: Path, line: int, values: Sequence[str], header: tuple[str, ...], needed: int, separator: str
) -> dict[str, str]:
    if any(values[len(header) :]):
        comma = (
            "; a decimal comma needs quotes around the number, or semicolons between the values"
            if separator == ","
            else f'; a value that holds "{separator}" needs quotes'
        )
        raise FormatError(f"{path}: line {line}: {len(values)} values for {len(header)} columns{comma}")
    if len(values) < needed:
        raise FormatError(
            f"{path}: line {line}: {len(values)} values, none in the column {header[len(values)]}; expected "
            f"{len(header)}: the file may be cut off, or have other separators here"
        )
    return dict(zip(header, [*values, *[""] * (len(header) - len(values))], strict=False))
