"""`slices.csv`: what is written is read, names stay text, and an error names file and line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import FormatError
from tfspine.formats.slices_csv import (
    SLICE_COLUMNS,
    SliceRow,
    geometry_to_row,
    read_slice_rows,
    read_slices,
    write_slices_csv,
)
from tfspine.geometry import SliceGeometry
from tfspine.labels import Plane

NUMBER = st.floats(-1e4, 1e4, allow_nan=False)
VECTOR = st.tuples(NUMBER, NUMBER, NUMBER)
SIZE = st.tuples(st.integers(1, 4096), st.integers(1, 4096))
GEOMETRY = st.builds(SliceGeometry, VECTOR, VECTOR, VECTOR, st.tuples(NUMBER, NUMBER), SIZE)
NAME = st.text("0123456789abcde", min_size=1, max_size=12)
ROW = st.builds(SliceRow, NAME, NAME, st.sampled_from(Plane), GEOMETRY, NAME, st.just(""))
PLACE = SliceGeometry((1.5, -2.25, 3.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.5, 0.75), (10, 20))


def _row(slice_: SliceRow) -> dict[str, object]:
    names = ("key", "study", "sop_instance_uid", "frame_of_reference_uid")
    said = {name: getattr(slice_, name) for name in names}
    return {"patient": "p", "plane": slice_.plane.value, **said, **geometry_to_row(slice_.geometry)}


@given(st.lists(ROW, min_size=1, unique_by=lambda row: row.key))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, slices: list[SliceRow]) -> None:
    folder = tmp_path_factory.mktemp("slices")
    write_slices_csv(folder, map(_row, slices))
    assert list(read_slice_rows(folder).values()) == slices


def test_a_pseudonym_that_looks_like_a_number_stays_text(tmp_path: Path) -> None:
    slice_ = SliceRow("0012345678-axial-01", "12e4567890", Plane.AXIAL, PLACE, "1.2")
    write_slices_csv(tmp_path, [_row(slice_)])
    assert read_slice_rows(tmp_path) == {slice_.key: slice_}
    assert read_slices(tmp_path)["study"].tolist() == ["12e4567890"]


CORONAL = ",".join(["a", "b", "p", "coronal", *["1"] * (len(SLICE_COLUMNS) - 4)])


@pytest.mark.parametrize("text", ["key,study\na,b\n", f"{','.join(SLICE_COLUMNS)}\n{CORONAL}\n"])
def test_what_is_no_table_of_slices_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "slices.csv").write_text(text)
    with pytest.raises(FormatError, match=r"slices\.csv: (line 2: )?not a table of slices"):
        read_slice_rows(tmp_path)


def test_a_missing_table_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="name the folder that ingest wrote"):
        read_slice_rows(tmp_path)


def test_a_slice_that_is_there_twice_is_named_with_its_line(tmp_path: Path) -> None:
    write_slices_csv(tmp_path, [_row(SliceRow("a", "s", Plane.AXIAL, PLACE))] * 2)
    with pytest.raises(FormatError, match="line 3: key a is repeated, first on line 2"):
        read_slices(tmp_path)


@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), (",", "cp1252")])
def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path, separator: str, encoding: str) -> None:
    slice_ = SliceRow("a", "s", Plane.AXIAL, PLACE)
    write_slices_csv(tmp_path, [_row(slice_) | {"manufacturer": "Müller"}])
    path = tmp_path / "slices.csv"
    path.write_bytes(path.read_text().replace(",", separator).replace("\n", "\r\n").encode(encoding))
    assert read_slice_rows(tmp_path) == {"a": slice_}
    assert read_slices(tmp_path)["manufacturer"].tolist() == ["Müller"]
