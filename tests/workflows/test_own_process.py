"""A function in a process of its own: its result, error, words and bars reach us, and it ends when we do."""

import functools
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import wait_until

from tfspine import progress
from tfspine.errors import ModelError, TfspineError
from tfspine.overall_progress import OverallBar
from tfspine.progress import new_bar
from tfspine.workflows.own_process import own_process, run_in_own_process


def multiply(a: int, *, b: int) -> tuple[int, int]:
    print("a word on standard output")
    logging.getLogger("tfspine").warning("a warning of ours")
    return a * b, os.getpid()


def refuse() -> None:
    raise ModelError("runs/axial: holds no checkpoint; train it first")


def fail() -> None:
    raise ZeroDivisionError("a bug")


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    raise SystemExit(2)


def serve(*, ready) -> None:
    ready({"grpc": 8500})
    time.sleep(60)


def count() -> None:
    with new_bar() as bar:
        task = bar.add_task("axial detector", total=20)
        bar.update(task, completed=20)


def variable(name: str) -> str:
    return os.environ[name]


def sleep_beside(pid_file: Path) -> None:
    pid_file.write_text(str(os.getpid()))
    time.sleep(60)


def test_the_result_comes_back_and_the_words_go_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    product, process = run_in_own_process(functools.partial(multiply, 6, b=7))
    assert product == 42
    assert process != os.getpid()
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == ["a word on standard output", "a warning of ours"]


def test_what_it_refuses_is_raised_here() -> None:
    with pytest.raises(ModelError, match="runs/axial: holds no checkpoint; train it first"):
        run_in_own_process(functools.partial(refuse))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (leave, "ended with exit code 2; see its message above"),
        (fail, "ended with exit code 1; see its message above"),
        (kill, "was killed by SIGKILL, perhaps because memory ran out; run the same command again to continue"),
    ],
)
def test_how_it_ended_is_told(function, message: str) -> None:
    with pytest.raises(TfspineError, match=message):
        run_in_own_process(functools.partial(function))


def test_a_bug_shows_where_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TfspineError):
        run_in_own_process(functools.partial(fail))
    assert "ZeroDivisionError: a bug" in capfd.readouterr().err


def test_a_server_tells_when_it_is_ready_and_ends_with_the_block() -> None:
    with own_process(functools.partial(serve), tells="ready") as server:
        assert server.told() == {"grpc": 8500}
        assert server._process.poll() is None
    assert server._process.poll() is not None


def test_its_environment_may_differ() -> None:
    call = functools.partial(variable, "TFSPINE_DEVICES")
    assert run_in_own_process(call, environment={"TFSPINE_DEVICES": "3"}) == "3"


def test_its_bars_are_ours(capsys: pytest.CaptureFixture[str]) -> None:
    run_in_own_process(functools.partial(count))
    assert capsys.readouterr().err.startswith("axial detector: 20 of 20, ")


def test_below_the_overall_bar_its_bars_count(capsys: pytest.CaptureFixture[str]) -> None:
    with OverallBar({"detector": 100.0, "export": 300.0}) as overall:
        overall.begin("detector")
        run_in_own_process(functools.partial(count))
        overall.finish("detector")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("axial detector: 20 of 20, ")
    assert lines[-1].startswith("all steps: 25 %, ")
    assert progress.host is None


PARENT = """
import functools, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import test_own_process as here
here.run_in_own_process(functools.partial(here.sleep_beside, Path(sys.argv[1])))
"""


def test_it_ends_though_we_are_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = [sys.executable, "-c", PARENT, str(pid_file), *map(str, Path(__file__).parents[:2])]
    parent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_until(lambda: pid_file.is_file() and pid_file.read_text())
    child = int(pid_file.read_text())
    parent.kill()
    parent.wait()
    wait_until(lambda: not _is_running(child))


def _is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
