"""Names that people give their readers are text, whatever signs they hold, in every output."""

import json
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from tfspine.cli.main import main
from tfspine.evaluation.figures.estimates import as_label, new_figure, save
from tfspine.evaluation.tables.table import markdown_text, to_markdown

NAMES = [
    "DL [ours]",
    "[/x]",
    "[bold red]a",
    r"$\frac$",
    "$x",
    "a|b",
    "*a*",
    "<b>hi</b>",
    ":smile:",
    "_hidden",
    "100% {0}",
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a reference and the same boxes under each name, and run the command on them."""
    root = tmp_path_factory.mktemp("names")
    rows = [
        f"s{n},1,axial,central_canal,,L4-L5,0,0,10,10,{grade},{0.9 - n / 10},{shares}"
        for n, (grade, shares) in enumerate([("normal", "0.7,0.1,0.1,0.1"), ("severe", "0.1,0.1,0.1,0.7")])
    ]
    header = "study,slice,plane,region,side,level,ymin,xmin,ymax,xmax,grade,score,p_normal,p_mild,p_moderate,p_severe"
    (root / "boxes.csv").write_text("\n".join([header, *rows]) + "\n")
    readers = [word for name in NAMES for word in ("--reader", f"{name}={root / 'boxes.csv'}")]
    average = ("--average", f"mean [/y]={NAMES[0]},{NAMES[1]}")
    words = ["evaluate", "--reference", str(root / "boxes.csv"), *readers, *average, "--out", str(root / "evaluation")]
    assert main([*words, "--set", "evaluation.replicates=5"]) == 0
    return root / "evaluation"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_printed_as_it_was_given(out: Path, name: str) -> None:
    assert name in (out / "summary.txt").read_text()
    assert name in json.loads((out / "metrics.json").read_text())["readers"]
    assert name in set(pd.read_csv(out / "recall.csv")["reader"])
    assert f"| {markdown_text(name)} |" in (out / "recall.md").read_text()


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("*a*", r"\*a\*"),
        ("<b>", r"\<b>"),
        ("<.001", "<.001"),
        ("[x](http://y)", r"[x]\(http://y)"),
        ("12.0 [1/2]", "12.0 [1/2]"),
        ("two\nlines", "two lines"),
        ("a\\", "a\\\\"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, escaped: str) -> None:
    assert markdown_text(text) == escaped
    assert to_markdown(pd.DataFrame({"a": [text]})).splitlines()[2] == f"| {escaped} |"


def test_a_dollar_sign_begins_no_formula(tmp_path: Path) -> None:
    figure: Figure = new_figure(2, 2)
    axes = figure.add_subplot()
    axes.set_xlabel(r"$\nothing$")
    axes.set_yticks([0.5], [r"$\nothing$"])
    axes.plot([0, 1], [0, 1], label=as_label(r"_$\nothing$"))
    save(figure, tmp_path / "figure.png", title=r"$\nothing$")
    assert (tmp_path / "figure.png").stat().st_size > 0
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [r" _$\nothing$"]
