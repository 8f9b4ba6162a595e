"""Labels drawn before a de-identification belong to the same pictures after it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfspine.cli.main import main
from tfspine.config import PhantomConfig
from tfspine.formats.labelimg_xml import read_voc, write_voc
from tfspine.phantom.study import simulate_study, write_dicom
from tfspine.structures import AnnotatedSlice

SALT = "--salt-file"


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One simulated study, labelled, then de-identified and ingested once more under other pseudonyms."""
    folder = tmp_path_factory.mktemp("both")
    study = simulate_study(PhantomConfig(studies=1, matrix_px=64), seed=3, number=1)
    write_dicom(study, folder / "dicom")
    for name in ("before", "after"):
        (folder / f"{name}.salt").write_text(f"a salt for {name}, long enough")
        (folder / f"{name}.salt").chmod(0o600)
    assert run("ingest", folder / "dicom", "--out", folder / "before", SALT, folder / "before.salt") == 0
    words = ("--out", folder / "clean", SALT, folder / "after.salt", "--key", folder / "key.csv")
    assert run("deidentify", folder / "dicom", *words) == 0
    assert run("ingest", folder / "clean" / "dicom", "--out", folder / "after", SALT, folder / "after.salt") == 0
    before = pd.read_csv(folder / "before" / "slices.csv")
    for number, (key, rows, columns) in enumerate(zip(before["key"], before["rows"], before["columns"], strict=True)):
        write_voc(folder / "labels" / f"{key}.xml", AnnotatedSlice(key, (rows, columns), ()))
        text = (folder / "labels" / f"{key}.xml").read_text()
        (folder / "labels" / f"{key}.xml").write_text(
            text.replace("<segmented>0", f"<segmented>{number}").replace("</folder>", "</folder><path>/home/Doe</path>")
        )
    return folder


def rename(folder: Path, out: Path) -> int:
    words = ("--labels", folder / "labels", "--slices", folder / "before", "--deidentified", folder / "after")
    return run("labels", "rename", *words, "--key", folder / "key.csv", "--out", out)


def test_every_label_lies_on_the_same_picture_as_before(both: Path, tmp_path: Path) -> None:
    assert rename(both, tmp_path / "out") == 0
    before, after = (pd.read_csv(both / name / "slices.csv") for name in ("before", "after"))
    assert not set(before["key"]) & set(after["key"])
    for number, key in enumerate(before["key"]):
        old = np.asarray(Image.open(both / "before" / "slices" / f"{key}.png"))
        [new] = [
            path for path in (tmp_path / "out").glob("*.xml") if f"<segmented>{number}</segmented>" in path.read_text()
        ]
        assert (np.asarray(Image.open(both / "after" / "slices" / f"{new.stem}.png")) == old).all()
        assert "Doe" not in new.read_text() and key not in new.read_text()
        assert read_voc(new).size_px == old.shape
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert "key.csv" not in manifest["inputs"]


def test_labels_without_a_slice_are_listed(both: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    first = next((both / "labels").glob("*.xml"))
    (labels / first.name).write_bytes(first.read_bytes())
    (labels / "stranger.xml").write_bytes(first.read_bytes())
    words = ("--slices", both / "before", "--deidentified", both / "after", "--key", both / "key.csv")
    assert run("labels", "rename", "--labels", labels, *words, "--out", tmp_path / "out") == 0
    assert pd.read_csv(tmp_path / "out" / "refused.csv")["file"].tolist() == ["stranger.xml"]
    assert "1 files refused" in capsys.readouterr().err


def test_another_key_carries_nothing_over(both: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = pd.read_csv(both / "key.csv", dtype=str)
    key.assign(new_sop_instance_uid="1.2.3").to_csv(tmp_path / "key.csv", index=False)
    words = ("--labels", both / "labels", "--slices", both / "before", "--deidentified", both / "after")
    assert run("labels", "rename", *words, "--key", tmp_path / "key.csv", "--out", tmp_path / "out") == 2
    assert "none can be carried over" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
