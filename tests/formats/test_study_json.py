"""Studies as `predict` writes them and `report` reads them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import FormatError
from tfspine.formats.study_json import read_study, read_study_files, write_study
from tfspine.labels import Grade, Level, Region, Side
from tfspine.structures import RegionResult, SliceLevel, StudyResult

NUMBER = st.floats(0, 512, allow_nan=False)
ROW = st.builds(
    RegionResult,
    st.sampled_from(Region),
    st.none() | st.sampled_from(Side),
    st.sampled_from(Level),
    st.none() | st.sampled_from(Grade),
    st.none() | st.floats(0, 1),
    st.none() | st.text("abc-0123", min_size=1),
    st.none() | st.tuples(NUMBER, NUMBER, NUMBER, NUMBER),
)
SLICE = st.builds(SliceLevel, st.text("abc-0123", min_size=1), st.none() | st.sampled_from(Level), st.booleans())
STUDY = st.builds(StudyResult, st.just("0123"), st.lists(ROW).map(tuple), st.text(), st.lists(SLICE).map(tuple))


@given(STUDY)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, study: StudyResult) -> None:
    folder = tmp_path_factory.mktemp("study")
    write_study(folder, study)
    assert read_study_files(folder) == [study]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", json.dumps({"study": "s", "rows": [{"region": "disc"}]})])
def test_what_is_no_study_is_refused_with_its_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(content)
    with pytest.raises(FormatError, match=r"s\.json: not .*; make it"):
        read_study(path)


def test_a_folder_without_studies_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no studies/\*\.json; expected the folder that tfspine predict wrote"):
        read_study_files(tmp_path)
