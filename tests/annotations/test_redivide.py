"""Dividing the development patients again: the test set stays, patients stay whole, all divisions differ."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.annotations.splits import redivide
from tfspine.config import SplitConfig
from tfspine.errors import AnnotationError
from tfspine.formats.splits_csv import read_split_table, read_splits, write_split_table

CONFIG = SplitConfig(validation=0.2, test=0.2)


def _table(patients: int, *, tested: int = 4) -> pd.DataFrame:
    """Two studies a patient; the first `tested` patients are the test set, and one study is excluded."""
    rows = [
        (f"p{number:03d}", f"s{number:03d}{study}", "test" if number < tested else "train")
        for number in range(patients)
        for study in "ab"
    ]
    return pd.DataFrame([*rows, ("p999", "s999a", "excluded")], columns=["patient", "study", "split"])


def _validating(table: pd.DataFrame) -> set[str]:
    return set(table.loc[table["split"] == "validation", "patient"])


def test_the_test_set_and_the_excluded_stay_and_the_share_is_exact() -> None:
    table = _table(44)
    divisions = [redivide(table, number=number, config=CONFIG, seed=1) for number in (1, 2, 3)]
    for division in divisions:
        fixed = table["split"].isin(["test", "excluded"])
        assert (division["split"][fixed] == table["split"][fixed]).all()
        # 0.2 / (1 - 0.2) of 40 development patients.
        assert len(_validating(division)) == 10
        assert division.groupby("patient")["split"].nunique().max() == 1
    assert len({frozenset(_validating(division)) for division in divisions}) == 3


@given(patients=st.integers(6, 60), seed=st.integers(0, 10_000), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(patients: int, seed: int, shuffle: object) -> None:
    table = _table(patients)
    order = list(table.index)
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    straight = redivide(table, number=2, config=CONFIG, seed=seed)
    shuffled = redivide(table.loc[order], number=2, config=CONFIG, seed=seed)
    assert _validating(straight) == _validating(shuffled)
    assert 1 <= len(_validating(straight)) < patients - 4


def test_divisions_are_drawn_evenly() -> None:
    """Over many divisions every patient validates about its share of the time."""
    table = _table(24)
    counts = pd.Series(0, index=sorted(set(table["patient"])))
    for number in range(1, 401):
        counts[list(_validating(redivide(table, number=number, config=CONFIG, seed=5)))] += 1
    shares = counts[4:24] / 400
    # Binomial with p = 5 / 20: five standard deviations are 0.11.
    assert shares.between(0.14, 0.36).all()


def test_it_reads_back(tmp_path) -> None:
    division = redivide(_table(10), number=1, config=CONFIG, seed=1)
    write_split_table(tmp_path / "splits1.csv", division)
    assert read_splits(tmp_path / "splits1.csv") == dict(zip(division["study"], division["split"], strict=True))
    assert list(read_split_table(tmp_path / "splits1.csv")["patient"]) == list(division["patient"])


def test_one_patient_cannot_be_divided() -> None:
    with pytest.raises(AnnotationError, match="1 patients to train and validate on; expected at least 2"):
        redivide(_table(5), number=1, config=CONFIG, seed=1)
