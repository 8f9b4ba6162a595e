"""An ``--out`` that is one file does not become a file with the name of the folder that was meant."""

from pathlib import Path

import pytest

from tfspine.cli.main import main

COMMANDS = {
    "split": "split --slices x",
    "check": "check --labels x --slices y",
    "report": "report --predictions x --slices y",
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_slash_at_the_end_is_refused(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMANDS[verb].split(), "--out", f"{tmp_path}/new/"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        f"tfspine {verb}: --out {tmp_path}/new/: is a folder; expected a file to write, for example"
    )
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_folder_that_is_there_is_refused(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    assert main([*COMMANDS[verb].split(), "--out", str(tmp_path)]) == 2
    assert "is a folder; expected a file to write" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("option", ["--key", "--salt-file"])
def test_other_files_that_are_written_are_no_folders_either(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["deidentify", str(tmp_path), "--out", str(tmp_path / "clean"), option, f"{tmp_path}/new/"]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"tfspine deidentify: {option} {tmp_path}/new/: is a folder; expected")
    assert list(tmp_path.iterdir()) == []
