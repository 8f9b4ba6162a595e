"""The table of what a reader read, as people write it."""

from pathlib import Path

import pytest

from tfspine.errors import FormatError
from tfspine.formats.coverage_csv import read_coverage_table


def read(folder: Path, text: str) -> list[dict[str, str]]:
    path = folder / "read.csv"
    path.write_text(text)
    return [
        {str(name): str(word) for name, word in row.items()} for row in read_coverage_table(path).to_dict("records")
    ]


def test_pseudonyms_stay_text_and_other_columns_are_ignored(tmp_path: Path) -> None:
    assert read(tmp_path, "remark;Study;plane\nx;0123;axial\n") == [{"study": "0123", "plane": "axial"}]


def test_a_table_of_slices_will_do(tmp_path: Path) -> None:
    assert read(tmp_path, "key,study,plane\na-1,a,axial\n") == [{"study": "a", "plane": "axial", "slice": "a-1"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study,slice\na,1\n", "read.csv: slices without their plane"),
        ("study,plane\na,axial\n\nb,coronal\n", 'read.csv: line 4: plane "coronal"; expected one of axial, sagittal'),
        ("study,region\na,disc\n", 'read.csv: line 2: region "disc"; expected one of central_canal'),
        ("study,plane\n,axial\n", "read.csv: line 2: no study; expected its name"),
        ("name\na\n", "read.csv: no column study"),
    ],
)
def test_what_cannot_be_used_is_named_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        read(tmp_path, text)
