"""Tables of boxes: what is written is read, and a table of a person's spreadsheet too."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import FormatError
from tfspine.formats.boxes_csv import BOX_COLUMNS, annotated_rows, box_table, read_boxes, write_boxes
from tfspine.labels import Grade, Level, Plane, Region, Side
from tfspine.structures import AnnotatedSlice, Annotation

LOW, SIZE = st.floats(0, 400), st.floats(0.5, 100)
BOX = st.tuples(LOW, LOW, SIZE, SIZE).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
LEVEL = st.none() | st.sampled_from(Level)
GRADE = st.none() | st.sampled_from(Grade)
CANAL = st.builds(Annotation, BOX, st.just(Region.CENTRAL_CANAL), st.none(), GRADE, LEVEL)
RECESS = st.builds(Annotation, BOX, st.just(Region.LATERAL_RECESS), st.sampled_from(Side), GRADE, LEVEL)
DRAWN = (Annotation((1.5, 2.0, 11.25, 22.0), Region.LATERAL_RECESS, Side.LEFT, Grade.MILD, Level.L4_L5),)


def _table(annotations: tuple[Annotation, ...]) -> pd.DataFrame:
    return box_table(annotated_rows(AnnotatedSlice("k", (512, 512), annotations), study="0123", plane=Plane.AXIAL))


@given(st.lists(CANAL | RECESS).map(tuple))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Annotation, ...]) -> None:
    path = tmp_path_factory.mktemp("boxes") / "boxes.csv"
    write_boxes(path, _table(drawn))
    pd.testing.assert_frame_equal(read_boxes(path), _table(drawn), check_index_type=False)


@pytest.mark.parametrize(("encoding", "decimal"), [("utf-8-sig", ","), ("cp1252", ","), ("utf-16", ".")])
def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path, encoding: str, decimal: str) -> None:
    path = tmp_path / "boxes.csv"
    write_boxes(path, _table(DRAWN).assign(study="Müller"))
    text = path.read_text().replace(",", ";").replace(".", decimal)
    path.write_bytes(text.encode(encoding))
    pd.testing.assert_frame_equal(read_boxes(path), _table(DRAWN).assign(study="Müller"))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("ymax", 1.0, "more than ymin"), ("region", "disc", "expected one of"), ("side", "", "left or right")],
)
def test_a_value_that_no_box_can_have_is_named_with_file_and_line(
    tmp_path: Path, column: str, value: object, said: str
) -> None:
    path = tmp_path / "boxes.csv"
    table = pd.concat([_table(DRAWN), _table(DRAWN).astype(object).assign(**{column: value})])
    write_boxes(path, table)
    with pytest.raises(FormatError, match=rf'boxes\.csv: line 3: {column} "{value}"; .*{said}'):
        read_boxes(path)


def test_the_columns_are_those_of_every_table_of_boxes() -> None:
    assert tuple(_table(())) == BOX_COLUMNS
