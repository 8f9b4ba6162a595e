"""False boxes per image are given with every recall: counted by hand."""

import pandas as pd
import pytest

from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.tables.bootstrap import FALSE_BOXES, bootstrap_table
from tfspine.evaluation.tables.paper import recall_table
from tfspine.evaluation.tables.subgroups import subgroup_table

FAR = {"xmin": 40.0, "xmax": 50.0}


@pytest.fixture
def read_set(box_table) -> ReadingSet:
    """Studies a, b and c of two slices each. The model finds every canal, and three more: two in a, one in b."""
    rows = [
        {"study": study, "slice": f"{study}{number}", "grade": "mild", "level": level}
        for study in ("a", "b", "c")
        for number, level in ((1, "L4-L5"), (2, "L5-S1"))
    ]
    false = [rows[0] | FAR, rows[1] | FAR, rows[2] | FAR | {"grade": "severe"}]
    reference = box_table(*rows)
    covered = reference[["study", "slice", "plane"]].drop_duplicates()
    return ReadingSet("internal", reference, covered, {"m": box_table(*rows, *false)}, {}, 0.3, 0.95)


def test_beside_recall_at_every_overlap(read_set: ReadingSet) -> None:
    [row] = recall_table({"internal": read_set.metrics}, iou=0.3).rows
    for threshold in ("0.2", "0.3", "0.4"):
        assert (row[f"recall_{threshold}"].value, row[f"false_boxes_{threshold}"].value) == (1.0, 3 / 6)


def test_in_subgroups_of_studies_by_their_images_and_of_levels_by_all(read_set: ReadingSet) -> None:
    studies = pd.DataFrame({"study": ["a", "b", "c"], "vendor": ["one", "two", "two"]})
    rows = {row["subgroup"]: row["false_boxes"] for row in subgroup_table(read_set, studies=studies).rows}
    assert (rows["one"].value, rows["two"].value) == (2 / 2, 1 / 4)
    assert (rows["L4-L5"].value, rows["L5-S1"].value) == (2 / 6, 1 / 6)


def test_in_the_bootstrap_beside_recall(read_set: ReadingSet) -> None:
    rows = bootstrap_table(read_set, replicates=200, seed=1).rows
    assert [row["measure"] for row in rows][:2] == ["recall", FALSE_BOXES]
    drawn = rows[1]["bootstrap"]
    assert (rows[1]["usual"].value, drawn.value) == (0.5, 0.5)
    assert (drawn.low, drawn.high) == (0.0, 1.0)  # draws of c alone, and of a alone
