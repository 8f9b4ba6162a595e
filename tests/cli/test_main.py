"""The command: exit codes, one-line errors, streams."""

import json
from pathlib import Path

import pytest

from tfspine.cli.main import VERBS, build_parser, main


def test_every_verb_has_a_module_that_parses() -> None:
    for verb in VERBS:
        parser = build_parser(verb)
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([verb, "--help"])
        assert ended.value.code == 0


def test_a_misspelt_setting_is_one_line_with_the_right_spelling(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["phantom", "--out", str(tmp_path / "out"), "--set", "phantom.studis=3"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert 'unknown key "phantom.studis"; did you mean "phantom.studies"?' in captured.err
    assert captured.out == ""
    assert not (tmp_path / "out").exists()


def test_an_unknown_verb_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["trian"])
    assert ended.value.code == 2


def test_info_tells_a_program_the_classes_and_signatures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    # The authors' class 1, "left" in the image, is the patient's right (docs/architecture.md, Decisions).
    assert facts["detector_classes"]["axial"][0] == {"id": 1, "name": "right_lateral_recess"}
    assert facts["signatures"]["read"]["inputs"] == [
        {"name": "images", "dtype": "uint8", "shape": [None, None, None, 1]}
    ]


def test_info_fits_80_columns_and_loses_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    for word in ("L5-S1", "1 right_lateral_recess", "read_bytes:", "grade_probabilities float32[?, ?, 4]"):
        assert word in " ".join(told.split())
