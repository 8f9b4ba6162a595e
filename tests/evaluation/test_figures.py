"""What figures show: lengths and counts of bars, legends, titles, and what has nothing to draw."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv
from matplotlib.figure import Figure

from tfspine.evaluation.boxes.grade_threshold import GradedProbabilities, OperatingPoint
from tfspine.evaluation.boxes.reader_metrics import compare
from tfspine.evaluation.documents.checklists import Checklist, checklist_figure, checklist_table
from tfspine.evaluation.documents.study_facts import Answer, Fact
from tfspine.evaluation.figures.bars import cohort_figure, reference_figure
from tfspine.evaluation.figures.curves import roc_figure
from tfspine.evaluation.figures.estimates import Forest, confusion_figure, forest_figure
from tfspine.evaluation.statistics.estimate import Estimate, undefined
from tfspine.evaluation.tables.cohort import cohort_table
from tfspine.evaluation.tables.paper import reference_table
from tfspine.evaluation.tables.table import Column, Table
from tfspine.labels import Region


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Keep the figures that are written in place of writing them."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: figures.append(figure))
    return figures


def texts_of(figure: Figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_checklist_shows_what_the_authors_have_to_write(drawn: list[Figure], tmp_path: Path) -> None:
    facts = {Fact.PARTITION: Answer("by patient", "records/manifest.json")}  # both items of the section
    table = checklist_table(Checklist.CLAIM_2024, facts)
    checklist_figure(table, path=tmp_path / "x.png", title=table.title)
    axes = drawn[0].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    known, open_ = (dict(zip(names, (bar.get_width() for bar in bars), strict=True)) for bars in axes.containers)
    assert (known["Data partitions"], open_["Data partitions"]) == (2, 0)
    assert (known["Discussion"], open_["Discussion"]) == (0, 2)
    assert sum(known.values()) + sum(open_.values()) == 44
    assert legend_of(drawn[0]) == ["recorded in the run", "for the authors to write"]
    assert drawn[0].legends[0].get_title().get_text() == "CLAIM 2024: 2 of 44 items were recorded in the run"


def test_bars_of_the_reference_are_shares_with_counts(drawn: list[Figure], box_table, tmp_path: Path) -> None:
    reference = box_table(*({"slice": f"s{n}", "grade": "mild" if n < 3 else "severe"} for n in range(4)))
    sets = {"internal": {"model": compare(reference, reference, iou=0.3, confidence=0.95)}}
    reference_figure(reference_table(sets), path=tmp_path / "x.png", title="t")
    widths = [bar.get_width() for bars in drawn[0].axes[0].containers for bar in bars]
    assert widths == [0, 75, 0, 25]
    assert texts_of(drawn[0]) == {"3", "1"}
    # White, blue, orange and red, as in the paper's figures, within a dark line.
    pieces = [bars[0] for bars in drawn[0].axes[0].containers]
    hues = [round(360 * float(rgb_to_hsv(piece.get_facecolor()[:3])[0])) for piece in pieces]
    assert pieces[0].get_facecolor() == (1, 1, 1, 1)
    assert 200 <= hues[1] <= 250 and 20 <= hues[2] <= 45 and (hues[3] <= 12 or hues[3] >= 348)
    assert {piece.get_edgecolor() for piece in pieces} == {(0, 0, 0, 1)}


def test_only_scanners_are_bars_of_the_cohort(drawn: list[Figure], tmp_path: Path) -> None:
    from evaluation.test_selections import slices

    part = slices(study=["a", "b"], patient=["p", "q"], plane=["axial"] * 2, manufacturer=[None, "GE"])
    table = cohort_table({"internal": part.assign(magnetic_field_strength_t=[None, 3.0])})
    cohort_figure(table, path=tmp_path / "x.png", title="t")
    assert legend_of(drawn[0]) == ["GE, 3 T", "not stated, not stated"]
    assert [bar.get_width() for bars in drawn[0].axes[0].containers for bar in bars] == [1, 1]


def test_the_legend_does_not_hang_on_the_first_panel(drawn: list[Figure], tmp_path: Path) -> None:
    shares = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])
    graded = [
        ("net", Region.CENTRAL_CANAL, GradedProbabilities(np.arange(2), np.array([0, 1]), shares)),
        ("net", Region.LATERAL_RECESS, GradedProbabilities(np.arange(2), np.array([0, 3]), shares)),
    ]
    points = {("net", Region.LATERAL_RECESS): OperatingPoint(0.5, 1.0, 1.0, 2)}
    roc_figure(graded, points=points, path=tmp_path / "x.png", title="ROC")
    assert legend_of(drawn[0]) == ["net", "net, threshold of validation"]
    assert texts_of(drawn[0]) == {"net: no moderate or severe box"}


def test_a_line_with_nothing_to_draw_has_a_dash(drawn: list[Figure], tmp_path: Path) -> None:
    rows = tuple(
        {"reader": name, "region": "Central canal", "x": estimate}
        for name, estimate in (("a", undefined(0, "none")), ("b", Estimate(0.5, 0.4, 0.6, 9, "some")))
    )
    table = Table("t", "A title", (Column("reader", "Reader"), Column("x", "X")), rows)
    forest_figure(table, forest=Forest({"x": "x"}, axis="x"), path=tmp_path / "x.png", title="External: A title")
    dash = drawn[0].axes[0].texts
    assert [(text.get_text(), text.get_position()[1]) for text in dash] == [("–", 0)]
    assert drawn[0].legends[0].get_title().get_text() == "External: A title"


def test_a_confusion_matrix_says_its_set_and_what_it_leaves_out(drawn: list[Figure], box_table, tmp_path: Path) -> None:
    reference = box_table(*({"slice": f"s{n}", "grade": "mild"} for n in range(3)))
    reader = reference.assign(grade=["mild", None, None])
    region = compare(reference, reader, iou=0.3, confidence=0.95).regions[Region.CENTRAL_CANAL]
    confusion_figure(region, set_name="external", reader="net", path=tmp_path / "x.png")
    axes = drawn[0].axes[0]
    assert axes.get_title() == "Central canal, external set"
    assert axes.get_xlabel() == "net (boxes; 2 found without a grade)"
