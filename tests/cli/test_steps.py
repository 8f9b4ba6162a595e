"""Steps: what is redone when, and who has the last word on a setting."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tfspine.cli import steps as of_steps
from tfspine.cli.steps import Step, run_steps
from tfspine.config import Experiment, GraderConfig, PhantomConfig
from tfspine.errors import OutputError, TfspineError
from tfspine.hashes import code_hash
from tfspine.outputs import held


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record command lines instead of running them; a word that begins with out= is a file to write."""
    lines: list[list[str]] = []

    def call(_: str, words: Sequence[str]) -> None:
        lines.append(list(words))
        for word in words:
            if word.startswith("out="):
                Path(word.removeprefix("out=")).write_text("written")

    monkeypatch.setattr(of_steps, "_call", call)
    return lines


def two_steps(out: Path, *, workers: int = 1) -> tuple[Step, Step]:
    made, read = out / "made", out / "read"
    first = Step("make", ("make", f"out={made}"), (made,), sections=("phantom",), pace=("--workers", str(workers)))
    return first, Step("read", ("read", f"out={read}"), (read,), needs=("make",))


def verbs(called: list[list[str]]) -> list[str]:
    verbs = [words[0] for words in called]
    called.clear()
    return verbs


def test_more_workers_between_two_stretches_redo_nothing(tmp_path: Path, called: list[list[str]]) -> None:
    run_steps(two_steps(tmp_path), tmp_path, Experiment(), [])
    assert verbs(called) == ["make", "read"]
    run_steps(two_steps(tmp_path, workers=2), tmp_path, Experiment(phantom=PhantomConfig(workers=2)), [])
    assert verbs(called) == []


@pytest.mark.parametrize(
    ("changed", "redone"),
    [
        (Experiment(phantom=PhantomConfig(studies=25)), ["make", "read"]),
        (Experiment(seed=2), ["make", "read"]),
        (Experiment(grader=GraderConfig(epochs=1)), []),
    ],
)
def test_a_setting_redoes_the_steps_that_it_reaches(
    changed: Experiment, redone: list[str], tmp_path: Path, called: list[list[str]]
) -> None:
    run_steps(two_steps(tmp_path), tmp_path, Experiment(), [])
    called.clear()
    run_steps(two_steps(tmp_path), tmp_path, changed, [])
    assert verbs(called) == redone


def test_a_steps_own_setting_is_part_of_what_it_made(tmp_path: Path, called: list[list[str]]) -> None:
    first, second = two_steps(tmp_path)
    run_steps([replace(first, settings=("a.b=1",)), second], tmp_path, Experiment(), [])
    called.clear()
    run_steps([replace(first, settings=("a.b=2",)), second], tmp_path, Experiment(), [])
    assert verbs(called) == ["make", "read"]


def test_what_an_interrupted_step_has_written_stays_for_it(
    tmp_path: Path, called: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = two_steps(tmp_path)
    run_steps(steps[:1], tmp_path, Experiment(), [])

    def fail(_: str, words: Sequence[str]) -> None:
        (tmp_path / "read").write_text("half")
        raise TfspineError("interrupted")

    monkeypatch.setattr(of_steps, "_call", fail)
    with pytest.raises(TfspineError):
        run_steps(steps, tmp_path, Experiment(), [])
    found = []
    monkeypatch.setattr(of_steps, "_call", lambda _, words: found.append((words[0], (tmp_path / "read").read_text())))
    run_steps(steps, tmp_path, Experiment(), [])
    assert found == [("read", "half")]


def test_a_byte_changed_in_what_a_step_reads_redoes_it(tmp_path: Path, called: list[list[str]]) -> None:
    first, second = two_steps(tmp_path)
    steps = (first, replace(second, arguments=(*second.arguments, tmp_path / "made")))
    run_steps(steps, tmp_path, Experiment(), [])
    called.clear()
    (tmp_path / "made").write_text("wriTten")  # as long as before
    run_steps(steps, tmp_path, Experiment(), [])
    assert verbs(called) == ["read"]


def test_other_code_redoes_the_steps_that_run_it(
    tmp_path: Path, called: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_steps(two_steps(tmp_path), tmp_path, Experiment(), [])
    called.clear()
    monkeypatch.setattr(
        of_steps, "code_hash", lambda module: "new" if module == "tfspine.cli.read" else code_hash(module)
    )
    run_steps(two_steps(tmp_path), tmp_path, Experiment(), [])
    assert verbs(called) == ["read"]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    """A step whose command goes on in its folder, done once."""

    def call(_: str, words: Sequence[str]) -> None:
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / "weights").write_text(words[-1])

    monkeypatch.setattr(of_steps, "_call", call)
    step = Step("train", ("train", "--out", tmp_path / "run", "seed=1"), (tmp_path / "run",))
    run_steps([step], tmp_path, Experiment(), [])
    return step


def test_a_run_that_is_trained_anew_takes_the_place_of_the_former(trained: Step, tmp_path: Path) -> None:
    anew = replace(trained, arguments=(*trained.arguments[:-1], "seed=2"))
    run_steps([anew], tmp_path, Experiment(), [])
    assert (tmp_path / "run" / "weights").read_text() == "seed=2"
    assert not list(tmp_path.glob("run.former*"))


def test_a_former_run_is_kept_until_the_new_one_is_complete(
    trained: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = of_steps._call

    def fail(_: str, words: Sequence[str]) -> None:
        raise TfspineError("interrupted")

    anew = replace(trained, arguments=(*trained.arguments[:-1], "seed=2"))
    monkeypatch.setattr(of_steps, "_call", fail)
    with pytest.raises(TfspineError):
        run_steps([anew], tmp_path, Experiment(), [])
    assert (tmp_path / "run.former-1" / "weights").read_text() == "seed=1"
    monkeypatch.setattr(of_steps, "_call", good)
    run_steps([anew], tmp_path, Experiment(), [])
    assert (tmp_path / "run" / "weights").read_text() == "seed=2"
    assert not list(tmp_path.glob("run.former*"))


def test_a_former_run_that_holds_somebodys_file_is_kept(
    trained: Step, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run" / "notes.txt").write_text("mine")
    run_steps([replace(trained, arguments=(*trained.arguments[:-1], "seed=2"))], tmp_path, Experiment(), [])
    assert (tmp_path / "run.former-1" / "notes.txt").read_text() == "mine"
    assert f"{tmp_path / 'run.former-1'}: the former output, kept" in capsys.readouterr().err


def test_what_is_made_anew_is_told(tmp_path: Path, called: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    run_steps(two_steps(tmp_path), tmp_path, Experiment(), [])
    assert "made anew" not in capsys.readouterr().err
    run_steps(two_steps(tmp_path), tmp_path, Experiment(seed=2), [])
    assert "[1/2] make: settings, code or inputs changed since it was made; it is made anew" in capsys.readouterr().err


def test_two_do_not_work_in_one_folder(tmp_path: Path, called: list[list[str]]) -> None:
    with held(tmp_path), pytest.raises(OutputError, match="another process works on it; wait for it, or end it"):
        run_steps(two_steps(tmp_path), tmp_path, Experiment(), [])
    assert called == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit(2)", "step one ended with exit code 2; its own message stands above"),
        ("import os; os.kill(os.getpid(), 9)", "one was killed by SIGKILL, perhaps for want of memory; run the same"),
    ],
)
def test_how_a_step_ended_is_told(code: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_steps, "command_line", lambda words: [sys.executable, "-c", code])
    # Under pytest standard error is no file.
    monkeypatch.setattr(of_steps.sys, "stderr", subprocess.DEVNULL)
    monkeypatch.setattr("builtins.print", lambda *args, **kwargs: None)
    with pytest.raises(TfspineError, match=message):
        of_steps._call("one", [])


def test_the_steps_own_settings_come_last_and_the_experiment_only_where_it_counts() -> None:
    experiment = ["--experiment", "x.toml", "--set", "a.b=1"]
    step = Step("one", ("verb", "--out", Path("here")), (), settings=("a.b=2",), pace=("--workers", "3"))
    assert step.words(experiment) == ["verb", "--out", "here", "--workers", "3", "--set", "a.b=2"]
    told = replace(step, sections=("phantom",)).words(experiment)
    assert told == ["verb", "--out", "here", "--workers", "3", *experiment, "--set", "a.b=2"]
