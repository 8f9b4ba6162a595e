"""`trials.csv` of a sweep: settings of every kind come back as they were, also those of a damaged trial."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import FormatError
from tfspine.formats.trials_csv import TrialRow, TrialStatus, read_trials, write_trials

SETTINGS = st.fixed_dictionaries(
    {
        "grader.learning_rate": st.floats(1e-12, 1.0),
        "grader.filters": st.lists(st.integers(1, 512), min_size=1, max_size=3),
        "grader.loss": st.sampled_from(["published", 'a "quoted", word']),
        "grader.batch_size": st.integers(1, 512),
    }
)
ROW = st.builds(
    TrialRow,
    st.integers(0, 10**6),
    st.sampled_from(TrialStatus),
    st.sampled_from(["val_ac1", "val_loss"]),
    st.none() | st.floats(-1e6, 1e6),
    st.integers(1, 100),
    st.text("ab, ;\"'", max_size=20).map(str.strip),
    SETTINGS,
)
DAMAGED = TrialRow(
    7, TrialStatus.FAILED, "val_ac1", None, None, "trial.json: cannot be read",
    dict.fromkeys(["grader.learning_rate", "grader.filters", "grader.loss", "grader.batch_size"]),
)  # fmt: skip


@given(st.lists(ROW, max_size=4))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[TrialRow]) -> None:
    folder = tmp_path_factory.mktemp("sweep")
    write_trials(folder, [*rows, DAMAGED])
    assert read_trials(folder) == [*rows, DAMAGED]


def test_the_table_shows_settings_as_experiment_files_have_them(tmp_path: Path) -> None:
    settings = {"grader.filters": [4, 8], "grader.loss": "published"}
    write_trials(tmp_path, [TrialRow(0, TrialStatus.COMPLETED, "val_ac1", 0.25, 3, "", settings)])
    assert (tmp_path / "trials.csv").read_text().splitlines() == [
        "trial,status,objective,score,epochs,message,grader.filters,grader.loss",
        '0,completed,val_ac1,0.25,3,,"[4, 8]","""published"""',
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0,ended,val_ac1,,3,,0.1", "'ended'"),
        ("0,failed,val_ac1,,3,,published", "grader.dropout 'published'; expected a value as in an experiment file"),
        ("0,failed,val_ac1,much,3,,0.1", "'much'"),
    ],
)
def test_an_invalid_value_is_named_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    header = "trial,status,objective,score,epochs,message,grader.dropout"
    (tmp_path / "trials.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(FormatError, match=rf"trials\.csv: line 2: .*{said}.*; make it again with tfspine tune$"):
        read_trials(tmp_path)
    with pytest.raises(FormatError, match=r"trials\.csv: not found; make it with tfspine tune$"):
        read_trials(tmp_path / "other")
