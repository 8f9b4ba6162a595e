"""The page: complete, self-contained, honest about what was not found, and safe."""

import dataclasses
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report_samples import AXIAL, SAGITTAL, make_predictions, make_slice, make_study

from tfspine.evaluation.study_evaluation import compare
from tfspine.evaluation.tables import metrics_dict
from tfspine.labels import Grade, Level, Plane, Region
from tfspine.report.content import Heatmap
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
    table = html[html.index('<table class="grades">') : html.index('<div class="pair">')]
    assert table.count("not found") == 22
    assert "normal" not in table
    assert "22 not found" in html
    assert "3 of 25 regions found" in html
    assert html.count("no canal or recess found") == 4
    assert html.count("no foramen found") == 1


def test_levels_in_doubt_are_marked_wherever_they_are_named() -> None:
    sure = render_page(content(), maximum_studies=1)
    assert "Levels uncertain" not in sure
    assert "L4-L5?" not in sure
    study = dataclasses.replace(make_study(), level_doubt="the images end above the sacrum")
    html = render_page(content(studies=[study]), maximum_studies=1)
    assert "Levels uncertain: the images end above the sacrum." in html
    assert html.count('<th scope="row">L4-L5?</th>') == 1
    assert html.count("<figcaption>L4-L5?") == 1


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
