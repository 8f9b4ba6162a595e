"""Multi-worker training without a cluster in TF_CONFIG is refused before TensorFlow is imported."""

import json
from pathlib import Path

import pytest

from tfspine.cli.main import main
from tfspine.errors import ConfigError
from tfspine.training.tf_config import require_cluster

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
    ],
)
def test_what_is_missing_is_told_in_one_line(text: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError) as refusal:
        require_cluster()
    assert str(refusal.value).startswith("--strategy multiworker: TF_CONFIG ")
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("index", [0, 1, "1"])
def test_a_worker_that_knows_itself_is_let_through(index: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": TWO, "task": {"type": "worker", "index": index}}))
    require_cluster()


def test_the_command_refuses_and_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    words = ["--plane", "axial", "--records", str(tmp_path / "records"), "--out", str(tmp_path / "run")]
    assert main(["train", "detector", "--strategy", "multiworker", *words]) == 2
    assert "TF_CONFIG is not set" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
