"""The best checkpoint, by hand, and the table back from its file."""

from pathlib import Path

import pytest

from tfspine.errors import FormatError
from tfspine.formats.validated_csv import ValidatedRow, best_step, read_validated, write_validated
from tfspine.labels import Region

CANAL, RECESS = Region.CENTRAL_CANAL, Region.LATERAL_RECESS


def row(step: int, region: Region, recall: float, precision: float = 0.5) -> ValidatedRow:
    return ValidatedRow(step, region, images=10, boxes=8, recall=recall, average_precision=precision)


def test_the_best_has_the_highest_mean_recall_then_precision_then_step() -> None:
    lower_mean = [row(100, CANAL, 1.0), row(100, RECESS, 0.5)]
    higher_mean = [row(200, CANAL, 0.8), row(200, RECESS, 0.8)]
    assert best_step([*higher_mean, *lower_mean]) == 200
    same_recall = [row(300, CANAL, 0.8, 0.6), row(300, RECESS, 0.8, 0.6)]
    assert best_step([*same_recall, *higher_mean]) == 300
    all_equal = [row(400, CANAL, 0.8, 0.6), row(400, RECESS, 0.8, 0.6)]
    assert best_step([*all_equal, *same_recall]) == 400


def test_the_table_comes_back(tmp_path: Path) -> None:
    rows = [row(100, CANAL, 1 / 3), row(100, RECESS, 0.5, 2 / 7)]
    assert read_validated(tmp_path) == []
    write_validated(tmp_path, rows)
    assert read_validated(tmp_path) == rows


def test_an_invalid_value_is_one_line(tmp_path: Path) -> None:
    write_validated(tmp_path, [row(100, CANAL, 1.0)])
    path = tmp_path / "validated.csv"
    path.write_text(path.read_text().replace("100", "many"))
    with pytest.raises(FormatError, match=r"validated\.csv.*2.*many"):
        read_validated(tmp_path)
