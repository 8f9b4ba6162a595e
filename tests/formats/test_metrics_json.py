"""`metrics.json` and tables as JSON: what is written is read, and a file of another kind is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import FormatError
from tfspine.formats.metrics_json import ResultTable, read_metrics, read_result, result_text, write_metrics

VALUE = st.none() | st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
ROW = st.dictionaries(st.text(max_size=5), VALUE, max_size=3)


@given(st.dictionaries(st.text(max_size=5), VALUE | ROW, max_size=4))
def test_measures_that_are_written_are_read(
    tmp_path_factory: pytest.TempPathFactory, metrics: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("evaluation")
    write_metrics(folder, metrics)
    assert read_metrics(folder) == metrics


@given(st.builds(ResultTable, st.text(), st.text(), st.lists(ROW, max_size=3)))
def test_a_table_that_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, table: ResultTable) -> None:
    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "regions.json").write_text(result_text(table))
    assert read_result(folder, "regions") == table
    assert read_result(folder, "levels") is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_what_is_no_object_is_refused_with_its_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(FormatError, match=r"metrics\.json: .*; make it (again )?with tfspine evaluate"):
        read_metrics(tmp_path)


def test_a_table_without_rows_is_refused_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "regions.json").write_text('{"title": "", "note": ""}')
    with pytest.raises(FormatError, match=r"regions\.json: no 'rows'; make it again with tfspine evaluate"):
        read_result(tmp_path, "regions")


def test_measures_that_are_missing_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"metrics\.json: not readable: .*; make it with tfspine evaluate"):
        read_metrics(tmp_path)
