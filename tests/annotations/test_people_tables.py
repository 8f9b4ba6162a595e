"""Tables that people made: without a model's columns, as their spreadsheet saved them, and what they get wrong."""

from pathlib import Path

import pytest

from tfspine.annotations.exclusions import decided
from tfspine.errors import FormatError
from tfspine.formats.boxes_csv import BOX_COLUMNS, line_of_row, read_boxes
from tfspine.formats.exclusions_csv import JudgedMeasure, StudyMeasure, Verdict
from tfspine.formats.splits_csv import read_splits

HEADER = "study,slice,plane,region,side,level,ymin,xmin,ymax,xmax,grade"
ROW = "A,1,axial,central_canal,,L4-L5,10.5,20,30,40.5,severe"
SHARES = ",p_normal,p_mild,p_moderate,p_severe"


def test_a_table_needs_no_column_that_only_models_fill(tmp_path: Path) -> None:
    path = tmp_path / "reader.csv"
    path.write_text(f"{HEADER}\n{ROW}\n")
    table = read_boxes(path)
    assert tuple(table.columns) == BOX_COLUMNS
    assert table[["score", "p_normal", "p_mild", "p_moderate", "p_severe"]].isna().all(axis=None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_of_a_german_spreadsheet(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "reader.csv"
    text = f"{HEADER}\n{ROW}\n".replace(",", ";").replace(".", ",").replace(";A;", ";Ä;").replace("severe", "Severe")
    path.write_text(text, encoding=encoding)
    table = read_boxes(path)
    assert table.loc[0, ["ymin", "xmax", "grade"]].tolist() == [10.5, 40.5, "severe"]


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ("0.1,0.2,0.6,0.1", 'line 3: grade "severe"; expected the grade of the largest'),
        ("0.1,0.2,0.3,0.5", "line 3: p_normal"),
        ("-0.1,0.2,0.3,0.6", 'line 3: p_normal "-0.1"; expected a share in 0 to 1'),
        ("0.1,0.2,1.3,-0.6", 'line 3: p_moderate "1.3"; expected a share'),
        ("0.2,0.2,,0.6", "line 3: p_normal"),
    ],
)
def test_probabilities_that_cannot_be_or_contradict_the_grade_are_refused(tmp_path: Path, shares, said) -> None:
    path = tmp_path / "model.csv"
    path.write_text(f"{HEADER}{SHARES}\n{ROW},0,0.1,0.3,0.6\n{ROW},{shares}\n")
    with pytest.raises(FormatError, match="expected") as error:
        read_boxes(path)
    assert said in str(error.value)


@pytest.mark.parametrize("shares", ["0.001,0.001,0.499,0.499", "0,0,0.4996,0.4994", ",,,"])
def test_rounding_contradicts_nothing(tmp_path: Path, shares: str) -> None:
    path = tmp_path / "model.csv"
    path.write_text(f"{HEADER}{SHARES}\n{ROW},{shares}\n")
    assert len(read_boxes(path)) == 1


def test_a_box_without_its_study_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reader.csv"
    path.write_text(f"{HEADER}\n\n{ROW}\n{ROW[1:]}\n")
    with pytest.raises(FormatError, match='line 4: study ""; expected the name of one'):
        read_boxes(path)


def test_the_line_of_a_row_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "reader.csv"
    path.write_text(f"{HEADER}\n\n{ROW}\n")
    assert line_of_row(path, 0) == 3


def test_splits_and_decisions_may_come_from_a_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("patient;study;split\r\nJürg;A;test\r\n", encoding="cp1252")
    assert read_splits(tmp_path / "splits.csv") == {"A": "test"}
    (tmp_path / "decisions.csv").write_text("study\tmeasure\tverdict\r\nA\tsnr\tinclude\r\n", encoding="utf-16")
    found = JudgedMeasure("A", StudyMeasure.SNR, 1.0, 2.0, Verdict.EXCLUDE, "low")
    assert decided([found], tmp_path / "decisions.csv")[0].verdict is Verdict.INCLUDE
