"""A sweep's plan on disk: kills, cut files and failures cost one trial at most. Nothing is trained here."""

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FatalRuntimeError

from tfspine.cli.main import main
from tfspine.config import Experiment
from tfspine.errors import ConfigError, ModelError, OutputError
from tfspine.training.oracles import HOPELESS_TRIALS, KeptOracle, first_trials, make_oracle
from tfspine.training.search import Sweep, load_sweep
from tfspine.training.sweep_workers import (
    Role,
    hold_worker,
    is_worker_alive,
    limit_questions,
    role_from_environment,
    serve_trials,
    take_gpu,
)

SPACE = """
[space]
"grader.learning_rate" = {min = 1e-4, max = 1e-2, sampling = "log"}
"grader.dense_units" = {values = [16, 32, 64]}
"""
KINDS = ("random", "bayesian", "hyperband", "grid")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tuner"


def _sweep(tmp_path: Path, kind: str, tuner: str = "", *, trials: int = 100) -> Sweep:
    path = tmp_path / "sweep.toml"
    path.write_text(f"[tuner]\nkind = '{kind}'\ntrials = {trials}\nepochs = 9\n{tuner}\n{SPACE}")
    return load_sweep(path, Experiment())


def _oracle(sweep: Sweep, folder: Path) -> KeptOracle:
    oracle = make_oracle(sweep)
    oracle._set_project_dir(str(folder.parent), folder.name)
    if (folder / "oracle.json").exists():
        oracle.reload()
    return oracle


def _run(oracle: KeptOracle, count: int, *, status: str = TrialStatus.COMPLETED) -> list[Trial]:
    trials = []
    for _ in range(count):
        trial = oracle.create_trial("tuner0")
        assert trial.status == TrialStatus.RUNNING
        if status == TrialStatus.COMPLETED:
            oracle.update_trial(trial.trial_id, {"val_ac1": len(oracle.trials) / 100})
        trial.status = status
        oracle.end_trial(trial)
        trials.append(trial)
    return trials


def _settings(oracle: KeptOracle) -> list[dict[str, Any]]:
    return [trial.hyperparameters.values for trial in oracle.trials.values()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_trial_counts_as_failed_and_the_search_goes_on(tmp_path: Path, folder: Path, kind: str) -> None:
    sweep = _sweep(tmp_path, kind)
    _run(_oracle(sweep, folder), 4)
    cut = next(folder.glob("trial_*1/trial.json"))
    cut.write_bytes(cut.read_bytes()[:50])
    oracle = _oracle(sweep, folder)
    statuses = [oracle.trials[name].status for name in sorted(oracle.trials)]
    assert statuses == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
    assert cut.with_name("trial.json.damaged").is_file()
    assert "cannot be read" in (oracle.trials[cut.parent.name.removeprefix("trial_")].message or "")
    (new,) = _run(oracle, 1)
    assert int(new.trial_id) == 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [b"", b'{"ongoing_trials": {', b"[]", b"{}"])
def test_without_its_state_a_search_keeps_its_trials(tmp_path: Path, folder: Path, kind: str, content: bytes) -> None:
    sweep = _sweep(tmp_path, kind)
    before = _run(_oracle(sweep, folder), 5)
    (folder / "oracle.json").write_bytes(content)
    oracle = _oracle(sweep, folder)
    assert [oracle.trials[trial.trial_id].score for trial in before] == [trial.score for trial in before]
    after = _run(oracle, 4)
    assert [int(trial.trial_id) for trial in after] == [5, 6, 7, 8]
    drawn = [json.dumps(values, sort_keys=True) for values in _settings(oracle)]
    assert len(set(drawn)) == len(drawn)


def test_a_kill_between_the_trial_and_the_state_loses_nothing(tmp_path: Path, folder: Path) -> None:
    sweep = _sweep(tmp_path, "random")
    oracle = _oracle(sweep, folder)
    _run(oracle, 1)
    before = (folder / "oracle.json").read_text()
    started = oracle.create_trial("tuner0")
    (folder / "oracle.json").write_text(before)
    # The trial was written, the state was not.
    oracle = _oracle(sweep, folder)
    assert oracle.create_trial("tuner0").trial_id == started.trial_id
    before = (folder / "oracle.json").read_text()
    oracle.update_trial(started.trial_id, {"val_ac1": 0.5})
    ended = oracle.trials[started.trial_id]
    ended.status = TrialStatus.COMPLETED
    oracle.end_trial(ended)
    (folder / "oracle.json").write_text(before)
    # It ended, and the state did not know yet.
    assert _oracle(sweep, folder).create_trial("tuner0").trial_id != started.trial_id


def test_failed_trials_end_a_sweep_only_where_none_ended_well(tmp_path: Path, folder: Path) -> None:
    sweep = _sweep(tmp_path, "random")
    oracle = _oracle(sweep, folder)
    _run(oracle, 1)
    _run(oracle, HOPELESS_TRIALS + 1, status=TrialStatus.FAILED)
    assert oracle.create_trial("tuner0").status == TrialStatus.RUNNING
    hopeless = _oracle(sweep, tmp_path / "hopeless")
    _run(hopeless, HOPELESS_TRIALS, status=TrialStatus.FAILED)
    assert hopeless.create_trial("tuner0").status == TrialStatus.STOPPED


def test_a_budget_in_hours_starts_no_trial_after_it(tmp_path: Path, folder: Path) -> None:
    oracle = _oracle(_sweep(tmp_path, "random", "hours = 1e-9"), folder)
    assert oracle.create_trial("tuner0").status == TrialStatus.STOPPED


def test_a_grid_has_every_combination_once_across_interruptions(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(
        "[tuner]\nkind = 'grid'\n[space]\n'grader.dropout' = {values = [0.1, 0.2]}\n"
        "'grader.epochs' = {min = 2, max = 6, step = 2}"
    )
    sweep = load_sweep(path, Experiment())
    _run(_oracle(sweep, folder), 2)
    oracle = _oracle(sweep, folder)
    _run(oracle, 4)
    assert oracle.create_trial("tuner0").status == TrialStatus.STOPPED
    epochs = [values["grader.epochs"] for values in _settings(oracle)]
    assert epochs == [2, 4, 6, 2, 4, 6]


@pytest.mark.parametrize("kind", KINDS)
def test_whether_a_search_is_over_is_known_without_a_worker(tmp_path: Path, folder: Path, kind: str) -> None:
    sweep = _sweep(tmp_path, kind, trials=2)
    oracle = _oracle(sweep, folder)
    assert not oracle.is_over()
    while (trial := oracle.create_trial("worker0")).status == TrialStatus.RUNNING:
        oracle.update_trial(trial.trial_id, {"val_ac1": 0.5})
        trial.status = TrialStatus.COMPLETED
        oracle.end_trial(trial)
    assert oracle.is_over()
    assert {trial.status for trial in oracle.trials.values()} == {TrialStatus.COMPLETED}
    assert _oracle(sweep, folder).is_over()


def test_a_chief_takes_up_a_trial_that_was_just_started(tmp_path: Path, folder: Path) -> None:
    """Keras Tuner writes the state before its display knows the trial, and its display fails when the trial ends."""
    sweep = _sweep(tmp_path, "random")
    oracle = _oracle(sweep, folder)
    trial = oracle.create_trial("worker0")
    state = json.loads((folder / "oracle.json").read_text())
    state["display"]["trial_start"] = {}
    (folder / "oracle.json").write_text(json.dumps(state))
    again = make_oracle(sweep)
    again.is_alive = lambda name: True
    again._set_project_dir(str(folder.parent), folder.name)
    again.reload()
    again.update_trial(trial.trial_id, {"val_ac1": 0.5})
    trial.status = TrialStatus.COMPLETED
    again.end_trial(trial)
    assert again.trials[trial.trial_id].score == 0.5


@pytest.mark.parametrize(
    ("name", "chosen", "used"),
    [("worker0", "0,1,2", "0"), ("worker4", "0,1,2", "1"), ("w", "2,1", "2"), ("chief", "0,1", "cpu"), ("w1", "", "")],
)
def test_each_worker_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch, name: str, chosen: str, used: str) -> None:
    monkeypatch.setattr("tfspine.training.sweep_workers.chosen_numbers", lambda: chosen.split(",") if chosen else [])
    monkeypatch.setenv("TFSPINE_DEVICES", chosen)
    take_gpu(Role(name, "127.0.0.1:1"))
    assert os.environ["TFSPINE_DEVICES"] == used


def test_more_trials_or_hours_are_the_same_sweep(tmp_path: Path) -> None:
    claim = _sweep(tmp_path, "random").claim()
    assert _sweep(tmp_path, "random", "hours = 2.0\nwait_s = 9.0").claim() == claim
    assert _sweep(tmp_path, "random", "seed = 2").claim() != claim


def test_the_trial_of_a_worker_that_ended_goes_to_the_next(tmp_path: Path, folder: Path) -> None:
    oracle = _oracle(_sweep(tmp_path, "random"), folder)
    lost = oracle.create_trial("worker0")
    with hold_worker(tmp_path, "worker0"):
        assert is_worker_alive(tmp_path, "worker0")
        with pytest.raises(OutputError), hold_worker(tmp_path, "worker0"):
            pass
    assert not is_worker_alive(tmp_path, "worker0")
    oracle.release("worker0")
    assert oracle.create_trial("worker1").trial_id == lost.trial_id


def test_a_chief_that_starts_again_leaves_the_trials_of_living_workers(tmp_path: Path, folder: Path) -> None:
    sweep = _sweep(tmp_path, "random")
    oracle = _oracle(sweep, folder)
    running, lost = oracle.create_trial("worker0"), oracle.create_trial("worker1")
    again = make_oracle(sweep)
    again.is_alive = lambda name: name == "worker0"
    again._set_project_dir(str(folder.parent), folder.name)
    again.reload()
    assert again.create_trial("worker0").trial_id == running.trial_id
    assert again.create_trial("worker2").trial_id == lost.trial_id


def test_a_worker_without_a_chief_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    role = role_from_environment()
    assert role == Role("worker0", "127.0.0.1:1")
    tuner = BaseTuner(make_oracle(_sweep(tmp_path, "random")), directory=str(tmp_path), project_name="tuner")
    limit_questions(tuner, role, wait_s=1)
    with pytest.raises(FatalRuntimeError, match=r"the chief at 127\.0\.0\.1:1 did not answer .*tuner\.wait_s"):
        tuner.search(verbose=0)


def test_a_worker_waits_for_its_chief_and_takes_over_from_one_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker1")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))
    sweep = _sweep(tmp_path, "random")
    chief = _oracle(sweep, tmp_path / "tuner")
    chief.max_trials = 3
    chief.create_trial("worker0")  # and it never comes back
    role = role_from_environment()
    # The chief is slow to start: the worker asks before anyone listens.
    serving = threading.Timer(2.0, serve_trials, args=(chief, role), kwargs={"wait_s": 20})
    serving.start()

    class Answers(BaseTuner):
        def run_trial(self, trial: Trial, **_: Any) -> dict[str, float]:
            return {"val_ac1": 0.5}

    with hold_worker(tmp_path, "worker1"):
        tuner = Answers(make_oracle(sweep), directory=str(tmp_path), project_name="tuner")
        limit_questions(tuner, role, wait_s=20)
        tuner.search(verbose=0)
    serving.join(timeout=20)
    assert not serving.is_alive()
    assert [trial.status for trial in chief.trials.values()] == ["COMPLETED"] * 3


def test_a_chief_without_workers_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        role = Role("chief", f"127.0.0.1:{free.getsockname()[1]}")
    chief = _oracle(_sweep(tmp_path, "hyperband"), tmp_path / "tuner")
    with pytest.raises(ModelError, match=r"no worker for 1 s \(tuner\.wait_s\); start workers, and the chief again"):
        serve_trials(chief, role, wait_s=1)
    monkeypatch.setattr(chief, "is_over", lambda: True)
    serve_trials(chief, role, wait_s=1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        role = Role("chief", f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ModelError, match=r"cannot be listened on; set KERASTUNER_ORACLE_IP"):
            serve_trials(chief, role, wait_s=1)


@pytest.mark.parametrize(("variable", "value"), [("KERASTUNER_TUNER_ID", "../up"), ("KERASTUNER_ORACLE_PORT", "")])
def test_half_an_address_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "8000")
    assert role_from_environment().is_chief
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable):
        role_from_environment()


@pytest.mark.parametrize("kind", KINDS)
def test_a_dry_run_draws_what_the_sweep_would_train(
    tmp_path: Path, folder: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = _sweep(tmp_path, kind)
    drawn = first_trials(sweep, 3, folder=tmp_path / "empty")
    oracle = _oracle(sweep, folder)
    names = [oracle.create_trial(f"worker{number}").trial_id for number in range(3)]
    wanted = [oracle.trials[name].hyperparameters.values["grader.learning_rate"] for name in names]
    assert [values["learning_rate"] for values in drawn] == wanted
    where = ["--records", str(tmp_path / "none"), "--region", "central_canal", "--out", str(tmp_path / "out")]
    assert main(["tune", str(tmp_path / "sweep.toml"), *where, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert f'tuner.kind = "{kind}"' in printed
    assert f"trial 0: grader.learning_rate = {wanted[0]}" in printed
    assert not (tmp_path / "out").exists()
