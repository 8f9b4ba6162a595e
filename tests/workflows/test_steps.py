"""Steps: what is done again and when, what happens to former outputs, and how a failed step is reported."""

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from tfspine.config import Experiment, GraderConfig, PhantomConfig
from tfspine.errors import ConfigError, OutputError, TfspineError
from tfspine.hashes import code_hash
from tfspine.outputs import held
from tfspine.workflows import steps as of_steps
from tfspine.workflows.steps import Step, run_steps

called: list[str] = []


@dataclass(frozen=True)
class MakeOptions:
    experiment: Experiment = field(default_factory=Experiment)
    workers: int = 1
    depth: int = 1


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    called.clear()
    yield
    called.clear()


def make(out: Path, options: MakeOptions) -> None:
    called.append("make")
    out.write_text("written")


def read(out: Path, made: Path | None = None) -> None:
    called.append("read")
    out.write_text("written")


def fail_half_way(out: Path) -> None:
    out.write_text("half")
    raise TfspineError("interrupted")


def train(run: Path, seed: int) -> None:
    run.mkdir(exist_ok=True)
    (run / "weights").write_text(f"seed={seed}")


def leave() -> None:
    raise SystemExit(2)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def begin_and_be_killed(run: Path) -> None:
    """Is killed in its first call, as a training that runs out of memory, and continues in the second."""
    if (run / "checkpoint").is_file():
        (run / "weights").write_text("complete")
        return
    run.mkdir()
    (run / "checkpoint").write_text("half")
    kill()


def two_steps(out: Path, options: MakeOptions = MakeOptions()) -> tuple[Step, Step]:
    first = Step("make", partial(make, out / "made", options), (out / "made",), sections=("phantom",))
    return first, Step("read", partial(read, out / "read"), (out / "read",), needs=("make",))


def verbs() -> list[str]:
    verbs = [*called]
    called.clear()
    return verbs


def test_more_workers_between_two_stretches_redo_nothing(tmp_path: Path) -> None:
    run_steps(two_steps(tmp_path), tmp_path)
    assert verbs() == ["make", "read"]
    faster = MakeOptions(experiment=Experiment(phantom=PhantomConfig(workers=2)), workers=2)
    run_steps(two_steps(tmp_path, faster), tmp_path)
    assert verbs() == []


@pytest.mark.parametrize(
    ("changed", "redone"),
    [
        (Experiment(phantom=PhantomConfig(studies=25)), ["make", "read"]),
        (Experiment(seed=2), ["make", "read"]),
        (Experiment(grader=GraderConfig(epochs=1)), []),
    ],
)
def test_a_setting_redoes_the_steps_that_it_reaches(changed: Experiment, redone: list[str], tmp_path: Path) -> None:
    run_steps(two_steps(tmp_path), tmp_path)
    called.clear()
    run_steps(two_steps(tmp_path, MakeOptions(experiment=changed)), tmp_path)
    assert verbs() == redone


def test_a_steps_own_setting_is_part_of_what_it_made(tmp_path: Path) -> None:
    run_steps(two_steps(tmp_path, MakeOptions(depth=1)), tmp_path)
    called.clear()
    run_steps(two_steps(tmp_path, MakeOptions(depth=2)), tmp_path)
    assert verbs() == ["make", "read"]


def test_what_an_interrupted_step_has_written_stays_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = two_steps(tmp_path)
    run_steps(steps[:1], tmp_path)

    def interrupted(step: Step, environment: Mapping[str, str]) -> None:
        (tmp_path / "read").write_text("half")
        raise TfspineError("interrupted")

    monkeypatch.setattr(of_steps, "_call", interrupted)
    with pytest.raises(TfspineError):
        run_steps(steps, tmp_path)
    found = []
    monkeypatch.setattr(of_steps, "_call", lambda step, _: found.append((step.name, (tmp_path / "read").read_text())))
    run_steps(steps, tmp_path)
    assert found == [("read", "half")]


def test_a_step_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    run = tmp_path / "run"
    step = Step("train", partial(begin_and_be_killed, run), (run,), goes_on=True, is_apart=True)
    with pytest.raises(
        TfspineError,
        match=r"step \[1/1\] train: was killed by SIGKILL, perhaps because memory ran "
        r"out",
    ):
        run_steps([step], tmp_path)
    run_steps([step], tmp_path)
    assert (run / "weights").read_text() == "complete"
    assert not list(tmp_path.glob("run.former*"))


def test_a_byte_changed_in_what_a_step_reads_redoes_it(tmp_path: Path) -> None:
    first, second = two_steps(tmp_path)
    steps = (first, replace(second, call=partial(read, tmp_path / "read", tmp_path / "made")))
    run_steps(steps, tmp_path)
    called.clear()
    (tmp_path / "made").write_text("wriTten")  # as long as before
    run_steps(steps, tmp_path)
    assert verbs() == ["read"]


def test_other_code_redoes_the_steps_that_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = two_steps(tmp_path)
    other = partial(fail_half_way, tmp_path / "read")
    other.func.__module__ = "tfspine.workflows.read"
    steps = (first, replace(second, call=other))
    done = []
    monkeypatch.setattr(of_steps, "_call", lambda step, _: (step.outputs[0].touch(), done.append(step.name)))
    run_steps(steps, tmp_path)
    done.clear()
    monkeypatch.setattr(
        of_steps, "code_hash", lambda module: "new" if module == "tfspine.workflows.read" else code_hash(module)
    )
    run_steps(steps, tmp_path)
    assert done == ["read"]


@pytest.fixture
def trained(tmp_path: Path) -> Callable[[int], Step]:
    """A step whose function continues in its folder, done once with seed 1; made for another seed on request."""

    def with_seed(seed: int) -> Step:
        return Step("train", partial(train, tmp_path / "run", seed), (tmp_path / "run",), goes_on=True)

    run_steps([with_seed(1)], tmp_path)
    return with_seed


def test_a_run_that_is_trained_anew_takes_the_place_of_the_former(
    trained: Callable[[int], Step], tmp_path: Path
) -> None:
    run_steps([trained(2)], tmp_path)
    assert (tmp_path / "run" / "weights").read_text() == "seed=2"
    assert not list(tmp_path.glob("run.former*"))


def test_a_former_run_is_kept_until_the_new_one_is_complete(
    trained: Callable[[int], Step], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = of_steps._call

    def fail(step: Step, environment: Mapping[str, str]) -> None:
        raise TfspineError("interrupted")

    monkeypatch.setattr(of_steps, "_call", fail)
    with pytest.raises(TfspineError):
        run_steps([trained(2)], tmp_path)
    assert (tmp_path / "run.former-1" / "weights").read_text() == "seed=1"
    monkeypatch.setattr(of_steps, "_call", good)
    run_steps([trained(2)], tmp_path)
    assert (tmp_path / "run" / "weights").read_text() == "seed=2"
    assert not list(tmp_path.glob("run.former*"))


def test_a_former_run_that_holds_somebodys_file_is_kept(
    trained: Callable[[int], Step], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run" / "notes.txt").write_text("mine")
    run_steps([trained(2)], tmp_path)
    assert (tmp_path / "run.former-1" / "notes.txt").read_text() == "mine"
    assert f"{tmp_path / 'run.former-1'}: the former output, kept" in caplog.text


def test_what_is_made_anew_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run_steps(two_steps(tmp_path), tmp_path)
    assert "made again" not in caplog.text
    run_steps(two_steps(tmp_path, MakeOptions(depth=2)), tmp_path)
    assert "[1/2] make: settings, code or inputs changed since it was made; it is made again" in caplog.text


def test_two_do_not_work_in_one_folder(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(OutputError, match="another process works on it; wait for it, or end it"):
        run_steps(two_steps(tmp_path), tmp_path)
    assert verbs() == []


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (leave, r"step \[1/1\] one: ended with exit code 2; see its message above"),
        (kill, "one: was killed by SIGKILL, perhaps because memory ran out; run the same"),
    ],
)
def test_how_a_step_ended_is_told(function: Callable[[], None], message: str, tmp_path: Path) -> None:
    with pytest.raises(TfspineError, match=message):
        run_steps([Step("one", partial(function), (), is_apart=True)], tmp_path)


def test_what_a_step_refuses_is_told_with_its_name(tmp_path: Path) -> None:
    step = Step("one", partial(fail_half_way, tmp_path / "x"), (tmp_path / "x",))
    with pytest.raises(TfspineError, match=r"^step \[1/1\] one: interrupted$"):
        run_steps([step], tmp_path)


def test_inputs_are_what_it_reads_and_not_what_it_writes(tmp_path: Path) -> None:
    (tmp_path / "slices").mkdir()
    (tmp_path / "made").mkdir()
    step = Step("read", partial(read, tmp_path / "made", tmp_path / "slices"), (tmp_path / "made",))
    assert step.inputs == (tmp_path / "slices",)


@dataclass(frozen=True)
class Interval:
    """When a step ran, in seconds of one clock that all processes share."""

    begun: float
    ended: float


def work(out: Path, seconds: float = 1.0) -> None:
    begun = time.monotonic()
    time.sleep(seconds)
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    out.write_text(f"{begun} {time.monotonic()} {threads}")


def fail_at_once(out: Path) -> None:
    raise TfspineError("interrupted")


def interval_of(path: Path) -> Interval:
    begun, ended = path.read_text().split()[:2]
    return Interval(float(begun), float(ended))


def apart(out: Path, name: str, *, needs: tuple[str, ...] = ()) -> Step:
    return Step(name, partial(work, out / name), (out / name,), needs=needs, is_apart=True)


def test_steps_that_do_not_need_one_another_run_at_once(tmp_path: Path) -> None:
    last = Step("report", partial(work, tmp_path / "report", 0.0), (tmp_path / "report",), needs=("export",))
    steps = (
        apart(tmp_path, "detector"),
        apart(tmp_path, "grader"),
        apart(tmp_path, "export", needs=("detector", "grader")),
        last,
    )
    run_steps(steps, tmp_path, jobs=2)
    detector, grader, export, report = (interval_of(tmp_path / step.name) for step in steps)
    assert max(detector.begun, grader.begun) < min(detector.ended, grader.ended)
    assert export.begun > max(detector.ended, grader.ended)
    assert report.begun > export.ended
    cores = max(1, len(os.sched_getaffinity(0)) // 2)
    assert (tmp_path / "detector").read_text().endswith(f" {cores}")


def test_no_job_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--jobs 0; expected 1 or more$"):
        run_steps((apart(tmp_path, "detector"),), tmp_path, jobs=0)


def test_one_job_runs_the_steps_in_their_order(tmp_path: Path) -> None:
    run_steps((apart(tmp_path, "detector"), apart(tmp_path, "grader")), tmp_path)
    assert interval_of(tmp_path / "grader").begun > interval_of(tmp_path / "detector").ended


def test_a_step_that_fails_ends_the_others_and_is_named(tmp_path: Path) -> None:
    long = Step("long", partial(work, tmp_path / "long", 600.0), (tmp_path / "long",), is_apart=True)
    wrong = Step("wrong", partial(fail_at_once, tmp_path / "wrong"), (tmp_path / "wrong",), is_apart=True)
    never = Step("never", partial(make, tmp_path / "never", MakeOptions()), (tmp_path / "never",), needs=("long",))
    with pytest.raises(TfspineError, match=r"^step \[2/3\] wrong: interrupted$"):
        run_steps((long, wrong, never), tmp_path, jobs=2)
    assert not (tmp_path / "long").exists()
    assert not json.loads((tmp_path / "steps" / "long.json").read_text())["is_done"]
    assert verbs() == []


def test_one_bar_counts_all_steps_by_what_they_took_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = two_steps(tmp_path)
    run_steps([replace(first, known_s=30.0), replace(second, known_s=10.0)], tmp_path)
    assert capsys.readouterr().err.splitlines()[-1].startswith("all steps: 100 %, ")
