"""``tfspine evaluate`` with everything: a model with scores, people, a second set, readings again, validation."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfspine.cli.main import main
from tfspine.formats.slices_csv import SLICE_COLUMNS
from tfspine.labels import GRADE_WORDS

STUDIES = {"test": 8, "validation": 6}
FULL = (
    "regions", "regions_accuracy", "regions_predictive", "end_to_end", "levels", "recall_cost",
    "reference", "recall", "agreement_four", "agreement_two", "accuracy", "cohort", "repeat", "agreement_weighted",
    "bootstrap", "patients", "subgroups", "comparisons", "reader_agreement", "detection", "discrimination",
    "calibration", "operating", "rsna_2024", "rejection", "claim_2024", "stard_2015",
)  # fmt: skip
READERS = ("model", "people", "second", "mean_ensemble", "external_model")
EXTERNAL = ("agreement_weighted", "bootstrap", "patients", "subgroups")
WITHOUT_FIGURE = ("confusion", "external_confusion")


def grades_of(table: pd.DataFrame) -> np.ndarray:
    return table["grade"].map(GRADE_WORDS.index).to_numpy()


def with_probabilities(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return a model that is right four times of five and says so with noise."""
    logits = rng.normal(0, 1, (len(table), 4)) + 3 * np.eye(4)[grades_of(table)]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns = dict(zip((f"p_{word}" for word in GRADE_WORDS), shares.T, strict=True))
    grades = [GRADE_WORDS[code] for code in shares.argmax(axis=1)]
    return table.assign(**columns, grade=grades, score=rng.uniform(0.3, 1, len(table)))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write all inputs, run the command once with 200 replicates, and return what it wrote."""
    root = tmp_path_factory.mktemp("full")
    rng = np.random.default_rng(1)
    rows, slices, splits = [], [], []
    for split, count in STUDIES.items():
        for number in range(count):
            study = f"{split}{number}"
            splits.append({"patient": f"p-{study}", "study": study, "split": split})
            for place in range(10):
                key = f"{study}-axial-{place:02d}"
                box = {"ymin": 0.0, "xmin": 0.0, "ymax": 10.0, "xmax": 10.0, "level": "L4-L5" if place < 5 else "L5-S1"}
                grade = GRADE_WORDS[(number + place) % 4]
                rows.append(
                    {"study": study, "slice": key, "plane": "axial", "region": "central_canal", "grade": grade, **box}
                )
                vendor = ("SIEMENS", 1.5) if number % 2 else ("Philips", 3.0)
                slices.append(
                    dict.fromkeys(SLICE_COLUMNS, 0)
                    | {"key": key, "study": study, "patient": f"p-{study}", "plane": "axial"}
                    | {"manufacturer": vendor[0], "magnetic_field_strength_t": vendor[1], "study_instance_uid": study}
                )
    from tfspine.formats.boxes_csv import BOX_COLUMNS

    reference = pd.DataFrame(rows).reindex(columns=list(BOX_COLUMNS))
    people = reference.assign(grade=[GRADE_WORDS[max(code - 1, 0)] for code in grades_of(reference)]).iloc[2:]
    tables = {
        "reference": reference, "again": reference, "people": people,
        "model": with_probabilities(reference, rng),
        "second": with_probabilities(reference, rng), "external": reference,
    }  # fmt: skip
    for name, table in tables.items():
        table.to_csv(root / f"{name}.csv", index=False)
    pd.DataFrame(splits).to_csv(root / "splits.csv", index=False)
    for name in ("flow", "slices"):
        (root / name).mkdir()
    pd.DataFrame(slices).to_csv(root / "slices" / "slices.csv", index=False)
    (root / "flow" / "flow.csv").write_text(
        "part,step,reason,studies,axial,sagittal\ninternal,seen,,20,0,0\ninternal,seen,metal,6,0,0\n"
    )
    for ending in ("png", "svg"):
        (root / "flow" / f"flow.{ending}").write_bytes(b"chart")
    words = [
        *("evaluate", "--reference", "reference.csv", "--reader", "model=model.csv", "--reader", "people=people.csv"),
        *("--reader", "second=second.csv"),
        *("--repeat", "reference=again.csv", "--average", "mean=model,second", "--splits", "splits.csv"),
        *("--slices", "slices", "--flow", "flow", "--out", "out"),
        *("--external-reference", "external.csv", "--external-reader", "model=external.csv"),
        *("--set", "evaluation.replicates=200"),
    ]
    patch = pytest.MonkeyPatch()
    patch.chdir(root)
    assert main(words) == 0
    patch.undo()
    return root / "out"


def table_of(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / f"{name}.csv")


def test_every_table_comes_in_every_format(out: Path) -> None:
    expected = {f"{name}.{kind}" for name in FULL for kind in ("csv", "json", "md", "png")}
    expected |= {f"{name}.{kind}" for name in WITHOUT_FIGURE for kind in ("csv", "json", "md")}
    expected |= {f"external_{name}.{kind}" for name in EXTERNAL for kind in ("csv", "json", "md", "png")}
    expected |= {f"confusion_{reader}_central_canal.png" for reader in READERS}
    expected |= {"flow.csv", "flow.png", "flow.svg", "summary.txt", "metrics.json", "manifest.json", "model_card.md"}
    expected |= {"SHA256SUMS"}
    assert {path.name for path in out.iterdir()} == expected


def test_the_summary_begins_with_levels_and_sides_then_has_the_papers_tables_and_names_the_rest(out: Path) -> None:
    summary = (out / "summary.txt").read_text()
    assert "Studies, from the export to the tests" in summary
    assert "left out: 6 metal" in summary
    written = " ".join(summary.split())
    assert "as csv, json, md, png: regions, regions_accuracy, regions_predictive, end_to_end, levels, cohort" in written
    assert "Bootstrap of patients" not in summary
    assert summary.startswith("Each level and side: agreement of the one grade")
    # Of 80 columns, wide tables are in parts; all tables of the run would be some 600 lines.
    assert max(map(len, summary.splitlines())) <= 80
    assert len(summary.splitlines()) < 500


def test_the_external_set_stands_beside_the_internal_one(out: Path) -> None:
    recall = (out / "recall.md").read_text().splitlines()
    assert recall[0].startswith("| Set | Reader |")
    assert any(line.startswith("| external | model | Central canal | 140 ") for line in recall)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["external"]["readers"]["model"]["studies"] == 14
    assert set(metrics["readers"]) == {"model", "people", "second", "mean_ensemble", "mean"}


def test_the_score_from_which_boxes_count_is_chosen_on_validation(out: Path) -> None:
    cost = table_of(out, "recall_cost")
    of_model = cost[(cost["set"] == "internal") & (cost["reader"] == "model")]
    assert of_model["score"].notna().all()
    assert cost.loc[cost["reader"] == "people", ["score", "recall_at_0.25"]].isna().all(axis=None)
    assert "chosen here, on validation, for 0.25 false boxes per image" in (out / "recall_cost.md").read_text()


def test_reading_again_is_agreement_with_oneself(out: Path) -> None:
    repeat = table_of(out, "repeat")
    assert repeat["reader"].tolist() == ["reference", "reference"]
    assert repeat["gwet"].tolist() == [1.0, 1.0]


def test_thresholds_and_temperatures_come_from_validation(out: Path) -> None:
    operating = table_of(out, "operating")
    assert operating["reader"].tolist() == ["model", "second", "mean_ensemble"]  # people have no probabilities
    assert operating["validation_n"].tolist() == [60] * 3
    assert table_of(out, "calibration")["temperature"].notna().all()


def test_the_model_is_compared_on_the_same_boxes(out: Path) -> None:
    comparisons = table_of(out, "comparisons").set_index("reader").loc["people"].set_index("measure")
    # 40 of the 80 boxes are positive; the two that people did not find are normal and mild.
    assert comparisons["n"].to_dict() == {"AC1, four grades": 78, "sensitivity": 40, "specificity": 38}
    assert comparisons["non_inferior"]["sensitivity"] == "yes"
    assert (comparisons["p_holm"] >= comparisons["p"]).all()


def test_an_averages_ensemble_stands_for_it_box_by_box(box_table) -> None:
    from tfspine.evaluation.boxes.reading_set import ReadingSet
    from tfspine.evaluation.question import Question

    boxes = box_table({"grade": "mild"})
    readers = dict.fromkeys(("a", "b", "mean_ensemble"), boxes)
    internal = ReadingSet("internal", boxes, boxes, readers, {}, 0.3, 0.95)
    averages = {"mean": ("a", "b"), "other": ("b", "a")}
    chosen = {name: Question(internal, name, averages=averages).reader for name in ("a", "mean", "other")}
    assert chosen == {"a": "a", "mean": "mean_ensemble", "other": "b"}


def test_the_ensemble_stands_beside_the_average_and_may_refuse(out: Path) -> None:
    first, second = (pd.read_csv(out.parent / f"{name}.csv") for name in ("model", "second"))
    test = first["study"].str.startswith("test")
    columns = [f"p_{word}" for word in GRADE_WORDS]
    calls = ((first[columns] + second[columns]) / 2).to_numpy().argmax(axis=1)
    right = (calls == grades_of(pd.read_csv(out.parent / "reference.csv")))[test].mean()
    weighted = table_of(out, "agreement_weighted").set_index("reader")
    assert weighted.loc["mean_ensemble", "exact"] == pytest.approx(right)
    rejection = table_of(out, "rejection")
    assert rejection.loc[0, ["n", "exact"]].tolist() == [80, pytest.approx(right)]
    # Half of the regions are kept, but for ties: the members hardly ever disagree alike.
    assert rejection["n"].iloc[-1] == 40


def test_the_cohort_has_its_parts(out: Path) -> None:
    cohort = table_of(out, "cohort").set_index("what")
    assert cohort.loc["Studies", ["validation", "internal test"]].astype(str).tolist() == ["6", "8"]
    assert cohort.loc["Philips, 3 T", "internal test"] == "4 (50%)"


def test_patients_are_drawn_again_with_all_their_boxes(out: Path) -> None:
    bootstrap = table_of(out, "bootstrap").set_index(["reader", "measure"])
    row = bootstrap.loc["people", "recall"]
    assert row["usual"] == row["bootstrap"] == 78 / 80
    assert row["patients"] == 8
    # Both missed boxes are one patient's, who is not drawn in (7/8)^8 = 34 % of the replicates.
    assert row["bootstrap_high"] == 1.0


def test_the_model_card_and_the_checklists_know_the_study(out: Path) -> None:
    card = (out / "model_card.md").read_text()
    assert "- Internal: 8 studies of 8 patients" in card
    assert "- External: 14 studies" in card
    claim = table_of(out, "claim_2024").set_index("number")
    assert claim.loc[35, "where"] == "flow.csv, flow.png"
    assert claim.loc[44, "answer"] == "not recorded in the run"


def test_versions_of_the_model_are_not_compared_with_it(box_table) -> None:
    from tfspine.config import EvaluationConfig
    from tfspine.evaluation.boxes.reading_set import ReadingSet
    from tfspine.evaluation.question import Question
    from tfspine.evaluation.reviewer_results import reviewer_results

    boxes = box_table(*({"slice": f"s{n}", "grade": word} for n, word in enumerate(GRADE_WORDS)))
    readers = dict.fromkeys(("v1", "v2", "person"), boxes)
    internal = ReadingSet("internal", boxes, boxes, readers, {}, 0.3, 0.95)
    for model, expected in (("mean", {"person"}), ("v1", {"v2", "person"})):
        question = Question(internal, model, averages={"mean": ("v1", "v2")})
        makes = reviewer_results(question, EvaluationConfig(replicates=20), seed=1)
        tables = {result.table.name: result.table for make in makes for result in make()}
        comparisons = tables["comparisons"]
        assert {row["reader"] for row in comparisons.rows} == expected
