"""Tables as text: never wider than the terminal, and every word of them is there."""

import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tfspine.table_text import print_table

LEFT = ("Reader", "Region")


def printed(texts: pd.DataFrame, width: int = 80) -> str:
    file = io.StringIO()
    print_table(Console(file=file, width=width), texts, title="Title", left=LEFT)
    return file.getvalue()


def test_a_wide_table_becomes_parts_that_name_their_rows() -> None:
    columns = {f"Column {number}": ["0.12 (0.10, 0.14)", "0.34 (0.30, 0.38)"] for number in range(8)}
    text = printed(pd.DataFrame({"Reader": ["DL [ours]", "[/x]"], **columns}))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("Reader") == text.count("DL [ours]") == text.count("[/x]") == 3
    assert text.count("0.12 (0.10, 0.14)") == 8
    assert all(f"Column {number}" in text for number in range(8))


def test_a_narrow_table_stays_one() -> None:
    assert printed(pd.DataFrame({"Reader": ["a"], "x": ["1"], "y": ["2"]})).count("Reader") == 1


@given(
    st.lists(
        st.tuples(*[st.text("abcdefgh", min_size=1, max_size=size) for size in (30, 100, 9, 60, 9)]),
        min_size=1,
        max_size=4,
    )
)
def test_no_letter_is_lost(rows: list[tuple[str, ...]]) -> None:
    text = printed(pd.DataFrame(rows, columns=["Region", "1", "2", "3", "4"]))
    assert max(map(len, text.splitlines())) <= 80
    for column in range(1, 5):
        expected = sum(len(row[column]) for row in rows)
        # Digits name the parts, so that the letters of a part can be counted without those that name its rows.
        assert expected <= sum(character.isalpha() for character in text)


@pytest.mark.parametrize("columns", [["Reader"], ["Reader", "Region"]])
def test_a_table_of_names_alone(columns: list[str]) -> None:
    assert "only" in printed(pd.DataFrame([["only"] * len(columns)], columns=columns))
