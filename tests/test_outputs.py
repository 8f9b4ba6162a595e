"""What a command may write: no file of the user is replaced, no output is left incomplete."""

import json
import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tfspine.cli.main import main
from tfspine.errors import OutputError
from tfspine.hashes import files_of, hash_input
from tfspine.manifest import write_file, write_manifest
from tfspine.outputs import held, new_folder, resumable_folder, write_text
from tfspine.ownership import require_apart


def make(folder: Path, content: str = "made", *, command: str = "evaluate", name: str = "a.txt") -> None:
    """Write a folder as a command does."""
    with new_folder(folder, command=command) as partial:
        write_text(partial / name, content)
        write_manifest(partial, command=command)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_of(folder)}


SOURCES = ("labels", "slices", "splits.csv", "boxes.csv", "excluded", "records", "run", "dicom", "predictions")

FOLDER_VERBS = {
    "deidentify": "deidentify {0}/dicom --salt-file {0}/salt --out {1}",
    "ingest": "ingest {0}/dicom --out {1}",
    "import": "import spider {0}/dicom --out {1}",
    "exclude": "exclude --slices {0}/slices --labels {0}/labels --out {1}",
    "flow": "flow --excluded {0}/excluded --out {1}",
    "records": "records --slices {0}/slices --labels {0}/labels --splits {0}/splits.csv --out {1}",
    "predict": "predict --slices {0}/slices --out {1}",
    "evaluate": "evaluate --reference {0}/boxes.csv --reader a={0}/boxes.csv --out {1}",
    "explain": "explain --grader {0}/run --slices {0}/slices --boxes {0}/boxes.csv --out {1}",
    "phantom": "phantom --out {1}",
    "demo": "demo --out {1}",
    "paper-study": "paper-study --out {1}",
    "fetch": "fetch https://127.0.0.1:1/dicom-web --limit 1 --out {1}",
}
FILE_VERBS = {
    "check": "check --labels {0}/labels --slices {0}/slices --out {1}",
    "split": "split --slices {0}/slices --out {1}",
    "report": "report --predictions {0}/predictions --slices {0}/slices --out {1}",
}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    for name in SOURCES:
        path = folder / name
        if path.suffix:
            write_text(path, "x\n")
        else:
            write_text(path / "mine.txt", "x\n")
    write_text(folder / "salt", "0" * 64)
    return folder


@pytest.mark.parametrize("words", FOLDER_VERBS.values(), ids=FOLDER_VERBS)
def test_no_command_replaces_a_folder_that_it_did_not_write(
    words: str, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    write_text(out / "drawn.xml", "a day's work")
    assert main(words.format(sources, out).split()) == 2
    error = capsys.readouterr().err.strip()
    assert f"{out}: holds files that tfspine {words.split()[0]} did not write; nothing was touched" in error
    assert contents(out) == {"drawn.xml": b"a day's work"}


@pytest.mark.parametrize("words", FOLDER_VERBS.values(), ids=FOLDER_VERBS)
def test_no_command_replaces_the_folder_of_another_command(
    words: str, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    make(out, command="tune")
    before = contents(out)
    assert main(words.format(sources, out).split()) == 2
    assert f"{out}: holds what tfspine tune wrote; nothing was touched" in capsys.readouterr().err
    assert contents(out) == before


@pytest.mark.parametrize(
    ("verb", "out", "said"),
    [
        ("ingest", "dicom", "is an input of this command"),
        ("deidentify", "dicom", "is an input of this command"),
        ("exclude", "slices", "is an input of this command"),
        ("flow", "excluded", "is an input of this command"),
        ("evaluate", ".", "an input of this command"),
        ("records", "labels/records", "lies inside"),
        ("predict", "slices/slices", "lies inside"),
        ("explain", "run/explained", "lies inside"),
        ("check", "labels/mine.xml", "lies inside"),
        ("split", "slices/splits.csv", "lies inside"),
        ("report", "predictions/report.html", "lies inside"),
    ],
)
def test_an_output_is_apart_from_every_input(
    verb: str, out: str, said: str, sources: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(sources)
    words = (FOLDER_VERBS | FILE_VERBS)[verb].format(sources, sources / out)
    assert main(words.split()) == 2
    error = capsys.readouterr().err
    assert said in error and "name another --out" in error
    assert contents(sources) == before


def test_apart_looks_through_links_and_dots(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for output in ("link", "in/deep/..", "link/new", "."):
        with pytest.raises(OutputError, match="an input of this command"):
            require_apart(tmp_path / output, [tmp_path / "in"])
    require_apart(tmp_path / "inside", [tmp_path / "in"])


@pytest.mark.parametrize("words", FILE_VERBS.values(), ids=FILE_VERBS)
def test_no_command_replaces_a_file_that_it_did_not_write(
    words: str, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.csv"
    out.write_text("mine")
    assert main(words.format(sources, out).split()) == 2
    error = capsys.readouterr().err
    assert (
        f"{out}: already exists, and tfspine {words.split()[0]} did not write it; name another --out or --force"
    ) in error
    assert out.read_text() == "mine"


def test_a_file_is_replaced_by_its_own_command_unless_somebody_changed_it(tmp_path: Path) -> None:
    out = tmp_path / "splits.csv"
    write_file(out, "first", command="split")
    write_file(out, "second", command="split")
    with pytest.raises(OutputError, match="tfspine check did not write it"):
        write_file(out, "third", command="check")
    out.write_text("SECOND")  # as long as before
    with pytest.raises(OutputError, match="was changed after tfspine split wrote it"):
        write_file(out, "third", command="split")
    assert out.read_text() == "SECOND"
    write_file(out, "third", command="split", force=True)
    assert out.read_text() == "third"
    with pytest.raises(OutputError, match="is a folder"):
        write_file(tmp_path, "x", command="split", force=True)


def test_an_empty_folder_and_ones_own_are_written(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    make(tmp_path / "out", "first", name="only_first.txt")
    make(tmp_path / "out", "second")
    assert (tmp_path / "out" / "a.txt").read_text() == "second"
    assert not (tmp_path / "out" / "only_first.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_files_of_the_users_survive_in_a_folder_made_anew(tmp_path: Path) -> None:
    """LabelImg saves labels in the folder of the pictures by default."""
    out = tmp_path / "slices"
    with new_folder(out, command="ingest") as partial:
        write_text(partial / "slices" / "s1.png", "picture")
        write_manifest(partial, command="ingest")
    write_text(out / "slices" / "s1.xml", "drawn")
    (out / "link").symlink_to(tmp_path / "elsewhere")
    with new_folder(out, command="ingest") as partial:
        write_text(partial / "slices" / "s2.png", "another picture")
        write_manifest(partial, command="ingest")
    assert (out / "slices" / "s1.xml").read_text() == "drawn"
    assert (out / "link").readlink() == tmp_path / "elsewhere"
    assert {path.name for path in (out / "slices").iterdir()} == {"s1.xml", "s2.png"}
    # The third time it is still theirs.
    make(out, command="ingest")
    assert (out / "slices" / "s1.xml").read_text() == "drawn"


def test_a_file_of_the_users_where_the_command_would_write_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out)
    write_text(out / "b.txt", "mine")
    with pytest.raises(OutputError, match=r"b\.txt: tfspine evaluate did not write it"):
        make(out, name="b.txt")
    assert (out / "b.txt").read_text() == "mine" and (out / "a.txt").read_text() == "made"


def test_a_file_that_somebody_corrected_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out, "grade: mild")
    (out / "a.txt").write_text("grade: none")  # as long as before
    with pytest.raises(OutputError, match=r"a\.txt: was changed after tfspine evaluate wrote it; nothing was touched"):
        make(out, "grade: mild")
    assert (out / "a.txt").read_text() == "grade: none"


def test_what_changed_while_the_command_ran_counts_too(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(OutputError, match="nothing was touched"), new_folder(out, command="evaluate") as partial:
        write_manifest(partial, command="evaluate")
        write_text(out / "mine.txt", "mine")
    assert contents(out) == {"mine.txt": b"mine"}


def test_the_folder_one_is_in_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(OutputError, match="is the folder you are in"):
        make(Path("."))
    assert (tmp_path / "out" / "a.txt").read_text() == "made"


def test_a_failed_write_leaves_the_former_output_and_no_rest(tmp_path: Path) -> None:
    make(tmp_path / "out", "first")
    with pytest.raises(ValueError, match="stop"), new_folder(tmp_path / "out", command="evaluate") as folder:
        (folder / "a.txt").write_text("second")
        raise ValueError("stop")
    assert (tmp_path / "out" / "a.txt").read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    """/dev/full answers every write as a full disk does."""
    with (
        pytest.raises(OutputError, match="No space left on device"),
        new_folder(tmp_path / "out", command="evaluate") as folder,
    ):
        (folder / "before").write_text("x")
        with open("/dev/full", "w") as full:
            full.write("x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_over_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="is a file"), new_folder(tmp_path / "out", command="evaluate"):
        pass
    write_text(tmp_path / "deep" / "er.txt", "x")
    assert (tmp_path / "deep" / "er.txt").read_text() == "x"


@pytest.mark.parametrize("writing", [new_folder, resumable_folder])
def test_two_processes_do_not_write_one_folder(writing: Callable[..., object], tmp_path: Path) -> None:
    with (
        held(tmp_path / ".out.unfinished"),
        pytest.raises(OutputError, match=f"another process writes {tmp_path / 'out'}"),
        writing(tmp_path / "out", command="ingest"),  # type: ignore[attr-defined]
    ):
        pass


def test_a_stopped_run_leaves_what_the_next_goes_on_with(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), resumable_folder(tmp_path / "out", command="ingest") as folder:
        write_text(folder / "half", "x")
        raise KeyboardInterrupt
    with resumable_folder(tmp_path / "out", command="ingest") as folder:
        assert (folder / "half").read_text() == "x"
        write_manifest(folder, command="ingest")
    assert files_of(tmp_path / "out") == ["SHA256SUMS", "half", "manifest.json"]


def test_killed_between_the_two_renames_the_former_output_comes_back(tmp_path: Path) -> None:
    make(tmp_path / "out", "first")
    (tmp_path / "out").rename(tmp_path / ".out.former")
    with pytest.raises(ValueError, match="stop"), new_folder(tmp_path / "out", command="evaluate"):
        raise ValueError("stop")
    assert (tmp_path / "out" / "a.txt").read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def _write_for_ever(out: Path) -> None:
    with new_folder(out, command="evaluate") as partial:
        write_text(partial / "half.txt", "x")
        time.sleep(60)


def test_killed_while_writing_nothing_is_lost_and_the_next_run_clears_up(tmp_path: Path) -> None:
    make(tmp_path / "out", "first")
    process = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(tmp_path / "out",))
    process.start()
    while not (tmp_path / ".out.unfinished" / "half.txt").exists():
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert (tmp_path / "out" / "a.txt").read_text() == "first"
    make(tmp_path / "out", "second")
    assert (tmp_path / "out" / "a.txt").read_text() == "second"
    assert not (tmp_path / "out" / "half.txt").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_the_list_of_files_is_what_sha256sum_checks(tmp_path: Path) -> None:
    make(tmp_path / "out", "made")
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path / "out", capture_output=True, check=False).returncode == 0
    (tmp_path / "out" / "a.txt").write_text("MADE")
    assert subprocess.run(check, cwd=tmp_path / "out", capture_output=True, check=False).returncode == 1


def test_inputs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for reader in ("one", "two"):
        write_text(tmp_path / reader / "predictions.csv", reader)
    paths = [tmp_path / reader / "predictions.csv" for reader in ("one", "two")]
    write_manifest(tmp_path, command="evaluate", inputs=paths)
    recorded = json.loads((tmp_path / "manifest.json").read_text())["inputs"]
    assert recorded == {
        "one/predictions.csv": hash_input(paths[0]),
        "two/predictions.csv": hash_input(paths[1]),
    }
