"""What a reader read, and that only this counts: by hand on a few boxes."""

import math

import pandas as pd
import pytest

from tfspine.evaluation.boxes.coverage import coverage_from_boxes, full_coverage
from tfspine.evaluation.boxes.paired_p import paired_p_values
from tfspine.evaluation.boxes.pairs import paired, restrict
from tfspine.evaluation.boxes.reader_metrics import compare
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.tables.comparisons import comparison_table
from tfspine.evaluation.tables.detection import detection_table
from tfspine.evaluation.tables.paper import accuracy_table, recall_table
from tfspine.evaluation.tables.table import as_text
from tfspine.labels import Region

CANAL, FORAMEN = Region.CENTRAL_CANAL, Region.NEURAL_FORAMEN
SAGITTAL = {"plane": "sagittal", "region": "neural_foramen", "side": "left"}


@pytest.fixture
def twenty(box_table) -> pd.DataFrame:
    """Twenty studies of one canal and one left foramen each, their slices called 1 in all of them."""
    rows = [{"study": f"s{n:02d}", "slice": "1", "grade": "severe" if n % 2 else "normal"} for n in range(20)]
    return box_table(*rows, *({**row, **SAGITTAL} for row in rows))


def set_of(reference: pd.DataFrame, **readers: pd.DataFrame) -> ReadingSet:
    coverage = {name: coverage_from_boxes(boxes) for name, boxes in readers.items()}
    return ReadingSet("internal", reference, reference, readers, {}, 0.3, 0.95, coverage)


def test_boxes_match_within_the_study(box_table) -> None:
    # The reader's box of A lies on that of B, and the grades of the two differ.
    reference = box_table(
        {"study": "A", "slice": "1", "grade": "normal", "ymin": 1.0, "ymax": 11.0},
        {"study": "B", "slice": "1", "grade": "severe"},
    )
    reader = box_table(
        {"study": "A", "slice": "1", "grade": "normal"},
        {"study": "B", "slice": "1", "grade": "severe", "ymin": 1.0, "ymax": 11.0},
    )
    canal = compare(reference, reader, iou=0.3, confidence=0.95).regions[CANAL]
    assert canal.confusion == ((1, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 1))
    assert canal.images == 2


def test_a_slice_of_one_name_in_both_planes_is_two_images(box_table) -> None:
    reference = box_table({"slice": "1", "grade": "mild"}, {"slice": "1", "grade": "mild", **SAGITTAL})
    metrics = compare(reference, reference, iou=0.3, confidence=0.95)
    assert [region.images for region in metrics.regions.values()] == [1, 1]
    assert metrics.slices == 2


def test_studies_that_were_not_read_are_not_missed(twenty) -> None:
    human = twenty[twenty["study"] < "s10"]
    metrics = set_of(twenty, human=human).metrics["human"]
    assert (metrics.studies_read, metrics.studies) == (10, 20)
    canal = metrics.regions[CANAL]
    assert (canal.detection[0].recall.value, canal.detection[0].recall.n, canal.images) == (1.0, 10, 10)
    assert canal.accuracy.end_to_end_sensitivity.n == 5


def test_a_plane_that_was_not_read_in_a_study_is_not_missed(twenty) -> None:
    human = twenty[(twenty["plane"] == "axial") | (twenty["study"] < "s05")]
    regions = set_of(twenty, human=human).metrics["human"].regions
    assert [regions[region].detection[0].recall.n for region in (CANAL, FORAMEN)] == [20, 5]


def test_a_region_that_was_never_read_is_undefined(twenty) -> None:
    set_ = set_of(twenty, human=twenty[twenty["region"] == "central_canal"])
    foramen = set_.metrics["human"].regions[FORAMEN]
    assert not foramen.detection[0].recall.is_defined
    assert not foramen.accuracy.end_to_end_sensitivity.is_defined
    assert math.isnan(foramen.agreement_four.coefficient.value)
    assert set_.pairs["human"].regions == (CANAL, FORAMEN)


def test_a_study_that_was_read_counts_with_all_its_slices(box_table) -> None:
    reference = box_table({"slice": "1", "grade": "mild"}, {"slice": "2", "grade": "mild"})
    recall = set_of(reference, human=reference.iloc[:1]).metrics["human"].regions[CANAL].detection[0].recall
    assert (recall.value, recall.n) == (0.5, 2)


def test_a_comparison_is_of_what_both_read(twenty) -> None:
    # On the ten studies that both read, both are right throughout: nothing differs.
    set_ = set_of(twenty, model=twenty, human=twenty[twenty["study"] >= "s10"])
    rows = [row for row in comparison_table(set_, model="model", margin=0.05).rows if row["measure"] == "sensitivity"]
    assert [row["n"] for row in rows] == [5, 5]
    assert [row["difference"].value for row in rows] == [0.0, 0.0]


def test_rows_of_two_readers_are_of_one_box_where_their_index_is_the_same(twenty) -> None:
    set_ = set_of(twenty, model=twenty, human=twenty[twenty["study"] >= "s10"])
    model, human = (set_.pairs[name].boxes for name in ("model", "human"))
    pd.testing.assert_frame_equal(model.loc[human.index], human)


def test_boxes_outside_what_was_read_are_no_false_ones(twenty, box_table) -> None:
    read = full_coverage(twenty[twenty["study"] < "s10"])
    reader = box_table({"study": "s15", "slice": "1", "xmin": 40.0, "xmax": 50.0})
    found = paired(restrict(twenty, reader, read=read), iou=0.3)
    assert found.extra.empty
    assert found.images[CANAL] == 10


def test_average_precision_leaves_out_what_was_not_read(twenty) -> None:
    model = twenty[twenty["study"] < "s10"].assign(score=0.9)
    rows = detection_table(set_of(twenty, model=model), replicates=2, seed=1).rows
    assert {(row["boxes"], row["average_precision"].value) for row in rows} == {(10, 1.0)}


def test_what_two_readers_have_in_common(twenty) -> None:
    first, second = (coverage_from_boxes(twenty[part]) for part in (twenty["study"] < "s12", twenty["study"] >= "s08"))
    assert first.with_other(second).of(CANAL) == {"s08", "s09", "s10", "s11"}


def test_p_by_box_is_of_what_both_read(box_table) -> None:
    # The model finds 4 of the 4 severe boxes that the human did not read, and 1 of the 4 that both read; so the human.
    reference = box_table(*({"study": f"s{n}", "slice": "1", "grade": "severe"} for n in range(8)))
    model = reference.assign(grade=["severe"] * 5 + ["mild"] * 3)
    human = reference.iloc[4:].assign(grade=["mild", "severe", "mild", "mild"])
    set_ = set_of(reference, model=model, human=human)
    p_values = paired_p_values(set_, model="model", averages={})
    table = accuracy_table({"internal": set_.metrics}, model="model", p_values=p_values)
    assert table.rows[1]["p_sensitivity_by_box"] == pytest.approx(1.0)


def test_counts_of_a_region_that_was_never_read_are_dashes(twenty) -> None:
    set_ = set_of(twenty, human=twenty[twenty["region"] == "central_canal"])
    table = as_text(recall_table({"internal": set_.metrics}, iou=0.3)).set_index("Region")
    assert table.loc["Neural foramina", ["Boxes", "Found"]].tolist() == ["0", "–"]
    assert table.loc["Central canal", ["Boxes", "Found"]].tolist() == ["20", "20"]
