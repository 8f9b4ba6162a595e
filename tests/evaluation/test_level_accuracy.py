"""Whether levels are right: counted by hand, certain and uncertain apart."""

from typing import Any

import pandas as pd
import pytest

from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.tables.levels import level_table
from tfspine.labels import LEVELS


@pytest.fixture
def levels(box_table) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three studies with five canals each. Of study b the model is not certain, and one level too high throughout."""
    rows = [
        {"study": study, "slice": f"{study}-axial-{number:02d}", "level": level, "grade": "mild", "side": ""}
        for study in ("a", "b", "c")
        for number, level in enumerate(LEVELS)
    ]
    reference = box_table(*rows)
    higher = dict(zip(LEVELS, ["", *LEVELS[:-1]], strict=True))
    is_b = reference["study"] == "b"
    named = reference["level"].where(~is_b, reference["level"].map(higher))
    certain = is_b.map({True: "no", False: "yes"}).where(named != "", "")
    return reference, reference.assign(level=named, level_certain=certain)


def rows_of(reference: pd.DataFrame, **readers: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    covered = reference[["study", "slice", "plane"]].drop_duplicates()
    table = level_table([ReadingSet("internal", reference, covered, readers, {}, 0.3, 0.95)])
    return {(row["region"], row["levels"]): dict(row) for row in table.rows}


def test_levels_are_counted_as_by_hand(levels) -> None:
    rows = rows_of(levels[0], m=levels[1])
    every, certain, uncertain = (rows["Central canal", kind] for kind in ("all", "certain", "uncertain"))
    assert (every["right"].value, every["right"].n) == (10 / 14, 14)
    assert (every["above"], every["below"], every["unnamed"]) == (4, 0, 1)  # L1-L2 of b has nothing above
    assert (certain["right"].value, certain["right"].n) == (1.0, 10)
    assert (uncertain["right"].value, uncertain["right"].n) == (0.0, 4)


def test_a_study_is_right_where_all_of_its_levels_are(levels) -> None:
    rows = rows_of(levels[0], m=levels[1])
    shares = {kind: (row["right"].value, row["right"].n) for (what, kind), row in rows.items() if what[0] == "W"}
    assert shares == {"all": (2 / 3, 3), "certain": (1.0, 2), "uncertain": (0.0, 1)}


def test_people_who_say_no_certainty_have_one_row_a_region(levels) -> None:
    rows = rows_of(levels[0], her=levels[1].assign(level_certain=""))
    assert set(rows) == {("Central canal", "all"), ("Whole studies", "all")}


def test_shifting_all_levels_shows_in_the_share_and_in_the_direction(levels) -> None:
    reference = levels[0]
    lower = dict(zip(LEVELS, [*LEVELS[1:], ""], strict=True))
    row = rows_of(reference, m=reference.assign(level=reference["level"].map(lower)))["Central canal", "all"]
    assert (row["right"].value, row["above"], row["below"], row["unnamed"]) == (0.0, 0, 12, 3)


def test_a_reader_without_levels_is_left_out(levels) -> None:
    reference = levels[0]
    assert rows_of(reference, her=reference.assign(level="")) == {}
