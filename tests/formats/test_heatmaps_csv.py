"""The table of heatmaps as `explain` writes it and `report` reads it."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import FormatError
from tfspine.formats.heatmaps_csv import HEATMAP_COLUMNS, HeatmapRow, read_heatmaps, write_heatmaps
from tfspine.labels import Grade, Level, Region, Side

ROW = HeatmapRow(
    "0123-axial-01", Region.LATERAL_RECESS, Side.LEFT, Level("L4-L5"), (1.0, 2.0, 3.0, 4.0), Grade.MILD, 0.75,
    Path("a.png"), 0.01,
)  # fmt: skip
NUMBER = st.floats(0, 512)
ANY_ROW = st.builds(
    HeatmapRow,
    st.text("abc-0123", min_size=1), st.sampled_from(Region), st.none() | st.sampled_from(Side),
    st.none() | st.sampled_from(Level), st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), st.sampled_from(Grade),
    st.floats(0, 1), st.just(Path("a.png")), st.floats(0) | st.just(float("inf")),
)  # fmt: skip


@given(st.lists(ANY_ROW, min_size=1))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[HeatmapRow]) -> None:
    folder = tmp_path_factory.mktemp("explained")
    (folder / "a.png").touch()
    write_heatmaps(folder, rows)
    assert read_heatmaps(folder) == [replace(row, file=folder / "a.png") for row in rows]
    assert (folder / "heatmaps.csv").read_text().splitlines()[0] == ",".join(HEATMAP_COLUMNS)


def test_a_wrong_value_is_named_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    write_heatmaps(tmp_path, [ROW, replace(ROW, slice_key="b")])
    path = tmp_path / "heatmaps.csv"
    path.write_text(path.read_text().replace("b,lateral_recess", "b,disc"))
    with pytest.raises(FormatError, match=r"heatmaps\.csv: line 3: 'disc' is not a valid Region; make it again with"):
        read_heatmaps(tmp_path)


def test_a_picture_that_is_lost_is_named(tmp_path: Path) -> None:
    write_heatmaps(tmp_path, [ROW])
    with pytest.raises(FormatError, match=r"a\.png: not found, though heatmaps\.csv lists it"):
        read_heatmaps(tmp_path)
