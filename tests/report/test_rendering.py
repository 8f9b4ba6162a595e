"""The page as a browser shows it on a narrow screen and prints it; needs Chromium, and poppler for the print."""

import dataclasses
import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from report_samples import make_predictions
from test_page import content, heatmap
from tests_settings import HANG_S

from tfspine.evaluation.boxes.reader_metrics import compare
from tfspine.evaluation.tables.table import metrics_dict
from tfspine.report.measures import RegionGradeRow
from tfspine.report.page import render_page

PDF_WORDS = shutil.which("pdftotext")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
WIDTH_PX = 420

MEASURE = """<script>
const words = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const parent = node.parentElement;
  if (!node.textContent.trim() || parent.closest("svg, script")) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const box of range.getClientRects())
    if (box.width > 0) words.push([node.textContent.trim(), box.left, box.top, box.right, box.bottom]);
}
const over = [];
for (let i = 0; i < words.length; i++) for (let j = i + 1; j < words.length; j++) {
  const a = words[i], b = words[j];
  if (Math.min(a[3], b[3]) - Math.max(a[1], b[1]) > 1 && Math.min(a[4], b[4]) - Math.max(a[2], b[2]) > 2)
    over.push([a[0], b[0]]);
}
parent.postMessage(JSON.stringify({
  width: innerWidth, words: words.length, over: over,
  cut: words.filter(word => word[1] < 0 || word[3] > innerWidth).map(word => word[0]),
}), "*");
</script>"""

FRAME = """<!DOCTYPE html><body>
<script>addEventListener("message", told => document.body.dataset.found = told.data)</script>
<iframe src="page.html" style="width: {width}px; height: 3000px; border: 0"></iframe></body>"""
"""Chromium makes no window as narrow as a telephone; a frame is."""


@pytest.fixture
def page(tmp_path: Path) -> str:
    """Render two studies, two readers of long names, measures of boxes and regions, and heatmaps."""
    table = make_predictions("s1")
    readers = {name: metrics_dict(compare(table, table, iou=0.3, confidence=0.95)) for name in ("DL [ours]", "reader2")}
    metrics = {"iou": 0.3, "confidence": 0.95, "readers": readers}
    estimate = "0.89 (0.87, 0.91)"
    grades = [
        RegionGradeRow(
            name, region, 500, 12, 30, 41, 7, "100 studies", estimate, estimate, *["100.0 (91.2, 100.0)"] * 3
        )
        for name in readers
        for region in ("Central canal", "Lateral recesses", "Neural foramina")
    ]
    heatmaps = [heatmap(tmp_path), heatmap(tmp_path, completeness_gap=0.2)]
    filled = content("s1", "s2", metrics=metrics, region_grades=grades, heatmaps=heatmaps)
    doubted = dataclasses.replace(filled.studies[0], level_doubt="the images end above the sacrum")
    return render_page(dataclasses.replace(filled, studies=[doubted, filled.studies[1]]), maximum_studies=2)


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize("width_px", [WIDTH_PX, 1024, 1100, 1280])
def test_on_a_narrow_screen_no_words_overlap_and_none_are_cut(width_px: int, page: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", MEASURE + "</body>"))
    (tmp_path / "frame.html").write_text(FRAME.format(width=width_px))
    frame = (tmp_path / "frame.html").as_uri()
    command = [str(BROWSER), *FLAGS, "--virtual-time-budget=5000", "--dump-dom", frame]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=True)
    found = json.loads(unescape(re.search(r'data-found="([^"]*)"', done.stdout)[1]))
    assert found["width"] == width_px
    assert found["words"] > 300
    assert found["over"] == []
    assert found["cut"] == []


@pytest.mark.skipif(BROWSER is None or PDF_WORDS is None, reason="needs Chromium and poppler")
def test_print_keeps_every_column(page: str, tmp_path: Path) -> None:
    path, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    path.write_text(page)
    command = [str(BROWSER), *FLAGS, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", path.as_uri()]
    subprocess.run(command, capture_output=True, timeout=HANG_S, check=True)
    printed = subprocess.run(
        [str(PDF_WORDS), "-bbox", str(pdf), "-"], capture_output=True, text=True, check=True
    ).stdout
    width = float(re.search(r'<page width="([\d.]+)"', printed)[1])
    words = re.findall(r'<word xMin="([\d.]+)" yMin="[\d.]+" xMax="([\d.]+)" yMax="[\d.]+">([^<]*)</word>', printed)
    margin = 12 / 25.4 * 72
    assert all(float(low) >= margin - 1 and float(high) <= width - margin + 1 for low, high, _ in words)
    text = [word for _, _, word in words]
    # The last column of each table of measures, of each reader and region, and the studies beside coefficients.
    assert text.count("End-to-end") >= 1
    assert text.count("missed") >= 1
    assert text.count("100.0") >= 6 * 3
    assert text.count("studies") >= 12
    # Five columns of the grades of two studies.
    assert text.count("Foramen") == 4
    assert text.count("Canal") == 2
