"""`splits.csv`: what is written is read, in whatever way a spreadsheet saved it."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import FormatError
from tfspine.formats.splits_csv import EXCLUDED, read_split_table, read_splits, split_hash, write_split_table

NAME = st.text("0123456789e", min_size=1, max_size=10)
SPLIT = st.sampled_from(["train", "validation", "test", EXCLUDED])


@given(st.dictionaries(NAME, SPLIT, min_size=1))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, splits: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("splits") / "splits.csv"
    table = pd.DataFrame(
        [(study, study, split) for study, split in splits.items()], columns=["patient", "study", "split"]
    )
    write_split_table(path, table.astype("str"))
    pd.testing.assert_frame_equal(read_split_table(path), table.astype("str"))
    assert read_splits(path) == splits
    assert split_hash(dict(reversed(splits.items()))) == split_hash(splits)


@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8-sig"), (";", "cp1252"), ("\t", "utf-16")])
def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path, separator: str, encoding: str) -> None:
    path = tmp_path / "splits.csv"
    path.write_bytes("Patient,Study,Split\r\nMüller,0123,train\r\n".replace(",", separator).encode(encoding))
    assert read_split_table(path).to_dict("records") == [{"patient": "Müller", "study": "0123", "split": "train"}]


@pytest.mark.parametrize(
    ("line", "said"),
    [("p,b,trian", 'split "trian"; expected'), ("p,a,train", "study a is listed twice"), ("p,b,test", "one split")],
)
def test_a_wrong_line_is_named_with_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "splits.csv"
    path.write_text(f"patient,study,split\np,a,train\n{line}\n")
    with pytest.raises(FormatError, match=rf"splits\.csv: line 3: .*{said}"):
        read_splits(path)
