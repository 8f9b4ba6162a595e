"""`manifest.json`: what is written is read by name, and any other file is refused with its name."""

from pathlib import Path

import pytest

from tfspine.errors import FormatError
from tfspine.manifest import read_manifest, require_manifest, split_of, write_manifest


def test_what_is_written_is_read_by_name(tmp_path: Path) -> None:
    config = {"name": "paper", "seed": 3, "grader": {"epochs": 2}}
    write_manifest(tmp_path, command="train", config=config, details={"kind": "grader", "split": "ab12"})
    manifest = require_manifest(tmp_path)
    assert (manifest.command, manifest.experiment, manifest.seed) == ("train", "paper", 3)
    assert (manifest.kind, manifest.split_hash, manifest.split_read) == ("grader", "ab12", "")
    assert (manifest.section("grader"), manifest.section("detector")) == ({"epochs": 2}, {})
    assert manifest.packages["numpy"]
    assert split_of(tmp_path) == "ab12"


def test_predict_says_which_models_it_asked(tmp_path: Path) -> None:
    details = {"models": {"axial": 2}, "source": "exported", "split": "test"}
    write_manifest(tmp_path, command="predict", details=details)
    manifest = require_manifest(tmp_path)
    assert (manifest.models, manifest.source, manifest.split_read) == ({"axial": 2}, "exported", "test")


def test_a_folder_may_have_no_manifest(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", "null"])
def test_what_is_no_manifest_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(FormatError, match=r"manifest\.json: not a readable manifest; name a folder"):
        read_manifest(tmp_path)
