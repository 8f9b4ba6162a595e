"""The workers of a cluster from TF_CONFIG or Slurm; what is missing is refused before TensorFlow is imported."""

import json
import os
from pathlib import Path

import pytest

from tfspine.cli.main import main
from tfspine.errors import ConfigError
from tfspine.training.cluster import Cluster, read_cluster

TWO = {"worker": ["host1:1", "host2:1"]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not set"),
        ("{", "is not JSON"),
        ("[]", "has no cluster"),
        (json.dumps({"cluster": TWO}), "has no task"),
        (json.dumps({"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}), "names no list of workers"),
        (json.dumps({"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}), "names no list of workers"),
        (json.dumps({"cluster": TWO, "task": {"type": "evaluator", "index": 0}}), "task.type = 'evaluator'"),
        (json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 2}}), "task.index = 2; expected 0 to 1"),
        (json.dumps({"cluster": TWO, "task": {"type": "worker"}}), "task.index = None"),
        (json.dumps({"cluster": {"worker": ["host1"]}, "task": {"type": "worker", "index": 0}}), "address 'host1'"),
        (json.dumps({"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}), "address twice"),
    ],
)
def test_what_is_missing_is_told_in_one_line(text: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError) as refusal:
        read_cluster()
    assert str(refusal.value).startswith("--strategy multiworker: TF_CONFIG ")
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("index", [0, 1, "1"])
def test_a_worker_that_knows_itself_is_let_through(index: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": TWO, "task": {"type": "worker", "index": index}}))
    assert read_cluster() == Cluster(("host1:1", "host2:1"), int(str(index)))


@pytest.mark.parametrize(("role", "index", "rank"), [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)])
def test_the_chief_comes_before_the_workers(role: str, index: int, rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"worker": ["b:1", "c:1"], "chief": ["a:1"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": role, "index": index}}))
    found = read_cluster()
    assert found == Cluster(("a:1", "b:1", "c:1"), rank)
    assert found.is_chief == (role == "chief")


@pytest.mark.slow
def test_tasks_of_srun_are_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables are those that Slurm 23 sets for `srun --nodes 2 --ntasks 3` (man srun, output environment)."""
    monkeypatch.setenv("TF_CONFIG", "")  # restored afterwards, because it is set on the way
    step = {"NUM_TASKS": "3", "NODELIST": "node[07-08]", "TASKS_PER_NODE": "2,1"}
    for name, value in {f"SLURM_STEP_{name}": value for name, value in step.items()}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_PROCID", "2")
    monkeypatch.setenv("SLURM_JOB_ID", "41234")
    assert read_cluster() == Cluster(("node07:21234", "node07:21235", "node08:21234"), 2)
    assert json.loads(os.environ["TF_CONFIG"])["task"] == {"type": "worker", "index": 2}


def test_the_command_refuses_and_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    words = ["--plane", "axial", "--records", str(tmp_path / "records"), "--out", str(tmp_path / "run")]
    assert main(["train", "detector", "--strategy", "multiworker", *words]) == 2
    assert "TF_CONFIG is not set" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
