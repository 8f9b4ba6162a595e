"""The page: complete, self-contained, honest about what was not found, and safe."""

import colorsys
import dataclasses
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from report_samples import AXIAL, SAGITTAL, make_predictions, make_slice, make_study
from scipy import stats

from tfspine.errors import EvaluationError
from tfspine.evaluation.boxes.reader_metrics import compare
from tfspine.evaluation.tables.table import metrics_dict
from tfspine.labels import Grade, Level, Plane, Region
from tfspine.report.content import Heatmap
from tfspine.report.measures import measure_rows
from tfspine.report.page import ReportInput, render_page


def content(*names: str, **changes: Any) -> ReportInput:
    names = names or ("s1",)
    slices = [
        make_slice(name, plane, geometry)
        for name in names
        for plane, geometry in ((Plane.AXIAL, AXIAL), (Plane.SAGITTAL, SAGITTAL))
    ]
    usual = ReportInput(
        studies=[make_study(name) for name in names],
        predictions=make_predictions(*names),
        slices={slice_.key: slice_ for slice_ in slices},
        metrics=None,
        heatmaps=[],
        facts=[("Seed", "7")],
    )
    return dataclasses.replace(usual, **changes)


class Page(HTMLParser):
    """Collects what a page links to, and checks that its tags are closed."""

    VOID = frozenset({"meta", "img", "br", "image", "rect"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_nothing_is_fetched_from_elsewhere(tmp_path: Path) -> None:
    html = render_page(content(heatmaps=[heatmap(tmp_path)]), maximum_studies=5)
    page = Page(html)
    assert page.open == []
    assert page.addresses
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script|<link|<iframe", re.sub(r"base64,[^\"]*", "", html))


def test_not_found_is_said_for_each_region_and_never_normal() -> None:
    html = render_page(content(), maximum_studies=5)
    table = html[html.index('<table class="grades">') : html.index('<div class="level">')]
    assert table.count("not found") == 22
    assert "normal" not in table
    assert "22 not found" in html
    assert "3 of 25 regions found" in html
    assert html.count("<figcaption>") == 3
    assert html.count('<div class="level">') == 1


def test_levels_in_doubt_are_marked_wherever_they_are_named() -> None:
    sure = render_page(content(), maximum_studies=1)
    assert "Levels uncertain" not in sure
    assert "L4-L5?" not in sure
    study = dataclasses.replace(make_study(), level_doubt="the images end above the sacrum")
    html = render_page(content(studies=[study]), maximum_studies=1)
    assert "Levels uncertain: the images end above the sacrum." in html
    assert html.count('<th scope="row">L4-L5?</th>') == 1
    assert html.count("<figcaption>L4-L5?, ") == html.count("<figcaption>") == 3


def shown(html: str) -> list[tuple[str, str, str, str, str]]:
    """Return (level, place, grade, probability, score) of each picture's caption."""
    caption = re.compile(
        r"<figcaption>([^,<]+), ([a-z ]+)<br><span class=\"chip (\w+)\"><b>\w+</b> <i>(\d+%)</i>"
        r" <i class=\"score\">score ([\d.]+)</i></span>"
    )
    return caption.findall(html)


def test_each_graded_region_has_a_picture_that_says_what_the_table_says() -> None:
    html = render_page(content(), maximum_studies=1)
    assert shown(html) == [
        ("L4-L5", "right recess", "mild", "88%", "0.90"),
        ("L4-L5", "canal", "severe", "88%", "0.90"),
        ("L4-L5", "left foramen", "moderate", "88%", "0.90"),
    ]
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', html, re.DOTALL)
    table = [
        (level, place, grade, probability, score)
        for level, row in rows
        for place, grade, probability, score in re.findall(
            r'class="place">([a-z ]+)</span><span class="chip (\w+)"><b>\w+</b> <i>(\d+%)</i>'
            r' <i class="score">score ([\d.]+)</i>',
            row,
        )
    ]
    assert table == shown(html)
    assert html.count("<rect") == 3


def test_the_picture_is_the_slice_that_graded_and_not_the_most_severe_of_the_level() -> None:
    """The canal is graded severe on one slice, the recess mild on another with a severe box of its own upon it."""
    table = make_predictions("s1")
    other = dataclasses.replace(make_slice("s1", Plane.AXIAL, AXIAL), key="s1-axial-02")
    rows = [
        dataclasses.replace(row, slice_key=other.key) if row.region is Region.LATERAL_RECESS and row.grade else row
        for row in make_study().rows
    ]
    moved = table.assign(slice=table["slice"].where(table["region"] != "lateral_recess", other.key))
    usual = content()
    page = render_page(
        dataclasses.replace(
            usual,
            studies=[dataclasses.replace(make_study(), rows=tuple(rows))],
            predictions=moved,
            slices={**usual.slices, other.key: other},
        ),
        maximum_studies=1,
    )
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    keys = [re.search(r"slice (s1-\w+-\d+)</title>", figure)[1] for figure in figures]
    assert keys == ["s1-axial-02", "s1-axial-01", "s1-sagittal-01"]
    for figure, key in zip(figures, keys, strict=True):
        words = re.findall(r"<tspan[^>]*>([^<]*)</tspan>", figure)
        chip = re.search(r'<span class="chip (\w+)">', figure)[1]
        assert words == [chip, "88%"]
        assert f"<span>{key}</span>" in figure


def scored(score: float, **points: float) -> ReportInput:
    table = make_predictions("s1").assign(score=score)
    return content(predictions=table.assign(score_threshold=table["region"].map(points)) if points else table)


def test_no_grade_below_the_operating_point() -> None:
    html = render_page(scored(0.3), maximum_studies=1)
    assert shown(html) == []
    assert "<rect" not in html
    body = html[html.index('<article class="card study">') :]
    assert not re.search("mild|moderate|severe|normal", body)
    assert body.count("<b>not sure</b>") == 3
    assert body.count("score 0.30") == 3
    assert "0 of 25 regions found" in body
    # The model's own point decides where it has one, and each region has its own.
    html = render_page(scored(0.6, central_canal=0.7, lateral_recess=0.55, neural_foramen=0.6), maximum_studies=1)
    assert [(place, grade) for _, place, grade, *_ in shown(html)] == [
        ("right recess", "mild"),
        ("left foramen", "moderate"),
    ]
    assert "(central canal 0.70; lateral recesses 0.55; neural foramina 0.60)" in html
    html = render_page(scored(0.6, central_canal=0.7), maximum_studies=1)
    assert "lateral recesses 0.50, the paper’s, as the model has none" in html


@pytest.mark.parametrize(("score", "is_doubted"), [(0.03, True), (0.49, True), (0.9, False)])
def test_low_scores_are_told_in_a_banner(score: float, is_doubted: bool) -> None:
    points = dict.fromkeys(("central_canal", "lateral_recess", "neural_foramen"), 0.02)
    html = render_page(scored(score, **points), maximum_studies=1)
    assert ("Do not trust these grades: the detector is not good enough to be used" in html) is is_doubted
    assert ("Best scores are low" in html) is is_doubted


def test_one_study_in_doubt_does_not_condemn_the_others() -> None:
    table = make_predictions("s1", "s2", "s3")
    html = render_page(
        content(
            "s1", "s2", "s3", predictions=table.assign(score=table["study"].map({"s1": 0.9, "s2": 0.1, "s3": 0.9}))
        ),
        maximum_studies=1,
    )
    assert (
        "Do not trust the grades of 1 of 3 studies; the reason is given with each. Study s2: Best scores are low"
    ) in html
    assert "not good enough to be used" not in html
    # The study itself is not among those drawn; the head of the page tells all the same.
    assert "Study s1" in html and "<h3>Study s2" not in html


@pytest.mark.parametrize(("boxes", "is_doubted"), [(20, True), (4, True), (3, False)])
def test_boxes_that_swamp_the_slices_are_told(boxes: int, is_doubted: bool) -> None:
    """One axial slice, of which a spine fills three places."""
    table = make_predictions("s1")
    canal = table[table["region"] == "central_canal"]
    more = [canal.assign(ymin=float(number), ymax=number + 9.0) for number in range(boxes - 2)]
    html = render_page(content(predictions=pd.concat([table, *more], ignore_index=True)), maximum_studies=1)
    assert (f"Too many boxes on the axial slices: {boxes:.1f} per slice" in html) is is_doubted
    assert ('<p class="notice doubt" role="alert">' in html) is is_doubted


def test_the_colours_are_the_papers_everywhere() -> None:
    """White normal, blue mild, orange moderate, red severe: by hue, on the page and on the slices."""
    html = render_page(content(), maximum_studies=1)
    found = {word: re.search(rf"--{word}: (#\w+);", html)[1] for word in ("normal", "mild", "moderate", "severe")}
    assert found["normal"] == "#ffffff"
    hue = {
        word: 360 * colorsys.rgb_to_hsv(*(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)))[0]
        for word, code in found.items()
    }
    assert 200 <= hue["mild"] <= 250
    assert 20 <= hue["moderate"] <= 45
    assert hue["severe"] <= 12 or hue["severe"] >= 348
    strokes = re.findall(r'<rect [^>]*stroke="(#\w+)"', html)
    assert strokes == [found["mild"], found["severe"], found["moderate"]]
    # White is outlined on the white page, and in bright fat.
    assert "--outline: #1c2430" in html
    assert "inset 0 0 0 1px var(--outline)" in html
    assert len(re.findall(r'<path [^>]*stroke="#1c2430"', html)) == 3


def test_text_is_escaped() -> None:
    html = render_page(
        content(facts=[("<b>Seed</b>", "<script>alert(1)</script>")]),
        maximum_studies=1,
        title="A & B <i>",
        notice='"quoted" <u>',
    )
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "A &amp; B &lt;i&gt;" in html
    assert "<u>" not in html


def test_boxes_carry_grade_and_probability_in_words() -> None:
    html = render_page(content(), maximum_studies=1)
    words = re.findall(r"<tspan[^>]*>([^<]*)</tspan>", html)
    assert sorted(set(words)) == ["88%", "mild", "moderate", "severe"]
    assert html.count("<rect") == 3


def test_only_so_many_studies_are_drawn_and_the_page_says_so() -> None:
    html = render_page(content("s1", "s2", "s3"), maximum_studies=2)
    assert "The 2 most severe of 3" in html
    assert html.count('<article class="card study">') == 2


def test_the_most_severe_study_comes_first() -> None:
    mild = make_study("s1")
    rows = tuple(dataclasses.replace(row, grade=Grade.MILD) if row.grade is not None else row for row in mild.rows)
    html = render_page(
        content("s1", "s2", studies=[dataclasses.replace(mild, rows=rows), make_study("s2")]), maximum_studies=2
    )
    assert html.index("Study s2") < html.index("Study s1")


def heatmap(folder: Path, **changes: Any) -> Heatmap:
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(folder / "a.png")
    usual = Heatmap(
        folder / "a.png", Region.CENTRAL_CANAL, None, Level.L4_L5, "s1", Grade.SEVERE, 0.9, completeness_gap=0.012
    )
    return dataclasses.replace(usual, **changes)


@pytest.mark.parametrize(
    ("gap", "text", "is_flagged"),
    [
        (0.012, "1.2\u00a0%", False),
        (0.05, "5.0\u00a0%", False),
        (0.0712, "7.1\u00a0%", True),
        (math.inf, "undefined", True),
    ],
)
def test_completeness_is_written_and_flagged_above_five_per_cent(
    tmp_path: Path, gap: float, text: str, is_flagged: bool
) -> None:
    html = render_page(content(heatmaps=[heatmap(tmp_path, completeness_gap=gap)]), maximum_studies=1)
    caption = html[html.index("completeness gap {}".format("<" if is_flagged else text[:1])) :]
    assert text in caption[:200]
    assert ("do\n        not rely" in html) is is_flagged


def test_measures_come_from_the_metrics() -> None:
    table = make_predictions("s1")
    metrics = {
        "iou": 0.3,
        "confidence": 0.95,
        "readers": {"model": metrics_dict(compare(table, table.head(2), iou=0.3, confidence=0.95))},
    }
    html = render_page(content(metrics=metrics), maximum_studies=1)
    measures = html[html.index('<table class="measures">') : html.index("<h2>Studies</h2>")]
    assert measures.count("100.0") >= 2
    assert measures.count("–") >= 1  # nothing found of the foramina: agreement is undefined, not 0
    assert "nan" not in measures
    # The reference has one study: it stands in its column, and beside each of six coefficients.
    assert measures.count("<small>1 study</small>") == 6


def test_intervals_of_the_report_are_by_patients() -> None:
    """However many boxes ten patients have, all of them found: Wilson's limit of 10 of 10, with t for z."""
    table = pd.concat([make_predictions(f"s{number}") for number in range(10)])
    metrics = metrics_dict(compare(table, table, iou=0.3, confidence=0.95))
    (row, *_) = measure_rows({"iou": 0.3, "confidence": 0.95, "readers": {"model": metrics}})
    t = stats.t.ppf(0.975, 9)
    assert row.recall == f"100.0 ({100 * 10 / (10 + t**2):.1f}, 100.0)"
    del metrics["regions"]["central_canal"]["by_patient"]
    with pytest.raises(EvaluationError, match="make it again with tfspine evaluate"):
        measure_rows({"iou": 0.3, "confidence": 0.95, "readers": {"model": metrics}})


def test_heatmaps_of_boxes_below_the_operating_point_are_not_shown_but_counted(tmp_path: Path) -> None:
    """They would say "severe 90 %" of a region that has no grade."""
    sure = render_page(content(heatmaps=[heatmap(tmp_path)]), maximum_studies=1)
    assert sure.count('alt="Crop and heatmap') == 1
    assert "more heatmaps" not in sure
    unsure = render_page(
        content(heatmaps=[heatmap(tmp_path)], predictions=make_predictions("s1").assign(score=0.1)), maximum_studies=1
    )
    assert unsure.count('alt="Crop and heatmap') == 0
    assert "1 more heatmaps, of boxes below the operating point" in unsure


def test_a_page_of_studies_in_which_no_box_was_found() -> None:
    empty = tuple(
        dataclasses.replace(row, grade=None, probability=None, slice_key=None, box=None) for row in make_study().rows
    )
    html = render_page(
        content(studies=[dataclasses.replace(make_study(), rows=empty)], predictions=make_predictions("s1").head(0)),
        maximum_studies=1,
    )
    assert "0 of 25 regions found" in html
    assert "25 not found" in html
    assert "<rect" not in html


def test_what_the_folders_lack_is_said() -> None:
    """The slice of a picture, and the score of a box that the table of boxes has not."""
    html = render_page(content(slices={}, predictions=make_predictions("s1").head(0)), maximum_studies=1)
    assert html.count("the slice is not in the folder") == 3
    assert html.count("score unknown") == 6
    assert "3 grades have no score" in html
