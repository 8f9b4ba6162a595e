"""CSV files as spreadsheets of several countries and systems write them."""

import codecs
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import FormatError
from tfspine.formats.csv_files import CsvTable, read_csv_file, read_text, require_once
from tfspine.formats.csv_numbers import numbers_of

COLUMNS = ("study", "xmin")
TEXT = "study,xmin,remark\nMüller,0.5,near\n0123,12.25,\n"
ROWS = ({"study": "Müller", "xmin": "0.5", "remark": "near"}, {"study": "0123", "xmin": "12.25", "remark": ""})


def read(path: Path, content: bytes, columns: tuple[str, ...] = COLUMNS, optional: tuple[str, ...] = ()) -> CsvTable:
    (path / "t.csv").write_bytes(content)
    return read_csv_file(path / "t.csv", columns, optional=optional)


def message_of(path: Path, content: bytes, **more: tuple[str, ...]) -> str:
    with pytest.raises(FormatError) as error:
        numbers_of(read(path, content, **more), ("xmin",))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"],
)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_one_table_in_every_dress(tmp_path: Path, encoding: str, separator: str, end: str) -> None:
    text = TEXT.replace(",", separator).replace("\n", end)
    table = read(tmp_path, text.encode(encoding))
    assert table.rows == ROWS
    assert table.lines == (2, 3)
    assert numbers_of(table, ["xmin"]) == {"xmin": [0.5, 12.25]}


def test_utf_16_of_either_order_with_its_mark(tmp_path: Path) -> None:
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        assert read(tmp_path, mark + TEXT.encode(encoding)).rows == ROWS


@pytest.mark.parametrize(
    "content",
    [
        b"study;xmin;remark\nA;0,5;x\nB;12,25;\n",
        b'study,xmin,remark\nA,"0,5",x\nB,"12,25",\n',
        b"study\txmin\tremark\nA\t0,5\tx\nB\t12,25\t\n",
        b"sep=;\nstudy;xmin;remark\nA;0,5;x\nB;12,25;\n",
        b"Study ;XMIN;remark;;\n\nA;0,5;x;;\n;;;;\nB;12,25\n",
    ],
)
def test_a_decimal_comma_where_nothing_else_can_be_meant(tmp_path: Path, content: bytes) -> None:
    table = read(tmp_path, content)
    assert [row["study"] for row in table.rows] == ["A", "B"]
    assert numbers_of(table, ["xmin"]) == {"xmin": [0.5, 12.25]}


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    table = read(tmp_path, b'\nstudy,xmin\n\n"A\nB",1\nC,2\n')
    assert table.lines == (4, 6)
    assert table.where(1) == f"{tmp_path / 't.csv'}: line 6"


def test_numbers_that_are_missing_are_nan(tmp_path: Path) -> None:
    values = numbers_of(read(tmp_path, b"study,xmin\nA,\nB,nan\nC,NaN\n"), ["xmin"])["xmin"]
    assert all(map(math.isnan, values))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"study,xmin\nA,0,5\n", "line 2: 3 values for 2 columns; a decimal comma needs quotes"),
        (b"study;xmin\nA;0,5\nB;0.5\n", 'line 2: xmin "0,5": a comma, where line 3 has a point (0.5)'),
        (b"study;xmin\nA;1,234\nB;12,345\n", 'line 2: xmin "1,234": ambiguous: thousands or decimals'),
        (b"study;xmin\nA;1.234,5\n", 'line 2: xmin "1.234,5"; expected a number'),
        (b"study;xmin\nA;1_0\n", 'xmin "1_0"; expected a number'),
        (b"study,xmin\nA\n", "line 2: 1 values, none in the column xmin"),
        (b"study,xmin,Study\nA,1,B\n", "column study is there twice"),
        (b"study,x\nA,1\n", "no column xmin; expected the columns study, xmin"),
        (b"", "empty; expected a table"),
        (b"PK\x03\x04....", "a spreadsheet program's own format, not text"),
        (b"study,xmin\nM\x81ller,1\n", "not text in cp1252"),
        (codecs.BOM_UTF16_LE + b"s\0t\0u", "not text in utf-16"),
        (b'study,xmin\n"A,1\n', "line 2: unexpected end of data; expected quotes in pairs"),
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    message = message_of(tmp_path, content)
    assert message.startswith(f"{tmp_path / 't.csv'}: ")
    assert said in message


def test_a_column_that_is_optional_may_be_missing_from_header_and_rows(tmp_path: Path) -> None:
    table = read(tmp_path, b"study,xmin,score\nA,1\n", optional=("score", "grade"))
    assert table.rows == ({"study": "A", "xmin": "1", "score": "", "grade": ""},)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"none\.csv: cannot be read: No such file"):
        read_csv_file(tmp_path / "none.csv", COLUMNS)


@given(st.lists(st.floats(0, 1e6).map(lambda value: round(value, 2)), min_size=1, max_size=8))
def test_commas_and_points_give_the_same_numbers(tmp_path_factory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("t")
    points = "study;xmin\n" + "".join(f"A;{value:.2f}\n" for value in values)
    for text in (points, points.replace(".", ",")):
        assert numbers_of(read(path, text.encode()), ["xmin"])["xmin"] == values


def test_a_list_may_come_from_a_spreadsheet_and_what_is_none_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "patients.txt"
    path.write_bytes("P1\r\nMüller\r\n".encode("utf-16"))
    assert read_text(path, expected="one PatientID per line").splitlines() == ["P1", "Müller"]
    path.write_bytes(b"Secret\x81")
    with pytest.raises(FormatError, match="patients") as error:
        read_text(path, expected="one PatientID per line")
    assert "Secret" not in str(error.value)


def test_a_name_that_stands_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    table = read(tmp_path, b"study,xmin\nA,1\n\nB,2\nA,3\n")
    require_once(table, "xmin")
    with pytest.raises(FormatError, match="line 5: study A is repeated, first on line 2"):
        require_once(table, "study")
