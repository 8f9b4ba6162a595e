"""``tfspine records`` from LabelImg files to a folder that opens, and its refusals."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from tfspine.cli.main import main
from tfspine.experiment_file import load_experiment
from tfspine.formats.labelimg_xml import read_voc, write_voc
from tfspine.formats.slices_csv import SLICE_COLUMNS
from tfspine.labels import Plane
from tfspine.records.examples import RecordExample
from tfspine.records.folder import open_records
from tfspine.structures import AnnotatedSlice


@pytest.fixture
def command(tmp_path: Path, examples: list[RecordExample]) -> list[str]:
    """Lay out an ingest folder, labels and splits as their commands write them, and return the command line."""
    ingested = tmp_path / "ingested"
    ingested.mkdir()
    (tmp_path / "slices").rename(ingested / "slices")
    rows: list[dict[str, object]] = []
    splits = {}
    for example in examples:
        study = example.key.split("-")[0]
        rows.append({"key": example.key, "study": study, "plane": example.plane, "rows": 40, "columns": 64})
        splits[study] = example.split
        boxes = example.annotations[:3]  # without the second canal, which a slice does not have
        if boxes:
            write_voc(tmp_path / "labels" / f"{example.key}.xml", AnnotatedSlice(example.key, (40, 64), boxes))
        splits[study] = example.split
    pd.DataFrame(rows, columns=list(SLICE_COLUMNS)).to_csv(ingested / "slices.csv", index=False)
    lines = [f"patient-{study},{study},{split}" for study, split in splits.items()]
    (tmp_path / "splits.csv").write_text("\n".join(["patient,study,split", *lines]) + "\n")
    paths = {
        "slices": ingested,
        "labels": tmp_path / "labels",
        "splits": tmp_path / "splits.csv",
        "out": tmp_path / "out",
    }
    options = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    return ["records", *options, "--set", "records.shards=3"]


def test_writes_records_that_open(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 0
    assert "axial: 4 train, 2 validation, 2 test" in capsys.readouterr().out
    experiment = load_experiment(None, ["records.shards=3"])
    assert len(open_records(tmp_path / "out", plane=Plane.AXIAL, experiment=experiment).files("train")) == 3


def test_a_missing_png_leaves_nothing_behind(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ingested" / "slices" / "study1-axial-02.png").unlink()
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "study1-axial-02.png: cannot be read: No such file or directory; run tfspine ingest again" in error
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_an_unknown_label_names_its_file(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labels" / "study0-axial-01.xml"
    path.write_text(path.read_text().replace("central_canal", "canal"))
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "study0-axial-01.xml" in error
    assert 'label "canal' in error


def test_a_folder_without_labels_is_refused(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command[command.index("--labels") + 1] = str(tmp_path / "nowhere")
    assert main(command) == 2
    assert "nowhere: no such folder; name the one that LabelImg saves to" in capsys.readouterr().err


def test_an_excluded_study_gives_no_records(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "splits.csv"
    path.write_text(path.read_text().replace("study1,train", "study1,excluded"))
    assert main(command) == 0
    assert "axial: 2 train, 2 validation, 2 test" in capsys.readouterr().out


def test_what_check_calls_an_error_is_refused(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two canals on one slice: records took what check refused."""
    path = next((tmp_path / "labels").glob("study1-axial-*.xml"))
    annotated = read_voc(path)
    write_voc(path, dataclasses.replace(annotated, annotations=annotated.annotations * 2))
    slices, labels = tmp_path / "ingested", tmp_path / "labels"
    check = ["check", "--slices", str(slices), "--labels", str(labels), "--out", str(tmp_path / "problems.csv")]
    assert main(check) == 1
    first = pd.read_csv(tmp_path / "problems.csv").query("severity == 'error'").iloc[0]
    capsys.readouterr()
    assert main(command) == 2
    error = capsys.readouterr().err
    assert f"{path}: {first.problem}" in error and "tfspine check lists every problem" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["check", "records"])
def test_labels_of_other_slices_are_told_alike_and_nobody_is_asked_to_remove_a_file(
    verb: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "labels").glob("*.xml"):
        path.rename(path.with_name(f"other-{path.name}"))
    words = {
        "records": command,
        "check": [
            *("check", "--slices", str(tmp_path / "ingested"), "--labels", str(tmp_path / "labels")),
            *("--out", str(tmp_path / "problems.csv")),
        ],
    }
    assert main(words[verb]) == 2
    error = capsys.readouterr().err
    assert "labels of another ingest or de-identification" in error and "tfspine labels rename --key" in error
    assert "remove" not in error


def test_a_full_disk_is_one_line(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit of 5,000 bytes a file stands for the disk: four slices of 2,560 pixels of noise are more."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        assert main([*command, "--set", "records.shards=1"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    error = capsys.readouterr().err
    assert "out: cannot be written: File too large; free space or name another --out" in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
