"""How what a statistic is given is read: whole numbers, and regions that belong together."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import EvaluationError
from tfspine.evaluation.statistics.arguments import groups, number_array, truth_values, whole_number


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3)])
def test_whole_numbers_come_out_as_int(value) -> None:
    assert (whole_number(value, what="boxes"), type(whole_number(value, what="boxes"))) == (3, int)


@pytest.mark.parametrize("value", [2, -1, 3.5, math.nan, math.inf, "3", None, [3, 4]])
def test_other_numbers_are_refused(value) -> None:
    with pytest.raises(EvaluationError, match="boxes; expected a whole number from 3"):
        whole_number(value, what="boxes", least=3)


@given(st.lists(st.integers(-20, 20), min_size=1))
def test_groups_are_numpys_unique_positions(names: list[int]) -> None:
    expected = np.unique(names, return_inverse=True)[1]
    assert groups(names, what="patient").tolist() == expected.tolist()
    assert groups(pd.Series([f"{name + 20:02d}" for name in names]), what="patient").tolist() == expected.tolist()


def test_a_number_and_its_word_are_two_patients() -> None:
    assert len(set(groups([1, "1", 1], what="patient").tolist())) == 2


@pytest.mark.parametrize("missing", [None, math.nan, pd.NA, pd.NaT])
def test_a_missing_name_is_no_patient(missing: object) -> None:
    with pytest.raises(EvaluationError, match="a region without its patient"):
        groups(["a", missing, "b"], what="patient")


@pytest.mark.parametrize("values", [[1, 2, None], pd.Series([1, 2, None]), pd.Series([1, 2, None], dtype="Int64")])
def test_what_is_missing_in_a_list_or_a_column_is_nan(values) -> None:
    np.testing.assert_array_equal(number_array(values, what="ratings"), [1, 2, math.nan])


@pytest.mark.parametrize("values", [["mild"], [[1], [1, 2]], [1, pd.NA]])
def test_words_and_ragged_rows_are_refused(values) -> None:
    with pytest.raises(EvaluationError, match="grades that are not numbers, or of unequal number"):
        number_array(values, what="grades")


@pytest.mark.parametrize("values", [[0, 2], [0.5], [True, None], ["yes"]])
def test_neither_true_nor_false_is_refused(values) -> None:
    with pytest.raises(EvaluationError, match="calls"):
        truth_values(values, what="calls")
