"""Runs that belong together: trained on one division of the patients."""

import json
from pathlib import Path

import pytest

from tfspine.errors import ModelError
from tfspine.saved_model.trained_runs import require_one_split


def run(folder: Path, split: str) -> Path:
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"kind": "grader", "split_hash": split}))
    return folder


def test_a_detector_and_a_grader_of_two_splits_are_refused(tmp_path: Path) -> None:
    """Whoever tests the one would have trained the other."""
    detector, same, other = (
        run(tmp_path / name, split) for name, split in (("d", "a" * 64), ("g", "a" * 64), ("h", "b" * 64))
    )
    assert require_one_split([detector, same]) == "a" * 64
    with pytest.raises(
        ModelError, match=f"{other}: trained on another split than {detector} .bbbbbbbbbbbb, aaaaaaaaaaaa"
    ):
        require_one_split([detector, same, other])
