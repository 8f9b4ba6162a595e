"""The printed figures of the paper, digit for digit, through the command, from boxes with the paper's counts."""

import json
from pathlib import Path

import pandas as pd
import pytest
from evaluation.paper_counts import RADIOLOGISTS, reader_boxes, reference_boxes

from tfspine.cli.main import main

ACCURACY = {
    ("radiologist_1", "Central canal"): ("91.1 (80.4, 97.0) [51/56]", "98.5 (97.7, 99.0) [1538/1562]"),
    ("radiologist_2", "Central canal"): ("76.8 (63.6, 87.0) [43/56]", "99.2 (98.6, 99.6) [1555/1568]"),
    ("radiologist_2", "Lateral recesses"): ("78.7 (70.4, 85.6) [96/122]", "99.0 (97.9, 99.6) [671/678]"),
    ("radiologist_1", "Neural foramina"): ("85.8 (78.7, 91.2) [115/134]", "96.8 (95.4, 97.8) [895/925]"),
    ("radiologist_2", "Neural foramina"): ("97.0 (93.2, 99.0) [162/167]", "95.8 (94.5, 97.0) [1014/1058]"),
}

TWO_GRADES = {  # Table 4
    ("radiologist_1", "Central canal"): "0.98 (0.97, 0.99)",
    ("radiologist_2", "Central canal"): "0.98 (0.98, 0.99)",
    ("radiologist_1", "Lateral recesses"): "0.92 (0.90, 0.94)",
    # The paper prints an upper limit of 0.97; its own counts, 96/122 and 671/678, give 0.9645.
    ("radiologist_2", "Lateral recesses"): "0.95 (0.93, 0.96)",
    ("radiologist_1", "Neural foramina"): "0.94 (0.92, 0.96)",
    ("radiologist_2", "Neural foramina"): "0.95 (0.93, 0.96)",
}

FOUND = {  # Table 2
    "radiologist_1": [1618, 827, 1059],
    "radiologist_2": [1624, 800, 1225],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the command once on the paper's counts and return what it wrote."""
    root = tmp_path_factory.mktemp("paper")
    reference = reference_boxes()
    reference.to_csv(root / "reference.csv", index=False)
    words = ["evaluate", "--reference", str(root / "reference.csv"), "--extent", "paper", "--out", str(root / "out")]
    for name in RADIOLOGISTS:
        reader_boxes(reference, name).to_csv(root / f"{name}.csv", index=False)
        words += ["--reader", f"{name}={root / name}.csv"]
    assert main(words) == 0
    return root / "out"


def rows_of(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Return the rows of a Markdown table by reader and region."""
    lines = [
        [cell.strip() for cell in line.strip("| \n").split(" | ")] for line in path.read_text().splitlines() if line
    ]
    heads = lines[0]
    rows = [dict(zip(heads, line, strict=True)) for line in lines[2:] if len(line) == len(heads)]
    return {(row.get("Reader", ""), row["Region"]): row for row in rows}


@pytest.mark.parametrize("key", ACCURACY)
def test_sensitivity_and_specificity_by_box_are_printed_as_in_the_paper(folder: Path, key: tuple[str, str]) -> None:
    row = rows_of(folder / "accuracy.md")[key]
    assert (row["Sensitivity %, by box"], row["Specificity %, by box"]) == ACCURACY[key]
    summary = (folder / "summary.txt").read_text()
    assert all(text in summary for text in ACCURACY[key])


def test_the_recesses_of_radiologist_1(folder: Path) -> None:
    row = rows_of(folder / "accuracy.md")["radiologist_1", "Lateral recesses"]
    assert row["Sensitivity %, by box"] == "74.6 (66.2, 81.8) [97/130]"


@pytest.mark.parametrize("key", TWO_GRADES)
def test_table_4(folder: Path, key: tuple[str, str]) -> None:
    assert rows_of(folder / "agreement_two.md")[key]["Gwet AC1, by box"] == TWO_GRADES[key]


def test_table_2(folder: Path) -> None:
    reference = pd.read_csv(folder / "reference.csv")
    assert reference[["normal", "mild", "moderate", "severe", "boxes"]].to_numpy().tolist() == [
        [1326, 243, 33, 23, 1625], [514, 193, 65, 67, 839], [903, 192, 87, 80, 1262],
    ]  # fmt: skip
    recall = pd.read_csv(folder / "recall.csv")
    assert recall.groupby("reader")["found"].agg(list).to_dict() == FOUND


def test_missed_positives_count_end_to_end(folder: Path) -> None:
    # docs/statistics.md: 115/134 becomes 115/167.
    row = rows_of(folder / "accuracy.md")["radiologist_1", "Neural foramina"]
    assert row["With missed %"].endswith("[115/167]")


def test_p_by_box_is_of_the_pooled_z(folder: Path) -> None:
    from statsmodels.stats import proportion

    _, p_value = proportion.proportions_ztest([162, 115], [167, 134])
    rows = pd.read_csv(folder / "accuracy.csv").set_index(["reader", "region"])
    assert rows["p_sensitivity_by_box"]["radiologist_2", "Neural foramina"] == pytest.approx(p_value, rel=1e-9)
    assert pd.isna(rows["p_sensitivity_by_box"]["radiologist_1", "Neural foramina"])


def test_files_are_unrounded_and_print_is_not(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    canal = metrics["readers"]["radiologist_1"]["regions"]["central_canal"]
    assert canal["accuracy"]["sensitivity"]["value"] == 51 / 56
    rows = json.loads((folder / "accuracy.json").read_text())["rows"]
    assert rows[0]["sensitivity"]["value"] == 51 / 56
    assert pd.read_csv(folder / "accuracy.csv")["sensitivity"][0] == 51 / 56
