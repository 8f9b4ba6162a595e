"""LabelImg files, tables, checks and splits."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfspine.annotations.checks import check_labels
from tfspine.annotations.splits import assign_splits
from tfspine.config import SplitConfig
from tfspine.errors import AnnotationError, FormatError
from tfspine.formats.boxes_csv import read_boxes, readings_table, write_boxes
from tfspine.formats.labelimg_xml import read_voc, write_voc
from tfspine.formats.problems_csv import Severity
from tfspine.formats.slices_csv import SliceRow
from tfspine.formats.splits_csv import read_splits
from tfspine.geometry import SliceGeometry
from tfspine.labels import Grade, Level, Plane, Region, Side
from tfspine.structures import AnnotatedSlice, Annotation, Detection, SliceReading

SIZE = (100, 120)
AXIAL = SliceGeometry((-60.0, -50.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0), SIZE)
SAGITTAL = SliceGeometry((-20.0, -60.0, 50.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 1.0), SIZE)

names = st.sampled_from(
    [(Region.CENTRAL_CANAL, None)]
    + [(region, side) for region in (Region.LATERAL_RECESS, Region.NEURAL_FORAMEN) for side in Side]
)


@st.composite
def annotations(draw: st.DrawFn) -> Annotation:
    ymin, xmin = draw(st.integers(0, 98)), draw(st.integers(0, 118))
    ymax, xmax = draw(st.integers(ymin + 1, 100)), draw(st.integers(xmin + 1, 120))
    region, side = draw(names)
    grade, level = draw(st.sampled_from([None, *Grade])), draw(st.sampled_from([None, *Level]))
    return Annotation((float(ymin), float(xmin), float(ymax), float(xmax)), region, side, grade, level)


@settings(max_examples=60, deadline=None)
@given(st.lists(annotations(), max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, items: list[Annotation]) -> None:
    path = tmp_path_factory.mktemp("voc") / "key.xml"
    written = AnnotatedSlice("key", SIZE, tuple(items))
    write_voc(path, written)
    assert read_voc(path) == written


def test_corners_are_labelimgs(tmp_path: Path) -> None:
    """Rows 1 to 10 and columns 3 to 12, counted from 1 and both included, are (0, 2, 10, 12) inside."""
    item = Annotation((0.0, 2.0, 10.0, 12.0), Region.LATERAL_RECESS, Side.LEFT, Grade.MODERATE)
    write_voc(tmp_path / "k.xml", AnnotatedSlice("k", SIZE, (item,)))
    text = (tmp_path / "k.xml").read_text()
    for element in ("<xmin>3<", "<ymin>1<", "<xmax>12<", "<ymax>10<", "<name>left_lateral_recess:moderate<"):
        assert element in text
    assert "<truncated>1<" in text  # it touches the upper border


def voc(tmp_path: Path, name: str = "central_canal:mild", xmax: int = 50) -> Path:
    path = tmp_path / "scan_07.xml"
    path.write_text(
        "<annotation><filename>scan_07.png</filename><size><width>120</width><height>100</height><depth>1</depth></size>"
        f"<object><name>{name}</name><bndbox><xmin>10</xmin><ymin>10</ymin><xmax>{xmax}</xmax><ymax>40</ymax></bndbox>"
        "</object></annotation>"
    )
    return path


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda path: voc(path, xmax=121), ["scan_07.xml", "object 1", "121", "120"]),
        (lambda path: voc(path, xmax=5), ["scan_07.xml", "object 1"]),
        (lambda path: voc(path, name="L4-5"), ["object 1", '"L4-5"', "expected one of central_canal"]),
        (lambda path: voc(path, name="central_canal:bad"), ['"bad"', "normal, mild, moderate, severe"]),
    ],
)
def test_a_wrong_object_is_one_line_with_file_value_and_remedy(
    tmp_path: Path, broken: Callable[[Path], Path], said: list[str]
) -> None:
    with pytest.raises(FormatError) as error:
        read_voc(broken(tmp_path))
    assert "\n" not in str(error.value)
    for words in said:
        assert words in str(error.value)


def test_xml_that_expands_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xml"
    path.write_text('<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>')
    with pytest.raises(FormatError, match=r"bomb\.xml"):
        read_voc(path)


def check(tmp_path: Path, plane: Plane, *items: Annotation, size: tuple[int, int] = SIZE) -> list[tuple[str, str]]:
    write_voc(tmp_path / "k.xml", AnnotatedSlice("k", size, items))
    facts = SliceRow("k", "s", plane, AXIAL if plane is Plane.AXIAL else SAGITTAL)
    middle = SliceRow("k", "s", Plane.SAGITTAL, SliceGeometry((20.0, -60.0, 50.0), *_rest(SAGITTAL)))
    found = check_labels(tmp_path, {"k": facts, "other": middle})
    assert found[0].problem.startswith("no label file")
    return [(problem.severity, problem.problem) for problem in found[1:]]


def _rest(geometry: SliceGeometry):  # type: ignore[no-untyped-def]
    return geometry.row_direction, geometry.column_direction, geometry.spacing_mm, geometry.size_px


def recess(side: Side, column: float) -> Annotation:
    return Annotation((40.0, column, 50.0, column + 10), Region.LATERAL_RECESS, side, Grade.NORMAL)


CANAL = Annotation((40.0, 50.0, 60.0, 70.0), Region.CENTRAL_CANAL, None, Grade.NORMAL)


def test_swapped_recesses_are_an_error(tmp_path: Path) -> None:
    """Columns grow to the patient's left here, so the right recess belongs at the smaller column."""
    assert check(tmp_path, Plane.AXIAL, recess(Side.RIGHT, 30), recess(Side.LEFT, 80)) == []
    [(severity, problem)] = check(tmp_path, Plane.AXIAL, recess(Side.RIGHT, 80), recess(Side.LEFT, 30))
    assert severity is Severity.ERROR
    assert "swapped" in problem


def test_a_foramen_on_the_wrong_side_is_an_error(tmp_path: Path) -> None:
    """The slice lies at x = -20 mm of a stack from -20 to 20: the patient's right."""
    foramen = Annotation((10.0, 10.0, 30.0, 20.0), Region.NEURAL_FORAMEN, Side.RIGHT, Grade.MILD)
    assert check(tmp_path, Plane.SAGITTAL, foramen) == []
    wrong = Annotation(foramen.box, foramen.region, Side.LEFT, Grade.MILD)
    [(severity, problem)] = check(tmp_path, Plane.SAGITTAL, wrong)
    assert (severity, "patient's right" in problem) == (Severity.ERROR, True)


def test_other_contradictions(tmp_path: Path) -> None:
    assert "2 times central_canal" in check(tmp_path, Plane.AXIAL, CANAL, CANAL)[0][1]
    assert "belongs on axial" in check(tmp_path, Plane.SAGITTAL, CANAL)[0][1]
    assert "[90, 120]" in check(tmp_path, Plane.AXIAL, CANAL, size=(90, 120))[0][1]
    ungraded = Annotation(CANAL.box, Region.CENTRAL_CANAL, None)
    assert check(tmp_path, Plane.AXIAL, ungraded)[0][0] is Severity.WARNING
    (tmp_path / "stray.xml").write_text("<annotation/>")
    found = check_labels(tmp_path, {"k": SliceRow("k", "s", Plane.AXIAL, AXIAL)})
    assert found[0].slice == "stray"


def test_whether_a_level_is_sure_survives_the_table_and_old_tables_do_not_say(tmp_path: Path) -> None:
    def found(level: Level | None, *, is_certain: bool) -> Detection:
        box = (10.0, 10.0, 30.0, 20.0)
        return Detection(box, Region.NEURAL_FORAMEN, Side.LEFT, 0.9, (1, 0, 0, 0), level, is_certain)

    boxes = (found(Level.L5_S1, is_certain=True), found(Level.L4_L5, is_certain=False), found(None, is_certain=False))
    write_boxes(tmp_path / "new.csv", readings_table([SliceReading("k", "s", Plane.SAGITTAL, SAGITTAL, boxes)]))
    assert list(read_boxes(tmp_path / "new.csv")["level_certain"]) == ["yes", "no", ""]
    lines = (tmp_path / "new.csv").read_text().splitlines()
    (tmp_path / "old.csv").write_text("\n".join(line.rsplit(",", 2)[0] for line in lines) + "\n")
    assert list(read_boxes(tmp_path / "old.csv")["level_certain"]) == ["", "", ""]
    (tmp_path / "odd.csv").write_text("\n".join([*lines[:2], lines[2].rsplit(",", 2)[0] + ",maybe,"]) + "\n")
    with pytest.raises(FormatError, match=r'odd\.csv: line 3: level_certain "maybe"; expected one of yes, no'):
        read_boxes(tmp_path / "odd.csv")


@given(st.sets(st.text("0123456789abcdef", min_size=6, max_size=6), min_size=60, max_size=80), st.integers(0, 99))
def test_more_patients_move_nobody(patients: set[str], seed: int) -> None:
    config = SplitConfig(validation=0.3, test=0.3)
    some = set(sorted(patients)[:50])
    before = assign_splits(some, config=config, seed=seed)
    after = assign_splits(patients, config=config, seed=seed)
    assert {patient: after[patient] for patient in some} == before


def test_shares_are_met_and_impossible_ones_refused() -> None:
    patients = [f"p{number}" for number in range(5000)]
    splits = list(assign_splits(patients, config=SplitConfig(), seed=1).values())
    assert splits.count("validation") / 5000 == pytest.approx(0.09, abs=0.015)
    assert splits.count("test") / 5000 == pytest.approx(0.11, abs=0.015)
    with pytest.raises(AnnotationError, match=r"validation = 0\.6"):
        assign_splits(patients, config=SplitConfig(validation=0.6, test=0.4), seed=1)
    with pytest.raises(AnnotationError, match="none of 1 patients"):
        assign_splits(["p"], config=SplitConfig(), seed=1)


def test_a_split_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_text("patient,study,split\np,s,train\nq,t,trian\n")
    with pytest.raises(FormatError, match='line 3: split "trian"; expected one of train, validation, test'):
        read_splits(path)


def test_a_table_of_boxes_is_checked_line_by_line(tmp_path: Path) -> None:
    found = Detection((1.0, 2.0, 11.0, 12.5), Region.LATERAL_RECESS, Side.LEFT, 0.75, (0.1, 0.2, 0.3, 0.4), Level.L4_L5)
    path = tmp_path / "boxes.csv"
    write_boxes(path, readings_table([SliceReading("1e5", "12345", Plane.AXIAL, AXIAL, (found, found))]))
    table = read_boxes(path)
    assert table.loc[0, ["study", "slice", "side", "level", "grade"]].tolist() == [
        "12345",
        "1e5",
        "left",
        "L4-L5",
        "severe",
    ]
    assert table.loc[1, ["ymin", "xmax", "score", "p_severe"]].tolist() == [1.0, 12.5, 0.75, 0.4]
    path.write_text(path.read_text().replace(",severe,", ",sever,"))
    with pytest.raises(FormatError, match=r'line 2: grade "sever"; expected one of normal'):
        read_boxes(path)
