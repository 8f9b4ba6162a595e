"""What ``tfspine evaluate`` makes of what people give it: who read what, whose studies they are, names of any kind."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tfspine.cli.main import main
from tfspine.formats.slices_csv import SLICE_COLUMNS

STUDIES = [f"s{number:02d}" for number in range(20)]


@pytest.fixture
def files(tmp_path: Path, box_table) -> Path:
    """Write a reference of twenty studies with slices 1 and 2 in each, a model of all, and a human of half of them."""
    rows = [
        {"study": study, "slice": slice_, "grade": "severe" if number % 2 else "normal"}
        for number, study in enumerate(STUDIES)
        for slice_ in ("1", "2")
    ]
    boxes = box_table(*rows)
    boxes.to_csv(tmp_path / "reference.csv", index=False)
    boxes.to_csv(tmp_path / "model.csv", index=False)
    boxes[boxes["study"] < "s10"].to_csv(tmp_path / "human.csv", index=False)
    return tmp_path


def quiet_evaluate(
    files: Path, *readers: str, more: tuple[str, ...] = (), extent: str = "paper", code: int = 0
) -> Path:
    """Run the command on some readers, NAME=FILE below `files`, and return the folder that it wrote."""
    out = files / f"evaluation-{len(list(files.iterdir()))}"
    named = [reader.partition("=") for reader in readers]
    words = [word for name, _, path in named for word in ("--reader", f"{name}={files / path}")]
    usual = ("--reference", str(files / "reference.csv"), "--extent", extent, "--out", str(out))
    assert main(["evaluate", *usual, *words, "--set", "evaluation.replicates=20", *more]) == code
    return out


def measured(out: Path, *, of: str = "readers") -> dict:
    content = json.loads((out / "metrics.json").read_text())
    return content[of] if of == "readers" else content[of]["readers"]


def recall(out: Path, reader: str) -> tuple[float | None, int]:
    found = measured(out)[reader]["regions"]["central_canal"]["detection"][0]["recall"]
    return found["value"], found["n"]


def test_a_reader_of_half_of_the_studies_has_missed_nothing_in_the_others(files: Path) -> None:
    out = quiet_evaluate(files, "model=model.csv", "human=human.csv")
    assert recall(out, "human") == (1.0, 20)
    summary = (out / "summary.txt").read_text()
    assert "human read 10 of 20 studies" in summary
    assert "model read" not in summary
    coverage = pd.read_csv(out / "coverage.csv")
    assert coverage.set_index("reader").loc["human", ["read", "studies"]].tolist() == [10, 20]


def test_studies_that_were_read_without_a_find_are_missed_where_the_user_says_so(files: Path) -> None:
    (files / "read.csv").write_text("study\n" + "\n".join(STUDIES[:15]) + "\n")
    out = quiet_evaluate(files, "human=human.csv", more=("--read", f"human={files / 'read.csv'}"))
    assert recall(out, "human") == (20 / 30, 30)
    assert "human read 15 of 20 studies (known from --read read.csv)" in " ".join(
        (out / "summary.txt").read_text().split()
    )


def test_a_list_of_slices_is_all_that_was_read(files: Path) -> None:
    rows = "".join(f"{study},axial,1\n" for study in STUDIES)
    (files / "read.csv").write_text(f"study,plane,slice\n{rows}")
    human = pd.read_csv(files / "model.csv", dtype={"slice": str})
    human[human["slice"] == "1"].to_csv(files / "human.csv", index=False)
    out = quiet_evaluate(files, "human=human.csv", more=("--read", f"human={files / 'read.csv'}"))
    assert recall(out, "human") == (1.0, 20)


def test_predict_tells_which_studies_a_model_read(files: Path) -> None:
    folder = files / "predictions"
    (folder / "studies").mkdir(parents=True)
    for study in STUDIES[:12]:
        (folder / "studies" / f"{study}.json").write_text("{}")
    (folder / "manifest.json").write_text('{"command": "predict"}')
    (files / "human.csv").rename(folder / "predictions.csv")
    out = quiet_evaluate(files, "model=predictions/predictions.csv")
    assert recall(out, "model") == (20 / 24, 24)


def test_slices_without_a_box_of_a_csv_reference_count_once_they_are_said_to_be_read(files: Path, box_table) -> None:
    model = pd.read_csv(files / "model.csv", dtype={"slice": str})
    more = box_table(*({"study": study, "slice": "3", "grade": "mild"} for study in STUDIES))
    pd.concat([model, more]).to_csv(files / "model.csv", index=False)
    rows = "".join(f"{study},axial,{slice_}\n" for study in STUDIES for slice_ in (1, 2, 3, 4))
    (files / "read.csv").write_text(f"study,plane,slice\n{rows}")
    before = measured(quiet_evaluate(files, "model=model.csv"))["model"]
    assert (before["outside_boxes"], before["regions"]["central_canal"]["images"]) == (20, 40)
    out = quiet_evaluate(files, "model=model.csv", more=("--read", f"reference={files / 'read.csv'}"))
    after = measured(out)["model"]
    assert (after["outside_boxes"], after["regions"]["central_canal"]["images"]) == (0, 80)
    assert after["regions"]["central_canal"]["detection"][0]["false_positives"] == 20


def test_patients_of_the_splits_are_the_unit_without_slices(files: Path) -> None:
    lines = "".join(f"p{number // 2},{study},test\n" for number, study in enumerate(STUDIES))
    (files / "splits.csv").write_text(f"patient,study,split\n{lines}")
    out = quiet_evaluate(files, "model=model.csv", extent="full", more=("--splits", str(files / "splits.csv")))
    assert "20 studies of 10 patients" in (out / "model_card.md").read_text()
    assert set(pd.read_csv(out / "patients.csv")["patients"]) == {10}
    assert set(pd.read_csv(out / "bootstrap.csv")["patients"]) == {10}


@pytest.mark.parametrize(
    ("trained", "said"),
    [
        ("p0,s00", "study s00 is in the training split"),
        ("p0,other", "study s00 is of patient p0, whose study other is in the training split"),
    ],
)
def test_an_external_set_with_a_training_patient_is_refused(files: Path, capsys, trained: str, said: str) -> None:
    lines = "".join(f"q{study},{study},test\n" for study in STUDIES[1:])
    (files / "splits.csv").write_text(f"patient,study,split\n{trained},train\n{lines}")
    rows = [
        dict.fromkeys(SLICE_COLUMNS, 0) | {"key": f"{study}-1", "study": study, "plane": "axial", "patient": patient}
        for study, patient in zip(STUDIES, ["p0", *(f"q{study}" for study in STUDIES[1:])], strict=True)
    ]
    (files / "external").mkdir()
    pd.DataFrame(rows, columns=list(SLICE_COLUMNS)).to_csv(files / "external" / "slices.csv", index=False)
    second = ("--external-reference", str(files / "reference.csv"), "--external-reader", f"m={files / 'model.csv'}")
    more = ("--splits", str(files / "splits.csv"), *second, "--external-slices", str(files / "external"))
    quiet_evaluate(files, "model=model.csv", more=more, code=2)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_study_of_two_patients_is_refused(files: Path, capsys) -> None:
    lines = "".join(f"{study},{study},test\n" for study in STUDIES)
    (files / "splits.csv").write_text(f"patient,study,split\n{lines}")
    slices = pd.DataFrame([dict.fromkeys(SLICE_COLUMNS, 0) | {"key": "1", "study": "s00", "patient": "other"}])
    (files / "slices").mkdir()
    slices.to_csv(files / "slices" / "slices.csv", index=False)
    more = ("--splits", str(files / "splits.csv"), "--slices", str(files / "slices"))
    quiet_evaluate(files, "model=model.csv", more=more, code=2)
    assert "study s00 of patient s00, in" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--reader", "--repeat", "--external-reader"])
def test_a_study_that_disagrees_with_the_slice_is_refused_with_its_line(
    tmp_path: Path, box_table, capsys, option: str
) -> None:
    rows = [{"study": study, "slice": f"{study}-axial-01", "grade": "mild"} for study in ("A", "B")]
    box_table(*rows).to_csv(tmp_path / "reference.csv", index=False)
    box_table(rows[0], rows[1] | {"study": "A"}).to_csv(tmp_path / "reader.csv", index=False)
    name = "reference" if option == "--repeat" else "other"
    more = (option, f"{name}={tmp_path / 'reader.csv'}")
    if option == "--external-reader":
        more = (*more, "--external-reference", str(tmp_path / "reference.csv"))
    quiet_evaluate(tmp_path, "model=reference.csv", more=more, code=2)
    error = capsys.readouterr().err
    assert "reader.csv: line 3: slice B-axial-01 of study A; it belongs to study B" in error
    assert error.count("\n") == 1


def test_slices_of_one_name_in_every_study_are_of_their_own_study(files: Path) -> None:
    # A perfect reader, 1 px off, of two studies whose slices are both called 1 and 2 (A normal, B severe).
    boxes = pd.read_csv(files / "reference.csv", dtype={"slice": str})
    shift = [1.0 if study < "s10" else -1.0 for study in boxes["study"]]
    boxes.assign(ymin=boxes["ymin"].add(shift).clip(0), ymax=boxes["ymax"].add(shift)).to_csv(
        files / "model.csv", index=False
    )
    canal = measured(quiet_evaluate(files, "model=model.csv"))["model"]["regions"]["central_canal"]
    assert canal["confusion"] == [[20, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 20]]
    assert canal["images"] == 40


def test_a_box_outside_what_was_said_to_be_read_is_refused(files: Path, capsys) -> None:
    (files / "read.csv").write_text("study\ns00\n")
    quiet_evaluate(files, "human=human.csv", more=("--read", f"human={files / 'read.csv'}"), code=2)
    error = capsys.readouterr().err
    assert "human.csv: line 4: a central_canal on slice 1 of study s01, which" in error


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("study,slice\ns00,1\n", "slices without their plane"),
        ("study,region\ns00,canal\n", 'line 2: region "canal"; expected one of central_canal'),
        ("patient\np\n", "no column study"),
        ("study,plane\n,axial\n", "line 2: no study"),
    ],
)
def test_a_list_of_what_was_read_is_checked(files: Path, capsys, read: str, said: str) -> None:
    (files / "read.csv").write_text(read)
    quiet_evaluate(files, "human=human.csv", more=("--read", f"human={files / 'read.csv'}"), code=2)
    assert said in capsys.readouterr().err


def test_studies_of_one_name_in_two_sets_are_other_studies(files: Path) -> None:
    """The external s00 is a woman's on a GE scanner, that of the training split is another patient's on a Philips."""
    (files / "splits.csv").write_text(
        "patient,study,split\na,s00,train\n" + "".join(f"q{study},{study},test\n" for study in STUDIES[1:])
    )
    for folder, patient, vendor in (("slices", "a", "Philips"), ("external", "b", "GE MEDICAL")):
        rows = [
            dict.fromkeys(SLICE_COLUMNS, 0)
            | {"key": f"{folder}-{study}", "study": study, "plane": "axial", "manufacturer": vendor}
            | {"patient": patient if study == "s00" else f"{'q' if folder == 'slices' else 'e'}{study}"}
            for study in STUDIES
        ]
        (files / folder).mkdir()
        pd.DataFrame(rows, columns=list(SLICE_COLUMNS)).to_csv(files / folder / "slices.csv", index=False)
    second = ("--external-reference", str(files / "reference.csv"), "--external-reader", f"model={files / 'model.csv'}")
    more = ("--splits", str(files / "splits.csv"), "--slices", str(files / "slices"))
    more = (*more, *second, "--external-slices", str(files / "external"))
    out = quiet_evaluate(files, "model=model.csv", extent="full", more=more)
    vendors = {
        name: set(table.loc[table["factor"] == "Vendor", "subgroup"])
        for name in ("subgroups", "external_subgroups")
        for table in [pd.read_csv(out / f"{name}.csv")]
    }
    assert vendors == {"subgroups": {"Philips"}, "external_subgroups": {"GE"}}


def test_what_a_csv_reference_leaves_open_is_said(files: Path) -> None:
    words = " ".join((quiet_evaluate(files, "model=model.csv") / "summary.txt").read_text().split())
    assert (
        "reference.csv names the slices with a box: wrong boxes on others are not counted. --read reference=" in words
    )
    assert "20 studies, each counted as one patient where the patient is not known" in words
