"""`history.csv` of a run: what is written is read, and an interruption costs a row at most."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.formats.history_csv import (
    DETECTOR_HISTORY_COLUMNS,
    GRADER_HISTORY_COLUMNS,
    append_history,
    forget_history,
    read_history,
    write_history,
)

VALUE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("columns", [DETECTOR_HISTORY_COLUMNS, GRADER_HISTORY_COLUMNS])
@given(data=st.data())
def test_what_is_written_or_added_is_read(
    tmp_path_factory: pytest.TempPathFactory, columns: tuple[str, ...], data: st.DataObject
) -> None:
    row = st.fixed_dictionaries(dict.fromkeys(columns, VALUE) | {columns[0]: st.integers(0, 10**6)})
    rows, last = data.draw(st.lists(row, min_size=1, max_size=4)), data.draw(row)
    folder = tmp_path_factory.mktemp("run")
    write_history(folder, [{name: one[name] for name in columns} for one in rows])
    append_history(folder, last)
    assert read_history(folder) == [*rows, last]
    with (folder / "history.csv").open(newline="") as file:
        assert tuple(next(csv.reader(file))) == columns


def test_a_run_without_rows_has_no_file(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,val_")
    assert read_history(tmp_path) == []
    write_history(tmp_path, [])
    assert not (tmp_path / "history.csv").exists()
    assert read_history(tmp_path) == []


def test_rows_after_the_checkpoint_and_a_row_cut_short_leave_the_history(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    row = dict.fromkeys(("total_loss", "rpn_score_loss", "rpn_box_loss", "frcnn_cls_loss", "frcnn_box_loss"), 0.5)
    forget_history(tmp_path, after=0)
    assert not path.exists()
    for step in (10, 20, 30):
        append_history(tmp_path, {"step": step, **row})
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, "40,0.5,0."]))
    forget_history(tmp_path, after=20)
    assert path.read_text().splitlines() == lines[:3]
    append_history(tmp_path, {"step": 30, **row})
    assert path.read_text().splitlines() == lines
