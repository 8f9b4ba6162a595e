"""The table of heatmaps as `explain` writes it and `report` reads it."""

from pathlib import Path

import pytest

from tfspine.errors import FormatError
from tfspine.formats.heatmaps_csv import HEATMAP_COLUMNS, HeatmapRow, read_heatmaps, write_heatmaps
from tfspine.labels import Grade, Level, Region, Side

ROW = dict.fromkeys(HEATMAP_COLUMNS, 1.0) | {
    "slice": "0123-axial-01", "region": "lateral_recess", "side": "left", "level": "L4-L5", "grade": "mild",
    "probability": 0.75, "file": "a.png", "completeness_gap": 0.01,
}  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    write_heatmaps(tmp_path, [ROW])
    expected = HeatmapRow(
        "0123-axial-01", Region.LATERAL_RECESS, Side.LEFT, Level("L4-L5"), Grade.MILD, 0.75, tmp_path / "a.png", 0.01
    )
    assert read_heatmaps(tmp_path) == [expected]


def test_a_wrong_value_is_named_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    write_heatmaps(tmp_path, [ROW, ROW | {"region": "disc"}])
    with pytest.raises(FormatError, match=r"heatmaps\.csv: line 3: 'disc' is not a valid Region; make it again with"):
        read_heatmaps(tmp_path)


def test_a_picture_that_is_lost_is_named(tmp_path: Path) -> None:
    write_heatmaps(tmp_path, [ROW])
    with pytest.raises(FormatError, match=r"a\.png: not found, though heatmaps\.csv lists it"):
        read_heatmaps(tmp_path)
