"""Tables of one dataclass a row: what is written is read, and an invalid value is named with its file and line."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfspine.config import SPLITS
from tfspine.errors import FormatError
from tfspine.formats.exclusions_csv import (
    EXCLUSION_COLUMNS,
    JudgedMeasure,
    StudyMeasure,
    Verdict,
    read_decisions,
    read_findings,
    write_findings,
)
from tfspine.formats.flow_csv import FLOW_COLUMNS, FlowRow, read_flow_table, write_flow_table
from tfspine.formats.grades_csv import GRADE_COLUMNS, GradeRow, read_grades, write_grades
from tfspine.formats.ids_csv import ID_COLUMNS, IdRow, read_ids, write_ids
from tfspine.formats.key_csv import KEY_COLUMNS, KeyRow, key_text, read_key
from tfspine.formats.members_csv import MEMBER_COLUMNS, MemberRow, read_members, write_members
from tfspine.formats.problems_csv import PROBLEM_COLUMNS, Problem, Severity, problems_text, read_problems
from tfspine.formats.refused_csv import (
    LEFT_OUT_COLUMNS,
    REFUSED_COLUMNS,
    REFUSED_LINE_COLUMNS,
    LeftOut,
    read_left_out,
    read_refused,
    write_left_out,
    write_refused,
    write_refused_lines,
)
from tfspine.formats.series_csv import SERIES_COLUMNS, SeriesRow, read_series, write_series
from tfspine.formats.series_map_csv import USE_OF_PLANE, MapRow, read_map_rows, write_series_map
from tfspine.formats.studies_csv import STUDY_COLUMNS, CohortStudy, read_cohort, write_cohort
from tfspine.formats.validation_csv import VALIDATION_COLUMNS, ValidationRow, read_validation, write_validation
from tfspine.labels import Grade, Level, Plane, Region, Side
from tfspine.structures import Refusal

NAME = st.text("0123456789abcdef", min_size=1, max_size=10)
WORDS = st.text('ab, ;"é=0.|', max_size=20).map(str.strip)
COUNT = st.integers(0, 10_000)
NUMBER = st.floats(-1e6, 1e6)
PLANE = st.sampled_from([*(plane.value for plane in Plane), ""])


@dataclass(frozen=True)
class Table:
    """One format: a strategy of rows, its columns, writer and reader, and a line with a value that is invalid."""

    name: str
    columns: Sequence[str]
    row: st.SearchStrategy[Any]
    write: Callable[[Path, Iterable[Any]], None]
    read: Callable[[Path], list[Any]]
    invalid: dict[str, str]


def refused_of(folder: Path) -> list[Refusal]:
    return read_refused(folder, made_by="tfspine ingest")


SERIES_ROW = st.builds(
    SeriesRow,
    study=NAME, series_number=st.none() | COUNT, part=COUNT, slices=COUNT, stacks=COUNT, gaps=COUNT, duplicates=COUNT,
    plane=PLANE, weighting=WORDS, row_spacing_mm=NUMBER, column_spacing_mm=NUMBER, chosen_as=PLANE, reason=WORDS,
    warning=WORDS, series_instance_uid=st.just(""), words=st.just(""),
)  # fmt: skip
FINDING = st.builds(
    JudgedMeasure, NAME, st.sampled_from(StudyMeasure), st.none() | NUMBER, NUMBER, st.sampled_from(Verdict), WORDS
)
STUDY = st.builds(CohortStudy, NAME, NAME | st.just(""), COUNT, COUNT, st.sampled_from(Verdict), WORDS, WORDS, WORDS)
VALIDATION = st.builds(ValidationRow, st.sampled_from(Grade), st.tuples(*[st.floats(0, 1)] * 4))
PROBLEM = st.builds(Problem, NAME, WORDS, st.sampled_from(Severity), WORDS)

TABLES = [
    Table("series.csv", SERIES_COLUMNS, SERIES_ROW, write_series, read_series, {"plane": "coronal"}),
    Table("refused.csv", REFUSED_COLUMNS, st.builds(Refusal, NAME, WORDS, st.none()), write_refused, refused_of, {}),
    Table(
        "refused.csv",
        REFUSED_LINE_COLUMNS,
        st.builds(Refusal, NAME, WORDS, st.none() | COUNT),
        write_refused_lines,
        refused_of,
        {"line": "second"},
    ),
    Table("refused.csv", LEFT_OUT_COLUMNS, st.builds(LeftOut, NAME, WORDS, WORDS), write_left_out, read_left_out, {}),
    Table("exclusions.csv", EXCLUSION_COLUMNS, FINDING, write_findings, read_findings, {"measure": "weight"}),
    Table("studies.csv", STUDY_COLUMNS, STUDY, write_cohort, read_cohort, {"axial": "many"}),
    Table(
        "flow.csv",
        FLOW_COLUMNS,
        st.builds(FlowRow, NAME, WORDS, WORDS, COUNT, COUNT, COUNT),
        write_flow_table,
        read_flow_table,
        {"studies": "1.5"},
    ),
    Table(
        "grades.csv",
        GRADE_COLUMNS,
        st.builds(
            GradeRow,
            NAME,
            st.sampled_from(Level),
            st.sampled_from(Region),
            st.none() | st.sampled_from(Side),
            st.floats(0, 1),
            st.sampled_from(Grade),
        ),
        write_grades,
        read_grades,
        {"grade": "grave"},
    ),
    Table(
        "ids.csv",
        ID_COLUMNS,
        st.builds(IdRow, COUNT, NAME, st.sampled_from(Plane), st.sampled_from(SPLITS)),
        write_ids,
        read_ids,
        {"split": "trian"},
    ),
    Table(
        "members.csv",
        MEMBER_COLUMNS,
        st.builds(
            MemberRow,
            NAME,
            COUNT,
            COUNT,
            COUNT,
            COUNT,
            COUNT,
            NUMBER,
            NUMBER,
            NUMBER,
            st.booleans(),
        ),
        write_members,
        read_members,
        {"selected": "maybe"},
    ),
    Table(
        "validation.csv",
        VALIDATION_COLUMNS,
        VALIDATION,
        write_validation,
        read_validation,
        {"p_mild": "some"},
    ),
    Table(
        "problems.csv",
        PROBLEM_COLUMNS,
        PROBLEM,
        lambda folder, rows: (folder / "problems.csv").write_text(problems_text(rows)) and None,
        lambda folder: read_problems(folder / "problems.csv"),
        {"severity": "fatal"},
    ),
    Table(
        "key.csv",
        KEY_COLUMNS,
        st.builds(KeyRow, NAME, NAME, NAME, NAME),
        lambda folder, rows: (folder / "key.csv").write_text(key_text(rows)) and None,
        lambda folder: read_key(folder / "key.csv"),
        {},
    ),
]

EVERY = pytest.mark.parametrize("table", TABLES, ids=lambda table: "-".join([table.name, *table.columns[:2]]))


@EVERY
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, table: Table, data: st.DataObject) -> None:
    rows = data.draw(st.lists(table.row, min_size=1, max_size=5))
    folder = tmp_path_factory.mktemp("table")
    table.write(folder, rows)
    assert table.read(folder) == rows


@EVERY
@settings(max_examples=10)
@given(data=st.data())
def test_the_header_is_the_columns_which_are_fields_of_the_row(
    tmp_path_factory: pytest.TempPathFactory, table: Table, data: st.DataObject
) -> None:
    row = data.draw(table.row)
    folder = tmp_path_factory.mktemp("table")
    table.write(folder, [row])
    with (folder / table.name).open(newline="") as file:
        assert tuple(next(csv.reader(file))) == tuple(table.columns)
    if table.row is not VALIDATION:  # four probabilities in one field
        assert set(table.columns) <= {field.name for field in fields(row)}


@pytest.mark.parametrize("table", [table for table in TABLES if table.invalid], ids=lambda table: table.name)
@settings(max_examples=10)
@given(data=st.data())
def test_an_invalid_value_is_named_with_file_and_line(
    tmp_path_factory: pytest.TempPathFactory, table: Table, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("table")
    path = folder / table.name
    table.write(folder, [data.draw(table.row), data.draw(table.row)])
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, table.columns)
        writer.writeheader()
        writer.writerows([first, {}, second | table.invalid])  # an empty line counts
    (value,) = table.invalid.values()
    quoted = rf"""['"]{value}['"]"""
    with pytest.raises(FormatError, match=rf"{table.name}: line 4: .*{quoted}.*; make it again with tfspine \w+$"):
        table.read(folder)


@EVERY
def test_a_column_that_is_missing_is_named(tmp_path: Path, table: Table) -> None:
    (tmp_path / table.name).write_text("other\n1\n")
    with pytest.raises(FormatError, match=rf"{table.name}: no (column|image)"):
        table.read(tmp_path)


@pytest.mark.parametrize("table", TABLES[:-1], ids=lambda table: table.name)
def test_a_table_that_is_missing_names_the_command(tmp_path: Path, table: Table) -> None:
    with pytest.raises(FormatError, match=rf"{table.name}: not found; make it with tfspine \w+$"):
        table.read(tmp_path)


@given(st.lists(SERIES_ROW, min_size=1, max_size=5))
def test_a_series_map_repeats_the_decisions(tmp_path_factory: pytest.TempPathFactory, series: list[SeriesRow]) -> None:
    path = tmp_path_factory.mktemp("map") / "series_map.csv"
    named = [SeriesRow(**(vars(row) | {"series_instance_uid": "1.2", "part": row.part + 1})) for row in series]
    write_series_map(path, named)
    assert read_map_rows(path) == [MapRow("1.2", "", row.part, USE_OF_PLANE[row.chosen_as]) for row in named]


def test_a_row_of_findings_is_a_decision(tmp_path: Path) -> None:
    finding = JudgedMeasure("a", StudyMeasure.SNR, 4.0, 6.5, Verdict.EXCLUDE, "snr 4")
    write_findings(tmp_path, [finding])
    known = {("a", "snr")}
    assert read_decisions(tmp_path / "exclusions.csv", known) == {("a", "snr"): Verdict.EXCLUDE}
    with pytest.raises(FormatError, match=r'exclusions\.csv: line 2: study "a", measure "snr": not among'):
        read_decisions(tmp_path / "exclusions.csv", set())
