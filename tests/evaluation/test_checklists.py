"""Checklists and model card: complete, and without what no run recorded."""

import json
from pathlib import Path

import pytest

from tfspine.errors import FormatError
from tfspine.evaluation.boxes.reading_set import ReadingSet
from tfspine.evaluation.documents.checklists import UNKNOWN, Checklist, checklist_items, checklist_table
from tfspine.evaluation.documents.model_card import model_card
from tfspine.evaluation.documents.study_facts import Answer, Fact, manifest_facts
from tfspine.evaluation.measured_facts import measured_facts
from tfspine.evaluation.question import Question
from tfspine.evaluation.tables.cohort import Person
from tfspine.evaluation.tables.table import Table


def write_manifest(folder: Path, command: str, **content: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"command": command, **content}))
    return folder


def test_claim_has_its_44_items() -> None:
    assert [item.number for item in checklist_items(Checklist.CLAIM_2024)] == [str(n) for n in range(1, 45)]


def test_stard_has_its_30_items_four_of_them_in_two_halves() -> None:
    numbers = [item.number for item in checklist_items(Checklist.STARD_2015)]
    assert len(numbers) == 34
    assert [number for number in numbers if number.endswith("a")] == ["10a", "12a", "13a", "21a"]
    assert {int(number.rstrip("ab")) for number in numbers} == set(range(1, 31))


@pytest.mark.parametrize("checklist", Checklist)
def test_nothing_is_claimed_without_a_fact(checklist: Checklist) -> None:
    assert {row["answer"] for row in checklist_table(checklist, {}).rows} == {UNKNOWN}


def test_every_fact_is_asked_for_somewhere() -> None:
    asked = {fact for checklist in Checklist for item in checklist_items(checklist) for fact in item.facts}
    # These only the model card shows.
    assert set(Fact) - asked <= {Fact.SIMULATED}


def test_an_answer_comes_with_its_place() -> None:
    facts = {Fact.PARTITION: Answer("by patient", "records/manifest.json")}
    rows = {row["number"]: row for row in checklist_table(Checklist.CLAIM_2024, facts).rows}
    assert (rows["20"]["answer"], rows["20"]["where"]) == ("by patient", "records/manifest.json")
    assert rows["44"]["answer"] == UNKNOWN


@pytest.mark.parametrize("kind", ["grader", "grader_members"])
def test_manifests_say_how_the_model_was_made(kind: str, tmp_path: Path) -> None:
    grader = {"kind": kind}
    config = {"name": "x", "seed": 7, "grader": {"epochs": 3, "loss": "plain", "batch_size": 8, "filters": [1, 2]}}
    folders = [
        write_manifest(tmp_path / "simulated", "phantom", details={"studies": 12}),
        write_manifest(tmp_path / "run", "train", config=config, details=grader),
        write_manifest(tmp_path / "served", "serve"),
    ]
    facts = manifest_facts(folders)
    assert facts[Fact.SIMULATED] == Answer(
        "12 simulated studies, not patients (tfspine phantom)", "simulated/manifest.json"
    )
    assert "seed 7" in facts[Fact.TRAINING].text
    assert "3 epochs of 8, loss plain" in facts[Fact.TRAINING].text
    assert facts[Fact.SELECTION].where == "run/manifest.json"
    assert Fact.SOFTWARE not in facts


def test_several_runs_say_what_each_of_them_says(tmp_path: Path) -> None:
    config = {
        "name": "x",
        "seed": 7,
        "detector": {"checkpoint": "/data/somebody/coco/ckpt-400"},
        "grader": {"filters": [1]},
    }
    folders = [write_manifest(tmp_path / name, "phantom", details={"studies": n}) for name, n in (("a", 12), ("b", 5))]
    folders += [
        write_manifest(tmp_path / kind, "train", config=config, details={"kind": kind})
        for kind in ("detector", "grader")
    ]
    facts = manifest_facts(folders)
    assert facts[Fact.SIMULATED].text.count("simulated studies") == 2
    assert facts[Fact.SIMULATED].where == "a/manifest.json, b/manifest.json"
    # The checkpoint is the detector's: graders begin at random.
    assert facts[Fact.INITIAL_WEIGHTS].text == "detector: coco/ckpt-400; grader: at random"
    assert facts[Fact.TRAINING].text.count("seed 7") == 1
    assert facts[Fact.SELECTION].where == "grader/manifest.json"


def test_age_and_sex_are_claimed_only_where_they_are_known(box_table) -> None:
    boxes = box_table({"grade": "mild"})
    internal = ReadingSet("internal", boxes, boxes, {"net": boxes}, {}, 0.3, 0.95)
    made = {name: Table(name, "", (), ({"factor": "Sex"}, {"factor": "Level"})) for name in ("cohort", "subgroups")}
    for people, known in (({}, False), ({"1.1": Person(40.0, "F")}, True)):
        facts = measured_facts(Question(internal, "net", people=people), made, reference="labels", has_flow=False)
        assert (Fact.DEMOGRAPHICS in facts) is known
        rows = {row["number"]: row["answer"] for row in checklist_table(Checklist.CLAIM_2024, facts).rows}
        assert (rows["36"] == UNKNOWN) is not known
    assert facts[Fact.SUBGROUPS].text == "by level, sex, each with its n"
    assert Fact.CALIBRATION not in facts


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"manifest\.json: not a readable manifest; name a folder"):
        manifest_facts([tmp_path])


def test_the_card_says_what_it_does_not_know() -> None:
    card = model_card("net", {Fact.MODEL: Answer("six blocks", "run")}, tables=[], notice=["Not for diagnosis."])
    assert card.startswith("# Model card: net\n\n**Not for diagnosis.**\n")
    assert "- Networks: six blocks (run)" in card
    assert card.count("Not recorded in the run") == 3
